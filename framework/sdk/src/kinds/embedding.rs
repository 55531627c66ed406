//! Texts as vectors: what a language model's hidden states make of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which hidden states of a text are taken, and how they become one vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedSettings {
    /// The layer after which they are taken: 0 is before the first; none is after the last, and its norm.
    pub layer: Option<u32>,
    /// How the states of a text's tokens become one.
    pub pooling: Pooling,
    /// Of a longer text, or one beyond the model's context, the first tokens are read.
    pub max_tokens: u32,
}

impl Default for EmbedSettings {
    fn default() -> Self {
        Self {
            layer: None,
            pooling: Pooling::default(),
            max_tokens: 512,
        }
    }
}

/// How the states of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean, but for tokens that the model wants before every text.
    #[default]
    Mean,
    /// The last token's.
    Last,
}

/// Arguments of `embed`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmbedArguments {
    /// The texts.
    pub texts: Vec<String>,
    /// Which states.
    #[serde(flatten)]
    pub settings: EmbedSettings,
}
