//! Scores from the likelihood of phrases.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calibration::{
    centre_rows, check_answers, check_width, measured, readable, standardise,
};

use crate::template::Template;
use crate::text::{DOMAIN, ITEM, USER, Writer};

/// Settings of `score_phrases`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Sentences about an item that a phrase continues. Placeholders: {title}, {year}, {categories}, {item}, {items},
    /// {verb}, {fields.NAME}; a part in [ ] is left out when a placeholder in it has no value.
    pub item_templates: Vec<String>,
    /// Sentences about a user that a phrase continues. Placeholders: {history}, {item}, {items}, {verb}.
    pub user_templates: Vec<String>,
    /// Most recent items of a history that the model reads.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// Longest text of a title, in characters.
    #[schemars(range(min = 1))]
    pub title_length: usize,
    /// Whether a phrase's log-likelihood is divided by its number of tokens. Makes no difference with `scale`.
    pub per_token: bool,
    /// Whether a phrase's log-likelihoods are brought to the same spread as every other phrase's.
    pub scale: bool,
    /// Whether a subject's mean over attributes is taken from its scores: some titles make any phrase likelier.
    pub centre_subjects: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let item = r#"The [{categories} ]{item} "{title}[ ({year})]" is best known for its"#;
        let user = "Someone who {verb} {history} likes {items} known for their";
        Self {
            item_templates: vec![item.to_owned()],
            user_templates: vec![user.to_owned()],
            history: 10,
            title_length: 80,
            per_token: false,
            scale: true,
            centre_subjects: true,
        }
    }
}

/// How likely is each phrase that names an attribute, right after a sentence about the item or user? A raw measurement
/// is the log-likelihood of one phrase after one template; a score is the mean over an attribute's phrases, each
/// compared with the same phrase's likelihood for all other subjects.
///
/// Jia et al. (arXiv:2504.11658) let the model write scores; small models cannot use a scale, but know what an item is
/// known for.
pub struct ScorePhrases {
    settings: Settings,
    item_templates: Vec<Template>,
    user_templates: Vec<Template>,
    writer: Writer,
    continuations: Vec<String>,
    /// Number of phrases of each attribute.
    counts: Vec<i64>,
}

impl Component for ScorePhrases {
    const NAME: &'static str = "score_phrases";
    const SUMMARY: &'static str =
        "Scores by the likelihood of phrases that name an attribute; for models of any size.";
    const OPTIONAL: &'static [u32] = &[
        prompt_strategy::method::MEASURE,
        prompt_strategy::method::OWN_TEXT,
    ];
    type Settings = Settings;
    type Context = PromptStrategyContext;

    fn create(settings: Settings, context: PromptStrategyContext) -> Result<Self> {
        let set = context.attributes;
        let phrases: Vec<&String> = set.attributes.iter().flat_map(|a| &a.phrases).collect();
        if let Some(bare) = set.attributes.iter().find(|a| a.phrases.is_empty()) {
            let text = format!(
                "attribute `{}` has no phrases; `score_phrases` needs some",
                bare.name
            );
            return Err(Error::invalid(text));
        }
        Ok(Self {
            item_templates: parse("item_templates", &settings.item_templates, &ITEM)?,
            user_templates: parse("user_templates", &settings.user_templates, &USER)?,
            continuations: phrases.iter().map(|p| format!(" {p}")).collect(),
            counts: set
                .attributes
                .iter()
                .map(|a| a.phrases.len() as i64)
                .collect(),
            writer: Writer::new(set, settings.history, settings.title_length)?,
            settings,
        })
    }
}

fn parse(place: &str, texts: &[String], known: &[&str]) -> Result<Vec<Template>> {
    if texts.is_empty() {
        return Err(Error::invalid(format!(
            "`{place}`: give at least one template"
        )));
    }
    // The phrase brings its own space.
    texts
        .iter()
        .map(|text| Template::parse(place, text.trim_end(), known))
        .collect()
}

impl ScorePhrases {
    fn templates(&self, subject: &Subject) -> &[Template] {
        match subject {
            Subject::Item(_) => &self.item_templates,
            Subject::User(_) => &self.user_templates,
        }
    }
}

impl PromptStrategy for ScorePhrases {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let templates = self.templates(subject);
        let request = |template: &Template| Request {
            prompt: Prompt::Text(template.render(&|name| self.writer.value(subject, name))),
            ask: Ask::Likelihood {
                continuations: self.continuations.clone(),
            },
        };
        Ok(templates.iter().map(request).collect())
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading> {
        check_answers(answers, self.templates(subject).len())?;
        let mut values = Vec::with_capacity(answers.len() * self.continuations.len());
        for answer in answers {
            values.extend(self.likelihoods(answer)?);
        }
        Ok(measured(values))
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let phrases = self.continuations.len() as i64;
        let width = raw.size().get(1).copied().unwrap_or(0);
        if width == 0 || width % phrases != 0 {
            let text = format!("`raw`: {width} columns are no multiple of {phrases} phrases");
            return Err(Error::invalid(text));
        }
        check_width([("raw", raw), ("reference", reference)], width)?;
        let columns = standardise(raw, reference, self.settings.scale)?;
        let by_template = columns.f_view([-1, width / phrases, phrases])?;
        let by_phrase = by_template.f_nanmean([1].as_slice(), false, DType::Double)?;
        let mut start = 0;
        let mut scores = Vec::with_capacity(self.counts.len());
        for &count in &self.counts {
            let own = by_phrase.f_narrow(1, start, count)?;
            scores.push(own.f_nanmean([1].as_slice(), false, DType::Double)?);
            start += count;
        }
        let mut scores = Tensor::f_stack(&scores, 1)?;
        if self.settings.centre_subjects {
            scores = centre_rows(&scores)?;
        }
        Ok(scores.f_to_kind(DType::Float)?)
    }

    fn measure(&self, log_probs: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        match self.settings.per_token {
            true => {
                let tokens = tokens.f_clamp_min(1)?.f_to_kind(log_probs.kind())?;
                Ok(log_probs.f_div(&tokens)?)
            }
            false => Ok(log_probs.shallow_clone()),
        }
    }

    fn own_text(&self, subject: &Subject) -> Result<Vec<Request>> {
        let mut requests = Vec::new();
        for template in self.templates(subject) {
            let values = |name: &str| self.writer.value(subject, name);
            let mut before = String::new();
            for piece in template.pieces(&values, &|name| DOMAIN.contains(&name)) {
                if piece.own && !before.is_empty() {
                    requests.push(Request {
                        prompt: Prompt::Text(before.clone()),
                        ask: Ask::Likelihood {
                            continuations: vec![piece.text.clone()],
                        },
                    });
                }
                before.push_str(&piece.text);
            }
        }
        Ok(requests)
    }
}

impl ScorePhrases {
    fn likelihoods(&self, answer: &Answer) -> Result<Vec<Option<f32>>> {
        let Answer::Likelihood { log_probs, tokens } = answer else {
            return Err(Error::invalid(
                "expected likelihoods, found a written answer",
            ));
        };
        let (wanted, found) = (self.continuations.len(), log_probs.len().min(tokens.len()));
        if found != wanted || log_probs.len() != tokens.len() {
            let text = format!("expected {wanted} likelihoods, found {found}");
            return Err(Error::invalid(text));
        }
        let value = |(log_prob, tokens): (&f64, &u32)| match self.settings.per_token {
            true => log_prob / f64::from((*tokens).max(1)),
            false => *log_prob,
        };
        Ok(readable(log_probs.iter().zip(tokens).map(value)))
    }
}

#[cfg(test)]
#[path = "phrases_test.rs"]
mod tests;
