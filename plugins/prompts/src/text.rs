//! Text of items and histories, cleaned so that it cannot break a sentence it is put into.

use lapidary_sdk::prelude::*;
use serde_json::Value;

/// Placeholders that an item fills, besides `fields.…`.
pub const ITEM: [&str; 6] = ["title", "year", "categories", "item", "items", "verb"];
/// Placeholders that a user fills.
pub const USER: [&str; 4] = ["history", "item", "items", "verb"];
/// Placeholders whose values are the same for all subjects.
pub const DOMAIN: [&str; 3] = ["item", "items", "verb"];

/// Articles that catalogues put behind a title: `Matrix, The`.
const ARTICLES: [&str; 15] = [
    "the", "a", "an", "le", "la", "les", "l'", "un", "une", "il", "el", "los", "der", "die", "das",
];

/// How subjects become text.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Words for the domain.
    pub set: AttributeSet,
    /// Most recent items of a history that are told.
    pub history: usize,
    /// Longest text of a title or a field, in characters.
    pub title_length: usize,
}

impl Writer {
    /// Checks the settings.
    ///
    /// # Errors
    /// When a length is 0.
    pub fn new(set: AttributeSet, history: usize, title_length: usize) -> Result<Self> {
        for (name, value) in [("history", history), ("title_length", title_length)] {
            if value == 0 {
                return Err(Error::invalid(format!("`{name}` must be at least 1")));
            }
        }
        if set.attributes.is_empty() {
            return Err(Error::invalid("the attribute set is empty"));
        }
        Ok(Self {
            set,
            history,
            title_length,
        })
    }

    /// The value of a placeholder for a subject; empty where there is none.
    pub fn value(&self, subject: &Subject, name: &str) -> String {
        match (name, subject) {
            ("item", _) => self.set.item.clone(),
            ("items", _) => self.set.items.clone(),
            ("verb", _) => self.set.verb.clone(),
            ("title", Subject::Item(item)) => self.title(item),
            ("year", Subject::Item(item)) => self.clean(&item.year),
            ("categories", Subject::Item(item)) => self.clean(&item.categories.join(", ")),
            ("history", Subject::User(items)) => self.tell(items),
            (other, Subject::Item(item)) => {
                let field = other
                    .strip_prefix("fields.")
                    .and_then(|n| item.fields.get(n));
                field.map_or_else(String::new, |v| self.clean(&plain(v)))
            }
            _ => String::new(),
        }
    }

    /// The most recent items, oldest first: `"A (1999)", "B" and "C (2010)"`.
    fn tell(&self, items: &[ItemText]) -> String {
        let start = items.len().saturating_sub(self.history);
        let told: Vec<String> = items
            .iter()
            .skip(start)
            .map(|item| match self.clean(&item.year) {
                year if year.is_empty() => format!("\"{}\"", self.title(item)),
                year => format!("\"{} ({year})\"", self.title(item)),
            })
            .collect();
        match told.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => told.concat(),
        }
    }

    fn title(&self, item: &ItemText) -> String {
        article_first(&self.clean(&item.title))
    }

    /// One line without double quotes, cut at a word.
    fn clean(&self, text: &str) -> String {
        let quote = |c: char| {
            if matches!(c, '"' | '“' | '”' | '„') {
                '\''
            } else {
                c
            }
        };
        let blank = |c: char| if c.is_control() { ' ' } else { quote(c) };
        let text: String = text.chars().map(blank).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some((end, _)) = text.char_indices().nth(self.title_length) else {
            return text;
        };
        let head = text.get(..end).unwrap_or(&text);
        let cut_in_a_word = !text.get(end..).unwrap_or("").starts_with(' ');
        let end = head
            .rfind(' ')
            .filter(|_| cut_in_a_word)
            .unwrap_or(head.len());
        head.get(..end).unwrap_or(head).trim_end().to_owned()
    }
}

/// `Matrix, The` becomes `The Matrix`.
fn article_first(title: &str) -> String {
    let (name, rest) = title
        .find(" (")
        .map_or((title, ""), |at| title.split_at(at));
    let Some((stem, article)) = name.rsplit_once(", ") else {
        return title.to_owned();
    };
    if !ARTICLES.contains(&article.to_lowercase().as_str()) {
        return title.to_owned();
    }
    let space = if article.ends_with('\'') { "" } else { " " };
    format!("{article}{space}{stem}{rest}")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(plain).collect();
            values.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixtures::{attributes, film};

    fn writer(history: usize, title_length: usize) -> Writer {
        Writer::new(attributes(), history, title_length).unwrap()
    }

    #[test]
    fn text_cannot_break_a_sentence() {
        let w = writer(3, 20);
        let of = |t: &str| w.value(&Subject::Item(film(t, "")), "title");
        assert_eq!(of(" He said \"no\"\n\tto  me "), "He said 'no' to me");
        assert_eq!(of("A very long title that goes on"), "A very long title");
        assert_eq!(of("Exactly twenty chars and more"), "Exactly twenty chars");
        assert_eq!(
            of("Donaudampfschifffahrtsgesellschaft"),
            "Donaudampfschifffahr"
        );
        assert_eq!(of("áéíóúáéíóúáéíóúáéíóúáéíóú").chars().count(), 20);
    }

    #[test]
    fn articles_stand_first() {
        for (given, wanted) in [
            ("Matrix, The", "The Matrix"),
            (
                "Avventura, L' (The Adventure)",
                "L'Avventura (The Adventure)",
            ),
            ("Me, Myself & Irene", "Me, Myself & Irene"),
            (
                "Good, the Bad and the Ugly, The",
                "The Good, the Bad and the Ugly",
            ),
            ("Up", "Up"),
        ] {
            assert_eq!(article_first(given), wanted);
        }
    }

    #[test]
    fn a_history_tells_its_most_recent_items() {
        let films = [
            film("A", "1999"),
            film("B", ""),
            film("C", "2010"),
            film("D", "2011"),
        ];
        let user = |n: usize| Subject::User(films[..n].to_vec());
        let w = writer(3, 80);
        assert_eq!(w.value(&user(1), "history"), "\"A (1999)\"");
        assert_eq!(w.value(&user(2), "history"), "\"A (1999)\" and \"B\"");
        assert_eq!(
            w.value(&user(4), "history"),
            "\"B\", \"C (2010)\" and \"D (2011)\""
        );
    }

    #[test]
    fn further_fields_are_text() {
        let mut item = film("A", "");
        item.fields
            .insert("actors".to_owned(), serde_json::json!(["X", "Y"]));
        item.fields.insert("rank".to_owned(), serde_json::json!(3));
        let (w, item) = (writer(3, 80), Subject::Item(item));
        assert_eq!(w.value(&item, "fields.actors"), "X, Y");
        assert_eq!(w.value(&item, "fields.rank"), "3");
        assert_eq!(w.value(&item, "fields.other"), "");
        assert_eq!(w.value(&item, "verb"), "watched");
    }

    #[test]
    fn lengths_of_0_are_refused() {
        assert!(Writer::new(attributes(), 0, 80).is_err());
        assert!(Writer::new(attributes(), 3, 0).is_err());
    }
}
