//! Attributes, subjects and answers that the checks bring.

use lapidary_sdk::kinds::{Answer, Ask, Attribute, AttributeSet, ItemText, Request, Subject};

pub(super) fn attributes() -> AttributeSet {
    let attribute = |name: &str, low: &str, high: &str| Attribute {
        name: name.to_owned(),
        description: format!("how much of {name} there is"),
        low: low.to_owned(),
        high: high.to_owned(),
        phrases: vec![name.to_owned(), format!("its {name}")],
    };
    AttributeSet {
        domain: "films".into(),
        item: "film".into(),
        items: "films".into(),
        verb: "watched".into(),
        attributes: vec![
            attribute("humour", "grave throughout", "one joke after another"),
            attribute("suspense", "calm", "nail-biting"),
            attribute("romance", "no love story", "love above all"),
        ],
    }
}

pub(super) fn subjects() -> Vec<Subject> {
    let item = |title: &str, year: &str, genre: &str| ItemText {
        title: title.to_owned(),
        year: year.to_owned(),
        categories: vec![genre.to_owned()],
        fields: serde_json::Map::new(),
    };
    let bare = ItemText {
        title: "The \"Quoted\" {Braced} Film".to_owned(),
        ..ItemText::default()
    };
    vec![
        Subject::Item(item("The Long Night", "1994", "Thriller")),
        Subject::Item(item("Paris by Bicycle", "2003", "Comedy")),
        Subject::Item(bare.clone()),
        Subject::User(vec![item("The Long Night", "1994", "Thriller"), bare]),
    ]
}

/// An answer of the form that was asked for, different for every subject.
pub(super) fn invented(request: &Request, salt: u32) -> Answer {
    match &request.ask {
        Ask::Likelihood { continuations } => Answer::Likelihood {
            log_probs: (0..continuations.len())
                .map(|i| -1.0 - f64::from((i as u32 * 7 + salt * 3) % 11))
                .collect(),
            tokens: continuations
                .iter()
                .map(|c| 1 + c.len() as u32 % 3)
                .collect(),
        },
        Ask::Complete { .. } => Answer::Text(format!(
            "{{\"humour\": {}, \"suspense\": {}, \"romance\": 5}}",
            salt % 10,
            (salt + 3) % 10
        )),
    }
}
