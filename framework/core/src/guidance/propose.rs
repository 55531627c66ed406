//! Attributes that a language model proposes for a domain, for a person to edit.
//!
//! In Jia et al. (arXiv:2504.11658) an expert picks the attributes. A model's proposal is where to begin, no more: which
//! of them tell items apart shows when they are scored.

use std::fmt::Write as _;

use lapidary_sdk::kinds::{Ask, Attribute, AttributeSet, ItemText, Message, Prompt, Request, Role};
use lapidary_sdk::lenient::{self, Value, same_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::attributes;
use crate::error::{Error, Result};
use crate::settings::{OutOfRange, out_of_range};

/// Longest text of an item in the question, in characters.
const ITEM_LENGTH: usize = 160;
/// Tokens that an attribute may take in the answer.
const TOKENS: u32 = 110;
/// What is asked of each attribute: key and explanation.
const KEYS: [(&str, &str); 5] = [
    ("name", "one or two words"),
    ("description", "one short sentence: what is rated"),
    ("low", "what a low score means"),
    ("high", "what a high score means"),
    (
        "phrases",
        "a list of three to five short phrases that name it",
    ),
];

/// What is asked for, and the words of the domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProposeSettings {
    /// Attributes to ask for.
    pub attributes: usize,
    /// Items that are shown.
    pub sample: usize,
    /// Name of the domain; the data set's where not given.
    pub domain: Option<String>,
    /// What one item is called.
    pub item: String,
    /// What several items are called.
    pub items: String,
    /// What a user did with an item.
    pub verb: String,
    /// Name of the file in the run's folder.
    pub name: String,
}

impl Default for ProposeSettings {
    fn default() -> Self {
        Self {
            attributes: 10,
            sample: 30,
            domain: None,
            item: "item".to_owned(),
            items: "items".to_owned(),
            verb: "chose".to_owned(),
            name: "attributes.toml".to_owned(),
        }
    }
}

impl ProposeSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let is_good = |number| (1..=1000).contains(&number);
        out_of_range([
            ("attributes", is_good(self.attributes), "from 1 to 1000"),
            ("sample", is_good(self.sample), "from 1 to 1000"),
        ])
    }

    /// The set of which the attributes are still missing.
    pub(crate) fn words(&self, data: &str) -> AttributeSet {
        AttributeSet {
            domain: as_name(self.domain.as_deref().unwrap_or(data)),
            item: self.item.clone(),
            items: self.items.clone(),
            verb: self.verb.clone(),
            attributes: Vec::new(),
        }
    }

    /// The question.
    pub fn request(&self, sample: &[ItemText]) -> Request {
        let Self { item, items, .. } = self;
        let told: Vec<String> = sample
            .iter()
            .map(|text| format!("- {}", line(text)))
            .collect();
        let keys: Vec<String> = KEYS
            .iter()
            .map(|(k, what)| format!("- {k}: {what}"))
            .collect();
        let form: Vec<String> = KEYS
            .iter()
            .map(|(key, _)| match *key {
                "phrases" => "\"phrases\": [\"…\", \"…\"]".to_owned(),
                key => format!("\"{key}\": \"…\""),
            })
            .collect();
        let question = format!(
            "Some of the {items} that we sell:\n{}\n\nName {} attributes that decide which {item} a customer chooses. Each can be \
             rated from low to high, tells many of these {items} apart, and says something that the others do not; price, title \
             and year are none. For each:\n{}\nA phrase is one to three words and continues the sentence: The {item} is best \
             known for its …\n\nAnswer with one JSON object of this form and nothing else:\n{{\"attributes\": [{{{}}}, …]}}",
            told.join("\n"),
            self.attributes,
            keys.join("\n"),
            form.join(", ")
        );
        let message = |role, content: String| Message { role, content };
        let system = "You are an experienced salesperson who knows what customers look for.";
        Request {
            prompt: Prompt::Chat {
                messages: vec![
                    message(Role::System, system.to_owned()),
                    message(Role::User, question),
                ],
                answer_start: String::new(),
            },
            ask: Ask::Complete {
                max_tokens: 64 + TOKENS * self.attributes as u32,
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
                schema: Some(schema()),
            },
        }
    }
}

