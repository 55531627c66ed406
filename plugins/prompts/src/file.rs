//! Templates in files that people edit: the questions, examples with scores, and whether reasons come before scores.

use std::collections::BTreeMap;
use std::ops::Range;

use lapidary_sdk::prelude::*;
use serde::Deserialize;
use toml::Spanned;

use crate::template::{Fault, Template, hint};
use crate::text::{ITEM, USER, Writer};
use crate::written::{SET, Written};

/// Placeholders of the system message.
const SYSTEM: [&str; 3] = ["item", "items", "verb"];
/// The highest score where the file names none.
const HIGHEST: u32 = 10;

/// A template file, checked against a set of attributes.
#[derive(Debug)]
pub struct TemplateFile {
    /// What the model is, as the chat's system message.
    pub system: Option<Template>,
    /// The question about an item.
    pub item: Template,
    /// The question about a user.
    pub user: Option<Template>,
    /// The highest score; the lowest is 0.
    pub highest: u32,
    /// Tokens for what the model says before the scores.
    pub reasoning_tokens: u32,
    /// Questions that were answered before, with what was answered.
    pub examples: Vec<(Subject, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    system: Option<Spanned<String>>,
    item: Spanned<String>,
    user: Option<Spanned<String>>,
    highest: Option<Spanned<u32>>,
    #[serde(default)]
    reasoning_tokens: u32,
    #[serde(default)]
    examples: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    item: Option<Told>,
    history: Option<Vec<Told>>,
    reasoning: Option<String>,
    scores: Spanned<BTreeMap<Spanned<String>, Spanned<f64>>>,
}

/// An item as an example tells of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    title: String,
    year: Option<u32>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Told {
    fn text(self) -> ItemText {
        ItemText {
            title: self.title,
            year: self.year.map(|y| y.to_string()).unwrap_or_default(),
            categories: self.categories,
            fields: self.fields,
        }
    }
}

/// A problem and where in the file it stands.
type Problem = (Range<usize>, String);

impl TemplateFile {
    /// Reads a file's text. `name` is the file's, for messages.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the line when it is not TOML, a key or a placeholder is unknown, a bracket is not closed,
    /// or an example does not score each of the attributes within the scale.
    pub fn read(name: &str, text: &str, set: &AttributeSet) -> Result<Self> {
        parse(text, set).map_err(|problems| {
            let told = problems.iter().map(|problem| told(name, text, problem));
            Error::invalid(told.collect::<Vec<_>>().join("\n"))
        })
    }
}

/// A problem with file, line, and the text there.
fn told(name: &str, text: &str, (span, reason): &Problem) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    let file = std::path::Path::new(name).file_name().unwrap_or_default();
    let file = file.to_string_lossy();
    format!("{name}:{line}: {reason}\n  {file}:{line} | {shown}")
}

