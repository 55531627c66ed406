//! What a model's files say of its architecture.

use serde_json::Value as Json;

use lapidary_sdk::prelude::*;

use crate::gemma::Gemma;
use crate::gguf::Gguf;
use crate::rope::{Rope, Scaling};

/// Sizes and constants of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Size V of the vocabulary.
    pub vocabulary: i64,
    /// Width d of the hidden states.
    pub dim: i64,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads for queries.
    pub heads: i64,
    /// Attention heads for keys and values; divides `heads`.
    pub kv_heads: i64,
    /// Width of a head.
    pub head_dim: i64,
    /// Inner width of the feed-forward part.
    pub ffn_dim: i64,
    /// Added to the mean square in the norms.
    pub norm_eps: f64,
    /// Rotary positions.
    pub rope: Rope,
    /// Longest sequence that the model was made for, in tokens.
    pub context: i64,
    /// Whether queries and keys are normed before they are turned, a head at a time, as in Qwen3 and Gemma 3.
    pub head_norms: bool,
    /// What Gemma 3 does otherwise.
    pub gemma: Option<Gemma>,
}

const ARCHITECTURES: [&str; 4] = ["llama", "qwen2", "qwen3", "gemma3"];
const CLASSES: [&str; 5] = [
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "Gemma3ForCausalLM",
];
const MAX_SIZE: i64 = 1 << 24;

