//! What every prompt strategy does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::prompt_strategy::method;
use lapidary_sdk::kinds::{
    Answer, Ask, Attribute, AttributeSet, ItemText, Prompt, PromptStrategy, PromptStrategyContext,
    Reading, Request, Subject,
};
use serde_json::Value;
use tch::{Device, Kind as DType, Tensor};

use super::process::unchanged;
use super::round_trip::round_trip;
use super::{Numbers, assert_refused, same};

/// Runs the suite of prompt strategies.
///
/// # Panics
/// When a check fails.
pub fn prompt_strategy(registry: &Registry, name: &str, settings: &Value) -> Numbers {
    let make = || {
        let context = PromptStrategyContext {
            attributes: attributes(),
        };
        let made = registry.prompt_strategy(name, settings, &context);
        made.unwrap_or_else(|e| panic!("it can be made: {e}"))
    };
    let strategy = make();
    let entry = registry.entry(Kind::PromptStrategy, name);
    let entry = entry.unwrap_or_else(|e| panic!("it is there: {e}"));
    let offers = |number| entry.description.offers(number);
    let mut numbers = Numbers::default();
    let mut rows = Vec::new();
    for (salt, subject) in subjects().iter().enumerate() {
        let requests = requests(&*strategy, subject);
        assert!(!requests.is_empty(), "every subject is asked about");
        assert_eq!(
            requests,
            self::requests(&*make(), subject),
            "equal subjects, equal requests"
        );
        names_the_subject(&requests, subject);
        numbers.add_text("requests", serde_json::json!(requests).to_string());
        let answers: Vec<_> = requests.iter().map(|r| invented(r, salt as u32)).collect();
        let reading = read(&*strategy, subject, &answers);
        assert_eq!(
            reading,
            read(&*make(), subject, &answers),
            "equal answers, equal readings"
        );
        unreadable(&*strategy, subject, &requests, reading.values.len());
        if offers(method::MEASURE) {
            measures(&*strategy, &answers, &reading);
        }
        if offers(method::OWN_TEXT) {
            its_own_text(&*strategy, subject, &requests);
        }
        assert_refused("fewer answers than requests", strategy.read(subject, &[]));
        rows.push(reading);
    }
    let mut other = make();
    round_trip(&*strategy, &mut *other);
    calibration(&*strategy, &*other, &rows, &mut numbers);
    numbers
}