/// Reads a file, or tells all problems.
fn parse(text: &str, set: &AttributeSet) -> std::result::Result<TemplateFile, Vec<Problem>> {
    let raw: Raw = toml::from_str(text).map_err(|e| {
        let span = e.span().unwrap_or_default();
        vec![(span, explained(e.message()))]
    })?;
    let mut problems = Vec::new();
    if let Some(zero) = raw.highest.as_ref().filter(|h| *h.get_ref() == 0) {
        problems.push((zero.span(), "`highest` must be at least 1".to_owned()));
    }
    let highest = raw.highest.map_or(HIGHEST, Spanned::into_inner);
    let known = |subject: &[&'static str]| [subject, &SET].concat();
    let mut read =
        |value: &Spanned<String>, known: &[&str]| kept(template(text, value, known), &mut problems);
    let system = raw.system.map(|s| read(&s, &known(&SYSTEM)));
    let item = read(&raw.item, &known(&ITEM));
    let user = raw.user.map(|u| read(&u, &known(&USER)));
    let written = Written { set, highest };
    let mut examples = Vec::new();
    for example in raw.examples {
        examples.extend(kept(example.answered(written), &mut problems));
    }
    match item {
        Some(item) if problems.is_empty() => Ok(TemplateFile {
            system: system.flatten(),
            item,
            user: user.flatten(),
            highest,
            reasoning_tokens: raw.reasoning_tokens,
            examples,
        }),
        _ => Err(problems),
    }
}

/// What was read; else its problem is added to the others.
fn kept<T>(read: std::result::Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

/// Says what the reader of TOML says, with the nearest of the keys that there are.
fn explained(message: &str) -> String {
    let unknown = || {
        let (name, rest) = message.strip_prefix("unknown field `")?.split_once("`, ")?;
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let near = hint(name, &known, |k| format!("`{k}`"));
        Some(format!("unknown key `{name}`; {near}"))
    };
    let missing = || {
        let key = message.strip_prefix("missing field ")?;
        Some(format!("key {key} is missing"))
    };
    let plain = || message.trim().replace('\n', "; ");
    unknown().or_else(missing).unwrap_or_else(plain)
}

/// A template that stands in the file; without blank lines at its end.
fn template(
    file: &str,
    value: &Spanned<String>,
    known: &[&str],
) -> std::result::Result<Template, Problem> {
    Template::read(value.get_ref().trim_end(), known).map_err(|Fault { at, reason }| {
        let start = value.span().start;
        let raw = file.get(start..).unwrap_or_default();
        // A text of several lines begins on the line after its quotes.
        let several = ["\"\"\"", "'''"].iter().any(|q| raw.starts_with(q));
        let skipped = match several && raw.get(3..4) == Some("\n") {
            true => 1,
            false => 0,
        };
        let before = value.get_ref().get(..at).unwrap_or_default();
        let lines = before.matches('\n').count() + skipped;
        let line_starts = raw.match_indices('\n').map(|(n, _)| start + n + 1);
        let place = std::iter::once(start).chain(line_starts).nth(lines);
        let place = place.unwrap_or(start);
        (place..place, reason)
    })
}

impl Example {
    /// What is asked about, and the answer with each score.
    fn answered(self, written: Written<'_>) -> std::result::Result<(Subject, String), Problem> {
        let span = self.scores.span();
        let scores = self.scores.into_inner();
        let set = written.set;
        let names: Vec<&str> = set.attributes.iter().map(|a| a.name.as_str()).collect();
        for (name, score) in &scores {
            let (key, value) = (name.get_ref(), *score.get_ref());
            if !names.contains(&key.as_str()) {
                let near = hint(key, &names, |n| format!("`{n}`"));
                return Err((name.span(), format!("unknown attribute `{key}`; {near}")));
            }
            if !(0.0..=f64::from(written.highest)).contains(&value) {
                let reason = format!("{value} is not within 0 and {}", written.highest);
                return Err((score.span(), format!("`{key}`: {reason}")));
            }
        }
        let of = |name: &str| scores.iter().find(|(key, _)| key.get_ref() == name);
        let missing: Vec<String> = names
            .iter()
            .filter(|name| of(name).is_none())
            .map(|name| format!("`{name}`"))
            .collect();
        if !missing.is_empty() {
            let reason = format!("the example has no score of {}", missing.join(", "));
            return Err((span, reason));
        }
        let subject = match (self.item, self.history) {
            (Some(item), None) => Subject::Item(item.text()),
            (None, Some(history)) => Subject::User(history.into_iter().map(Told::text).collect()),
            _ => {
                let reason = "an example tells of an `item` or of a user's `history`, one of both";
                return Err((span, reason.to_owned()));
            }
        };
        let number = |name: &str| of(name).map_or(String::new(), |(_, s)| s.get_ref().to_string());
        let object = written.object(number);
        let answer = match self.reasoning {
            Some(reasoning) => format!("{}\n{object}", reasoning.trim()),
            None => object,
        };
        Ok((subject, answer))
    }
}

impl TemplateFile {
    /// The chat that asks about a subject; none where the file has no question about users and it is one.
    pub fn messages(&self, subject: &Subject, writer: &Writer) -> Option<Vec<Message>> {
        let written = Written {
            set: &writer.set,
            highest: self.highest,
        };
        let is_item = |subject: &Subject| matches!(subject, Subject::Item(_));
        let question = match is_item(subject) {
            true => Some(&self.item),
            false => self.user.as_ref(),
        }?;
        let fill = |template: &Template, subject: &Subject| {
            template.render(&|name| match written.value(name) {
                Some(value) => value,
                None => writer.value(subject, name),
            })
        };
        let message = |role, content| Message { role, content };
        let system = self.system.iter();
        let mut messages: Vec<Message> = system
            .map(|system| message(Role::System, fill(system, subject)))
            .collect();
        let alike = |(other, _): &&(Subject, String)| is_item(other) == is_item(subject);
        for (example, answer) in self.examples.iter().filter(alike) {
            messages.push(message(Role::User, fill(question, example)));
            messages.push(message(Role::Assistant, answer.clone()));
        }
        messages.push(message(Role::User, fill(question, subject)));
        Some(messages)
    }
}