impl Config {
    /// Reads the metadata of a GGUF file.
    ///
    /// # Errors
    /// When the architecture is another one, or a value is missing or makes no sense.
    pub fn from_gguf(file: &Gguf) -> Result<Self> {
        let architecture = file.need("general.architecture", file.text("general.architecture")?)?;
        if !ARCHITECTURES.contains(&architecture) {
            return Err(file.fault(format!(
                "architecture `{architecture}` cannot be read; can be read: {}",
                ARCHITECTURES.join(", ")
            )));
        }
        let key = |name: &str| format!("{architecture}.{name}");
        let int = |name: &str| file.int(&key(name));
        let need = |name: &str| file.need(&key(name), int(name)?);
        let (dim, heads) = (need("embedding_length")?, need("attention.head_count")?);
        let head_dim = int("attention.key_length")?.unwrap_or(dim / heads.max(1));
        let eps = key("attention.layer_norm_rms_epsilon");
        let vocabulary = file
            .tensors()
            .get("token_embd.weight")
            .and_then(|t| t.shape.first());
        let layers = usize::try_from(need("block_count")?).unwrap_or(0);
        let gemma = match architecture {
            "gemma3" => Some(Gemma::from_gguf(
                file,
                layers,
                head_dim,
                dim / heads.max(1),
            )?),
            _ => None,
        };
        let config = Self {
            vocabulary: file.need("token_embd.weight", vocabulary.copied())?,
            dim,
            layers,
            heads,
            kv_heads: int("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            ffn_dim: need("feed_forward_length")?,
            norm_eps: file.need(&eps, file.float(&eps)?)?,
            rope: gguf_rope(file, architecture, head_dim)?,
            context: need("context_length")?,
            head_norms: architecture == "qwen3" || gemma.is_some(),
            gemma,
        };
        config.check().map_err(|e| file.fault(e))
    }

    /// Reads a `config.json` of transformers, either the form of version 5 or an older one.
    ///
    /// # Errors
    /// When the architecture is another one, or a value is missing or makes no sense.
    pub fn from_json(json: &Json) -> Result<Self> {
        let class = json["architectures"][0].as_str().unwrap_or("none");
        if !CLASSES.contains(&class) {
            return Err(Error::invalid(format!(
                "architecture `{class}` cannot be read; can be read: {}",
                CLASSES.join(", ")
            )));
        }
        let int = |key: &str| json[key].as_i64();
        let need = |key: &str| {
            int(key).ok_or_else(|| Error::invalid(format!("`{key}` is missing or no integer")))
        };
        let (dim, heads) = (need("hidden_size")?, need("num_attention_heads")?);
        let layers = usize::try_from(need("num_hidden_layers")?).unwrap_or(0);
        let (gemma, rope) = if class == "Gemma3ForCausalLM" {
            let (gemma, rope) = Gemma::from_json(json, layers)?;
            (Some(gemma), rope)
        } else {
            refuse_unlike_llama(json)?;
            (None, Rope::from_json(json)?)
        };
        let config = Self {
            vocabulary: need("vocab_size")?,
            dim,
            layers,
            heads,
            kv_heads: int("num_key_value_heads").unwrap_or(heads),
            head_dim: int("head_dim").unwrap_or(dim / heads.max(1)),
            ffn_dim: need("intermediate_size")?,
            norm_eps: json["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            rope,
            context: need("max_position_embeddings")?,
            head_norms: class == "Qwen3ForCausalLM" || gemma.is_some(),
            gemma,
        };
        config.check().map_err(Error::invalid)
    }

    fn check(self) -> std::result::Result<Self, String> {
        let sizes = [
            ("vocabulary", self.vocabulary),
            ("hidden size", self.dim),
            ("number of layers", self.layers as i64),
            ("number of heads", self.heads),
            ("number of key-value heads", self.kv_heads),
            ("head size", self.head_dim),
            ("feed-forward size", self.ffn_dim),
            ("context length", self.context),
        ];
        for (what, size) in sizes {
            if !(1..=MAX_SIZE).contains(&size) {
                return Err(format!("{what} {size} makes no sense"));
            }
        }
        if self.heads % self.kv_heads != 0 || self.head_dim % 2 != 0 {
            return Err(format!(
                "{} heads of size {} cannot share {} key-value heads",
                self.heads, self.head_dim, self.kv_heads
            ));
        }
        if !(self.norm_eps > 0.0 && self.rope.theta > 0.0) {
            return Err("the norms' epsilon and the rotary base must be above 0".to_owned());
        }
        Ok(self)
    }
}

fn gguf_rope(file: &Gguf, architecture: &str, head_dim: i64) -> Result<Rope> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let turned = file.int(&key("dimension_count"))?.unwrap_or(head_dim);
    if turned != head_dim {
        return Err(file.fault(format!(
            "only {turned} of a head's {head_dim} dimensions are rotated, which is not supported"
        )));
    }
    let factor = file.float(&key("scaling.factor"))?;
    let scaling = if file.tensors().contains_key("rope_freqs.weight") {
        let factors =
            Vec::<f64>::try_from(file.tensor("rope_freqs.weight")?.f_to_kind(DType::Double)?)?;
        Scaling::Factors(factors)
    } else {
        match (
            file.text(&key("scaling.type"))?,
            file.float(&key("scale_linear"))?,
        ) {
            (Some("linear"), _) => Scaling::Linear(file.need(&key("scaling.factor"), factor)?),
            (None | Some("none"), Some(factor)) if factor != 1.0 => Scaling::Linear(factor),
            (None | Some("none"), _) => Scaling::None,
            (Some(other), _) => {
                return Err(file.fault(format!(
                    "rotary scaling `{other}` is not supported; supported: linear, llama3"
                )));
            }
        }
    };
    let rope = Rope {
        theta: file.float(&key("freq_base"))?.unwrap_or(10_000.0),
        scaling,
    };
    rope.check(head_dim).map_err(|e| file.fault(e))?;
    Ok(rope)
}

/// Options of the same classes that change the arithmetic in ways that are not built.
fn refuse_unlike_llama(json: &Json) -> Result<()> {
    if let Some(act) = json["hidden_act"].as_str().filter(|&a| a != "silu") {
        return Err(Error::invalid(format!(
            "`hidden_act` `{act}` is not supported; supported: silu"
        )));
    }
    let window = json["sliding_window"].as_i64();
    let switched_off = json["use_sliding_window"].as_bool() == Some(false);
    match (window, json["max_position_embeddings"].as_i64()) {
        (Some(window), Some(context)) if window < context && !switched_off => Err(Error::invalid(
            format!("attention in a sliding window of {window} tokens is not supported"),
        )),
        _ => Ok(()),
    }
}
