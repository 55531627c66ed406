//! Scores that the model writes: what is told of the attributes, and how one JSON answer is read.

use lapidary_sdk::lenient::{self, Value};
use lapidary_sdk::prelude::*;
use serde_json::{Map, json};

use crate::calibration::check_width;

/// Placeholders that the attribute set fills.
pub const SET: [&str; 3] = ["attributes", "format", "highest"];

/// The attributes on a scale from 0 to `highest`.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// The attributes.
    pub set: &'a AttributeSet,
    /// The highest score; the lowest is 0.
    pub highest: u32,
}

impl Written<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.set.attributes.iter().map(|a| a.name.as_str())
    }

    /// The value of a placeholder of [`SET`]; none for others.
    pub fn value(&self, placeholder: &str) -> Option<String> {
        match placeholder {
            "attributes" => Some(self.list()),
            "format" => Some(self.form()),
            "highest" => Some(self.highest.to_string()),
            _ => None,
        }
    }

    fn list(&self) -> String {
        let highest = self.highest;
        let line = |a: &Attribute| {
            format!(
                "- {}: {} 0: {}; {highest}: {}.",
                a.name, a.description, a.low, a.high
            )
        };
        let lines: Vec<_> = self.set.attributes.iter().map(line).collect();
        lines.join("\n")
    }

    fn form(&self) -> String {
        self.object(|_| "…".to_owned())
    }

    /// The object with a value for each attribute.
    pub fn object(&self, value: impl Fn(&str) -> String) -> String {
        let pairs: Vec<_> = self
            .names()
            .map(|name| format!("\"{name}\": {}", value(name)))
            .collect();
        format!("{{{}}}", pairs.join(", "))
    }

    /// The answer's form as a JSON Schema.
    pub fn schema(&self) -> serde_json::Value {
        let number = json!({ "type": "number", "minimum": 0, "maximum": self.highest });
        let properties: Map<_, _> = self
            .names()
            .map(|name| (name.to_owned(), number.clone()))
            .collect();
        let names: Vec<&str> = self.names().collect();
        json!({
            "type": "object", "properties": properties, "required": names, "additionalProperties": false
        })
    }

    /// Tokens that the object may take.
    pub fn tokens(&self) -> u32 {
        32 + 16 * self.set.attributes.len() as u32
    }

    /// Reads an answer; text around the object counts as a repair unless it was asked for.
    pub fn read(&self, text: &str, talk: bool) -> Reading {
        let names: Vec<&str> = self.names().collect();
        let Some(found) = lenient::find(text, &names) else {
            return Reading {
                values: vec![None; names.len()],
                repaired: false,
                problems: vec![Problem {
                    kind: ProblemKind::NoAnswer,
                    attribute: None,
                    text: format!("no scores in {:?}", excerpt(text)),
                }],
            };
        };
        let mut repaired = found.repaired || (found.around && !talk);
        let mut problems = Vec::new();
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            match self.score(name, &found.pairs, &mut repaired) {
                Ok(score) => values.push(Some(score)),
                Err((kind, text)) => {
                    values.push(None);
                    problems.push(Problem {
                        kind,
                        attribute: Some(name.to_owned()),
                        text,
                    });
                }
            }
        }
        Reading {
            values,
            repaired,
            problems,
        }
    }

    /// The score of an attribute, from 0 to 1.
    fn score(
        &self,
        name: &str,
        pairs: &[(String, Value)],
        repaired: &mut bool,
    ) -> std::result::Result<f32, (ProblemKind, String)> {
        let mut own = pairs
            .iter()
            .filter(|(key, _)| lenient::same_name(key, name));
        let wrong = |kind, text: String| Err((kind, text));
        let Some((key, value)) = own.next() else {
            return wrong(ProblemKind::Missing, "missing".to_owned());
        };
        if own.any(|(_, other)| other != value) {
            let text = "given twice, with different values".to_owned();
            return wrong(ProblemKind::Ambiguous, text);
        }
        let highest = f64::from(self.highest);
        let Some((number, was_number)) = value.number(highest) else {
            return wrong(ProblemKind::NotANumber, format!("{value} is no number"));
        };
        if !(0.0..=highest).contains(&number) {
            let text = format!("{number} is not within 0 and {highest}");
            return wrong(ProblemKind::OutOfRange, text);
        }
        *repaired |= key != name || !was_number;
        Ok((number / highest) as f32)
    }

    /// Scores as they were read.
    ///
    /// # Shapes
    /// As [`PromptStrategy::calibrate`], where r is m.
    ///
    /// # Errors
    /// When the widths differ.
    pub fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let width = self.set.attributes.len() as i64;
        check_width([("raw", raw), ("reference", reference)], width)?;
        Ok(raw.f_to_kind(DType::Float)?)
    }
}

/// The text of the one written answer.
///
/// # Errors
/// [`Error::Invalid`] for any other answers.
pub fn only_text(answers: &[Answer]) -> Result<&str> {
    match answers {
        [Answer::Text(text)] => Ok(text),
        _ => Err(Error::invalid("expected one written answer")),
    }
}

/// The beginning of a text, for messages.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
        None => line,
    }
}