fn attributes() -> AttributeSet {
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

fn subjects() -> Vec<Subject> {
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

fn requests(strategy: &dyn PromptStrategy, subject: &Subject) -> Vec<Request> {
    let requests = unchanged("requests", || strategy.requests(subject));
    requests.unwrap_or_else(|e| panic!("it asks about {subject:?}: {e}"))
}

fn read(strategy: &dyn PromptStrategy, subject: &Subject, answers: &[Answer]) -> Reading {
    let reading = unchanged("read", || strategy.read(subject, answers));
    reading.unwrap_or_else(|e| panic!("it reads answers: {e}"))
}

fn names_the_subject(requests: &[Request], subject: &Subject) {
    let items = match subject {
        Subject::Item(item) => std::slice::from_ref(item),
        Subject::User(items) => items,
    };
    for request in requests {
        let text = match &request.prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::Chat { messages, .. } => messages.iter().map(|m| m.content.as_str()).collect(),
        };
        for item in items {
            // A strategy may clean quotes and brackets out of a title, but no word.
            let mut words = item.title.split(|c: char| !c.is_alphanumeric());
            assert!(
                words.all(|word| text.contains(word)),
                "a prompt names what it asks about: {text}"
            );
        }
    }
}

/// An answer of the form that was asked for, different for every subject.
fn invented(request: &Request, salt: u32) -> Answer {
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

/// Text that says nothing is no error: the reading tells.
fn unreadable(
    strategy: &dyn PromptStrategy,
    subject: &Subject,
    requests: &[Request],
    width: usize,
) {
    if !requests
        .iter()
        .all(|r| matches!(r.ask, Ask::Complete { .. }))
    {
        return;
    }
    for text in ["", "I cannot say.", "{\"humour\": \"}\u{1F600}"] {
        let answers = vec![Answer::Text(text.to_owned()); requests.len()];
        let reading = read(strategy, subject, &answers);
        assert_eq!(
            reading.values.len(),
            width,
            "every reading has the same width"
        );
        let empty = reading.values.iter().all(Option::is_none);
        assert!(
            !empty || !reading.problems.is_empty(),
            "`{text}` cannot be read, and the reading says so"
        );
    }
}

/// Measuring is reading, with gradients.
fn measures(strategy: &dyn PromptStrategy, answers: &[Answer], reading: &Reading) {
    let (mut log_probs, mut tokens) = (Vec::new(), Vec::new());
    for answer in answers {
        let Answer::Likelihood {
            log_probs: values,
            tokens: counts,
        } = answer
        else {
            panic!("what measures asks for likelihoods")
        };
        log_probs.extend(values.iter().map(|&v| v as f32));
        tokens.extend(counts.iter().map(|&n| i64::from(n)));
    }
    let tokens = Tensor::from_slice(&tokens).unsqueeze(0).repeat([2, 1]);
    let log_probs = Tensor::from_slice(&log_probs).unsqueeze(0).repeat([2, 1]);
    let log_probs = log_probs.set_requires_grad(true);
    let raw = unchanged("measure", || strategy.measure(&log_probs, &tokens));
    let raw = raw.unwrap_or_else(|e| panic!("it measures: {e}"));
    let read: Vec<f32> = reading.values.iter().flatten().copied().collect();
    let read = Tensor::from_slice(&read).unsqueeze(0).repeat([2, 1]);
    assert!(
        raw.detach().allclose(&read, 1e-5, 1e-6, false) && raw.requires_grad(),
        "it measures what it reads"
    );
}

/// Its own text is part of what it asks.
fn its_own_text(strategy: &dyn PromptStrategy, subject: &Subject, requests: &[Request]) {
    let own = unchanged("own_text", || strategy.own_text(subject));
    let own = own.unwrap_or_else(|e| panic!("it tells its own text: {e}"));
    let text = |request: &Request| match &request.prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Chat { answer_start, .. } => answer_start.clone(),
    };
    let asked: Vec<String> = requests.iter().map(text).collect();
    for request in own {
        let Ask::Likelihood { continuations } = &request.ask else {
            panic!("its own text is asked for by likelihoods")
        };
        for continuation in continuations {
            let whole = format!("{}{continuation}", text(&request));
            assert!(
                !continuation.is_empty() && asked.iter().any(|a| a.starts_with(&whole)),
                "its own text is part of what it asks: {whole}"
            );
        }
    }
}

fn calibration(
    one: &dyn PromptStrategy,
    two: &dyn PromptStrategy,
    rows: &[Reading],
    numbers: &mut Numbers,
) {
    let (width, m) = (rows[0].values.len(), attributes().attributes.len() as i64);
    assert!(
        rows.iter().all(|r| r.values.len() == width),
        "every reading has the same width"
    );
    let values: Vec<f32> = rows
        .iter()
        .flat_map(|r| r.values.iter().map(|v| v.unwrap_or(f32::NAN)))
        .collect();
    let raw = Tensor::from_slice(&values).reshape([rows.len() as i64, width as i64]);
    let calibrate = |strategy: &dyn PromptStrategy, raw: &Tensor, reference: &Tensor| {
        let scores = unchanged("calibrate", || strategy.calibrate(raw, reference));
        scores.unwrap_or_else(|e| panic!("it turns measurements into scores: {e}"))
    };
    let scores = calibrate(one, &raw, &raw);
    assert_eq!(scores.size(), [rows.len() as i64, m]);
    assert!(
        same(&scores, &calibrate(two, &raw, &raw)),
        "a loaded state scores alike"
    );
    let part = calibrate(one, &raw.narrow(0, 1, 2), &raw);
    assert!(
        part.allclose(&scores.narrow(0, 1, 2), 1e-4, 1e-5, true),
        "a score depends on the row and the reference alone"
    );
    let lost = raw.full_like(f64::NAN);
    let nothing = calibrate(one, &lost, &raw);
    assert!(
        bool::try_from(nothing.isnan().all()).unwrap_or(false),
        "what was not read has no score"
    );
    let wrong = Tensor::zeros([2, width as i64 + 1], (DType::Float, Device::Cpu));
    assert_refused(
        "measurements of another width",
        one.calibrate(&wrong, &wrong),
    );

    numbers.add("raw", &raw);
    numbers.add("scores", &scores);
}