fn schema() -> serde_json::Value {
    let text = json!({"type": "string"});
    let properties: serde_json::Map<_, _> = KEYS
        .iter()
        .map(|(key, _)| match *key {
            "phrases" => (
                "phrases".to_owned(),
                json!({"type": "array", "items": text}),
            ),
            key => (key.to_owned(), text.clone()),
        })
        .collect();
    let keys = KEYS.map(|(key, _)| key);
    let attribute = json!({
        "type": "object", "properties": properties, "required": keys, "additionalProperties": false
    });
    json!({
        "type": "object", "properties": {"attributes": {"type": "array", "items": attribute}},
        "required": ["attributes"], "additionalProperties": false
    })
}

/// An item in one line: title, year, categories, and its description where it has one.
fn line(text: &ItemText) -> String {
    let mut line = text.title.clone();
    if !text.year.is_empty() {
        let _ = write!(line, " ({})", text.year);
    }
    let described = text.fields.get("description").and_then(|d| d.as_str());
    let more = [
        text.categories.join(", "),
        described.unwrap_or_default().to_owned(),
    ];
    for more in more.iter().filter(|more| !more.is_empty()) {
        let _ = write!(line, "; {more}");
    }
    one_line(&line, ITEM_LENGTH)
}

/// What a model proposed, as far as it can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The attributes.
    pub set: AttributeSet,
    /// Attributes that cannot be used, and why.
    pub dropped: Vec<String>,
}

impl Proposal {
    /// Reads an answer leniently. A name is brought to its form; an attribute whose text is missing, or which stands
    /// there already, is dropped; one without phrases is named by its name.
    ///
    /// # Errors
    /// [`Error::Setting`] when nothing can be used: says what came back and what to do.
    pub fn read(answer: &str, words: AttributeSet) -> Result<Self> {
        let mut proposal = Self {
            set: words,
            dropped: Vec::new(),
        };
        for pairs in lenient::objects(answer) {
            proposal.gather(None, &pairs);
        }
        if !proposal.set.attributes.is_empty() {
            return Ok(proposal);
        }
        let why = match proposal.dropped.as_slice() {
            [] => "no attributes in it".to_owned(),
            dropped => dropped.join("; "),
        };
        let reason = format!(
            "the model's answer cannot be used: {why}. It begins: {:?}. Try a larger model or fewer `attributes`, or write the \
             file by hand; those in configs/attributes/ show how",
            one_line(answer, 80)
        );
        Err(Error::setting("propose_attributes", reason))
    }

