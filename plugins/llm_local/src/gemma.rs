//! What Gemma 3 (Gemma Team 2025, <https://arxiv.org/abs/2503.19786>) does otherwise than Llama: most layers see only the
//! last tokens, with rotary positions of a base of their own, and queries have a scale of their own.

use serde_json::{Value as Json, json};

use lapidary_sdk::prelude::*;

use crate::gguf::{Gguf, Value};
use crate::rope::{Rope, Scaling};

/// Rotary base of layers that see all, where the files do not tell.
const FULL_BASE: f64 = 1_000_000.0;
/// Rotary base of layers that see a window.
const LOCAL_BASE: f64 = 10_000.0;
/// Of this many layers in a row, the last sees all.
const PATTERN: i64 = 6;
/// Layers of the one model, of 27 billion weights, whose queries are scaled by another size than the head's.
const LAYERS_OF_27B: usize = 62;

/// Constants of a Gemma 3 model.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemma {
    /// Tokens that a local layer sees, the asking one among them.
    pub window: i64,
    /// For each layer whether it is local.
    pub local: Vec<bool>,
    /// Rotary positions of local layers.
    pub local_rope: Rope,
    /// What queries are divided by the root of.
    pub query_scalar: f64,
}

impl Gemma {
    /// Reads a `config.json` of transformers, either the form of version 5 or an older one, and the rotary positions of
    /// the layers that see all.
    ///
    /// # Errors
    /// When it asks for arithmetic that is not built, or a value is missing or makes no sense.
    pub fn from_json(json: &Json, layers: usize) -> Result<(Self, Rope)> {
        let act = json["hidden_activation"].as_str();
        if let Some(act) = act.filter(|&a| a != "gelu_pytorch_tanh") {
            return Err(Error::invalid(format!(
                "`hidden_activation` `{act}` is not supported; supported: gelu_pytorch_tanh"
            )));
        }
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if json[key].as_f64().is_some() {
                return Err(Error::invalid(format!("`{key}` is not supported")));
            }
        }
        if json["use_bidirectional_attention"].as_bool() == Some(true) {
            let text =
                "`use_bidirectional_attention` is not supported: such a model does not write";
            return Err(Error::invalid(text));
        }
        let rope = |layers: &str, older: Option<f64>, scaling: &Json| {
            Rope::from_json(&json!({
                "rope_parameters": json["rope_parameters"][layers], "rope_theta": older, "rope_scaling": scaling,
            }))
        };
        let base = |key: &str, default| Some(json[key].as_f64().unwrap_or(default));
        let full = base("rope_theta", FULL_BASE);
        let full = rope("full_attention", full, &json["rope_scaling"])?;
        let local = base("rope_local_base_freq", LOCAL_BASE);
        let local = rope("sliding_attention", local, &Json::Null)?;
        let pattern = json["sliding_window_pattern"].as_i64().unwrap_or(PATTERN);
        let need = |key: &str| {
            let value = json[key].as_f64();
            value.ok_or_else(|| Error::invalid(format!("`{key}` is missing or no number")))
        };
        let gemma = Self {
            window: need("sliding_window")? as i64,
            local: layer_types(&json["layer_types"])?.unwrap_or_else(|| every(pattern, layers)),
            local_rope: local,
            query_scalar: need("query_pre_attn_scalar")?,
        };
        gemma.check(layers).map_err(Error::invalid)?;
        Ok((gemma, full))
    }

    /// Reads the metadata of a GGUF file. Older files lack what all Gemma 3 models have in common. `width` is what a query
    /// head has of the hidden states.
    ///
    /// # Errors
    /// When it asks for arithmetic that is not built, or a value is missing or makes no sense.
    pub fn from_gguf(file: &Gguf, layers: usize, head_dim: i64, width: i64) -> Result<Self> {
        let cap = "gemma3.final_logit_softcapping";
        if file.float(cap)?.is_some_and(|cap| cap != 0.0) {
            return Err(file.fault(format!("`{cap}` is not supported")));
        }
        let window = "gemma3.attention.sliding_window";
        let local = match file.get("gemma3.attention.sliding_window_pattern") {
            Some(Value::Ints(local)) => local.iter().map(|&flag| flag != 0).collect(),
            Some(Value::Int(pattern)) => every(*pattern, layers),
            _ => every(PATTERN, layers),
        };
        let base = file.float("gemma3.rope.freq_base_swa")?;
        let gemma = Self {
            window: file.need(window, file.int(window)?)?,
            local,
            local_rope: Rope {
                theta: base.unwrap_or(LOCAL_BASE),
                scaling: Scaling::None,
            },
            // As llama.cpp has it: the file does not tell.
            query_scalar: match layers {
                LAYERS_OF_27B => width as f64,
                _ => head_dim as f64,
            },
        };
        gemma.check(layers).map_err(|e| file.fault(e))?;
        Ok(gemma)
    }

    fn check(&self, layers: usize) -> std::result::Result<(), String> {
        if self.local.len() != layers {
            let (told, all) = (self.local.len(), layers);
            return Err(format!("what {told} layers see is told, of {all}"));
        }
        if self.window < 1 || !(self.query_scalar > 0.0 && self.local_rope.theta > 0.0) {
            let text = "the sliding window, the queries' scale and the rotary base must be above 0";
            return Err(text.to_owned());
        }
        Ok(())
    }
}

/// For each layer whether it is local: each `pattern`-th is not.
fn every(pattern: i64, layers: usize) -> Vec<bool> {
    let pattern = pattern.max(1);
    (1..=layers as i64).map(|n| n % pattern != 0).collect()
}

/// What `layer_types` says, where it is there.
fn layer_types(json: &Json) -> Result<Option<Vec<bool>>> {
    let Some(types) = json.as_array() else {
        return Ok(None);
    };
    let local = types.iter().map(|t| match t.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("full_attention") => Ok(false),
        _ => Err(Error::invalid(format!(
            "layer type {t} is not supported; supported: sliding_attention, full_attention"
        ))),
    });
    local.collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn older() -> Json {
        json!({
            "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 512, "query_pre_attn_scalar": 256,
            "rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
            "sliding_window_pattern": 3, "attn_logit_softcapping": null,
        })
    }

    #[test]
    fn both_spellings_of_the_configuration_are_read() {
        let newer = json!({
            "sliding_window": 512, "query_pre_attn_scalar": 256,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
            },
        });
        let expected = Gemma::from_json(&newer, 4).unwrap();
        assert_eq!(Gemma::from_json(&older(), 4).unwrap(), expected);
        assert_eq!(expected.0.local, [true, true, false, true]);
        assert_eq!(expected.0.local_rope.theta, 1e4);
        assert_eq!(
            expected.1,
            Rope {
                theta: 1e6,
                scaling: Scaling::Linear(8.0)
            }
        );
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        let cases = [
            ("hidden_activation", json!("relu"), "`relu`"),
            ("final_logit_softcapping", json!(30.0), "`final_logit"),
            ("use_bidirectional_attention", json!(true), "does not write"),
            ("sliding_window", json!(0), "above 0"),
            ("sliding_window", Json::Null, "`sliding_window` is missing"),
            ("layer_types", json!(["chunked"]), "\"chunked\""),
            ("layer_types", json!(["full_attention"]), "1 layers see"),
        ];
        for (key, value, expected) in cases {
            let mut json = older();
            json[key] = value;
            let error = Gemma::from_json(&json, 4).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} in: {error}");
        }
    }
}
