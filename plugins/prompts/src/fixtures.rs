//! What several tests need.

use lapidary_sdk::prelude::*;

/// Three attributes of films, with 2, 1 and 3 phrases.
pub fn attributes() -> AttributeSet {
    let attribute = |name: &str, phrases: &[&str]| Attribute {
        name: name.to_owned(),
        description: format!("How much {name}."),
        low: "none".to_owned(),
        high: "plenty".to_owned(),
        phrases: phrases.iter().map(|&p| p.to_owned()).collect(),
    };
    AttributeSet {
        domain: "movies".to_owned(),
        item: "movie".to_owned(),
        items: "movies".to_owned(),
        verb: "watched".to_owned(),
        attributes: vec![
            attribute("humor", &["humor", "jokes"]),
            attribute("scares", &["horror"]),
            attribute("plot_complexity", &["plot twists", "puzzles", "layers"]),
        ],
    }
}

/// The context of a strategy.
pub fn context() -> PromptStrategyContext {
    PromptStrategyContext {
        attributes: attributes(),
    }
}

/// A film with a title and a year.
pub fn film(title: &str, year: &str) -> ItemText {
    ItemText {
        title: title.to_owned(),
        year: year.to_owned(),
        ..ItemText::default()
    }
}
