//! A language model: requests in, answers out. Use it by `lapidary.llm("{{name}}", { … })`.

use lapidary_sdk::prelude::*;
use lapidary_sdk::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a script may set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "lapidary_sdk::schemars")]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What it has read.
    pub text: String,
}

impl Default for Settings {
    fn default() -> Self {
        let text = "the story is told with a light hand and the music is loud".to_owned();
        Self { text }
    }
}

/// Longest prompt, in bytes.
const CONTEXT: usize = 4096;

/// A model of letters that needs no file: each letter hangs on the one before it, counted in a text of the settings and in
/// the prompt. It shows what a language model must do; put a real one in its place.
pub struct Mine {
    settings: Settings,
    counts: Counts,
}

impl Component for Mine {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str =
        "Letters that hang on the letter before them, counted in a text and the prompt.";
    type Settings = Settings;
    type Context = LlmContext;

    // The context has `device` and `model_dirs`, the folders in which models are looked up.
    fn create(settings: Settings, _: LlmContext) -> Result<Self> {
        let counts = Counts::default().with(&settings.text);
        Ok(Self { settings, counts })
    }
}

impl Llm for Mine {
    fn info(&self) -> Result<LlmInfo> {
        // The fingerprint changes whenever answers may.
        let hash = (self.settings.text.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Ok(LlmInfo {
            model: "letters".to_owned(),
            fingerprint: format!("letters-1-{hash:016x}"),
            context_length: CONTEXT as u64,
            parameters: self.counts.pairs.len() as u64,
            chat: false,
        })
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let answers = requests.iter().enumerate().map(|(i, request)| {
            let Prompt::Text(prompt) = &request.prompt else {
                return Err(Request::fault(requests, i, "it has no chat template"));
            };
            let length = prompt.len();
            let Some(&last) = prompt.as_bytes().last().filter(|_| length <= CONTEXT) else {
                let reason = format!("{length} letters, but from 1 to {CONTEXT} can be read");
                return Err(Request::fault(requests, i, reason));
            };
            let known = self.counts.clone().with(prompt);
            Ok(match &request.ask {
                Ask::Likelihood { continuations } => known.likelihoods(last, continuations),
                Ask::Complete {
                    max_tokens, stop, ..
                } => Answer::Text(known.completion(last, *max_tokens, stop)),
            })
        });
        answers.collect()
    }
}

/// Counts of letters after letters.
#[derive(Clone)]
struct Counts {
    pairs: Vec<f64>,
    firsts: Vec<f64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            pairs: vec![0.0; 256 * 256],
            firsts: vec![0.0; 256],
        }
    }
}

impl Counts {
    fn with(mut self, text: &str) -> Self {
        for pair in text.as_bytes().windows(2) {
            self.pairs[usize::from(pair[0]) * 256 + usize::from(pair[1])] += 1.0;
            self.firsts[usize::from(pair[0])] += 1.0;
        }
        self
    }

    /// No letter is impossible.
    fn log_prob(&self, before: u8, after: u8) -> f64 {
        let pair = self.pairs[usize::from(before) * 256 + usize::from(after)];
        ((pair + 0.01) / (self.firsts[usize::from(before)] + 2.56)).ln()
    }

    fn likelihoods(&self, last: u8, continuations: &[String]) -> Answer {
        let sum = |continuation: &String| {
            let mut before = last;
            let each = continuation.bytes().map(|after| {
                let log_prob = self.log_prob(before, after);
                before = after;
                log_prob
            });
            each.sum()
        };
        Answer::Likelihood {
            log_probs: continuations.iter().map(sum).collect(),
            tokens: continuations.iter().map(|c| c.len() as u32).collect(),
        }
    }

    /// The likeliest letter each time, whatever the temperature.
    fn completion(&self, last: u8, max_tokens: u32, stop: &[String]) -> String {
        let (mut written, mut before) = (String::new(), last);
        for _ in 0..max_tokens {
            let next = (b' '..=b'~').max_by(|a, b| {
                self.log_prob(before, *a)
                    .total_cmp(&self.log_prob(before, *b))
            });
            before = next.unwrap_or(b' ');
            written.push(char::from(before));
            if let Some(at) = stop.iter().find_map(|stop| written.find(stop.as_str())) {
                written.truncate(at);
                break;
            }
        }
        written
    }
}

lapidary_sdk::register!(llm: Mine);
lapidary_sdk::export_plugin!();