    /// Takes an attribute, or looks for some inside.
    fn gather(&mut self, key: Option<&str>, pairs: &[(String, Value)]) {
        let has = |name: &str| pairs.iter().any(|(key, _)| same_name(key, name));
        if has("name") || (key.is_some() && has("description")) {
            if let Err(reason) = self.take(key, pairs) {
                self.dropped.push(reason);
            }
            return;
        }
        for (key, value) in pairs {
            match value {
                Value::Object(inner) => self.gather(Some(key), inner),
                Value::Array(values) => {
                    for value in values {
                        if let Value::Object(inner) = value {
                            self.gather(None, inner);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn take(
        &mut self,
        key: Option<&str>,
        pairs: &[(String, Value)],
    ) -> std::result::Result<(), String> {
        let found = |name: &str| pairs.iter().find(|(key, _)| same_name(key, name));
        let text = |name: &str| match found(name) {
            Some((_, Value::Text(text))) => phrase(text),
            _ => String::new(),
        };
        let name = match text("name") {
            none if none.is_empty() => as_name(key.unwrap_or_default()),
            given => as_name(&given),
        };
        if name.is_empty() {
            return Err("an attribute without a name".to_owned());
        }
        if self.set.attributes.iter().any(|a| a.name == name) {
            return Err(format!("`{name}` stands there twice"));
        }
        let [description, low, high] = ["description", "low", "high"].map(text);
        for (what, text) in [
            ("description", &description),
            ("low", &low),
            ("high", &high),
        ] {
            if text.is_empty() {
                return Err(format!("`{name}` has no text for `{what}`"));
            }
        }
        let given = match found("phrases") {
            Some((_, Value::Array(values))) => values.iter().filter_map(as_text).collect(),
            Some((_, Value::Text(list))) => list.split([',', ';']).collect(),
            _ => Vec::new(),
        };
        let phrases = self.new_phrases(given, &name);
        if phrases.is_empty() {
            return Err(format!("the phrases of `{name}` are those of others"));
        }
        self.set.attributes.push(Attribute {
            name,
            description,
            low,
            high,
            phrases,
        });
        Ok(())
    }

    /// Phrases that no attribute has yet; the attribute's name where there are none.
    fn new_phrases(&self, given: Vec<&str>, name: &str) -> Vec<String> {
        let own = name.replace('_', " ");
        let mut phrases: Vec<String> = Vec::new();
        let is_new = |phrases: &[String], phrase: &String| {
            let others = self.set.attributes.iter().flat_map(|a| &a.phrases);
            !others.chain(phrases).any(|other| other == phrase)
        };
        for given in given.into_iter().map(phrase).filter(|p| !p.is_empty()) {
            if is_new(&phrases, &given) {
                phrases.push(given);
            }
        }
        if phrases.is_empty() && is_new(&phrases, &own) {
            phrases.push(own);
        }
        phrases
    }

    /// The attributes as a file that [`attributes::load`] reads, under comment lines.
    ///
    /// # Errors
    /// [`Error::Setting`] when it could not be read again.
    pub fn file(&self, comments: &[String]) -> Result<String> {
        let mut text = String::new();
        for comment in comments {
            let _ = writeln!(text, "# {}", one_line(comment, 400));
        }
        let quoted = |value: &str| toml::Value::from(value).to_string();
        let pair = |text: &mut String, key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        };
        let set = &self.set;
        text.push('\n');
        for (key, value) in [
            ("domain", &set.domain),
            ("item", &set.item),
            ("items", &set.items),
            ("verb", &set.verb),
        ] {
            pair(&mut text, key, value);
        }
        for attribute in &set.attributes {
            text.push_str("\n[[attributes]]\n");
            for (key, value) in [
                ("name", &attribute.name),
                ("description", &attribute.description),
                ("low", &attribute.low),
                ("high", &attribute.high),
            ] {
                pair(&mut text, key, value);
            }
            let phrases: Vec<String> = attribute.phrases.iter().map(|p| quoted(p)).collect();
            let _ = writeln!(text, "phrases = [{}]", phrases.join(", "));
        }
        match attributes::parse(&text) {
            Ok(read) if read == self.set => Ok(text),
            Ok(_) => Err(Error::setting(
                "propose_attributes",
                "the file reads otherwise",
            )),
            Err(problems) => {
                let reasons: Vec<String> = problems.into_iter().map(|p| p.reason).collect();
                Err(Error::setting("propose_attributes", reasons.join("; ")))
            }
        }
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A text on one line; empty where it says nothing, such as `…`.
fn phrase(text: &str) -> String {
    let line = one_line(text, 200);
    match line.chars().any(char::is_alphanumeric) {
        true => line,
        false => String::new(),
    }
}

/// The beginning of a text, on one line.
fn one_line(text: &str, length: usize) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.chars().map(blank).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default().trim_end()),
        None => line,
    }
}

/// `Plot Complexity (twists)` becomes `plot_complexity_twists`; empty where no letter begins it.
fn as_name(text: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => ' ',
    };
    let words: String = text.chars().map(plain).collect();
    let words = words.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    words.split_whitespace().collect::<Vec<_>>().join("_")
}

#[cfg(test)]
#[path = "propose_test.rs"]
mod tests;
