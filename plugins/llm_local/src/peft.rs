//! Adapters as PEFT stores them: `adapter_config.json` and `adapter_model.safetensors`.

use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::{Value as Json, json};

use lapidary_sdk::prelude::*;

use crate::lora::{Adapter, Maps};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// Ranks that make sense: no linear map has larger ones.
const RANKS: RangeInclusive<i64> = 1..=1 << 16;

/// What an adapter's configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Rank r of the products.
    pub rank: i64,
    alpha: f64,
    /// Scaled by alpha / √r instead of alpha / r (Kalajdzievski 2023, <https://arxiv.org/abs/2312.03732>).
    rank_stabilised: bool,
    /// None where the file has a pattern: then the tensors alone tell what is adapted.
    targets: Option<Vec<String>>,
    /// Whether every map that a target names must be adapted.
    complete: bool,
    base: String,
}

impl Config {
    /// That of a new adapter for the model called `base`.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn new(settings: &LoraSettings, base: &str) -> Result<Self> {
        if !RANKS.contains(&i64::from(settings.rank)) {
            let (least, most) = (RANKS.start(), RANKS.end());
            return Err(Error::invalid(format!(
                "`rank` must be {least} to {most}, not {}",
                settings.rank
            )));
        }
        if !(settings.alpha.is_finite() && settings.alpha > 0.0) {
            let found = settings.alpha;
            return Err(Error::invalid(format!(
                "`alpha` must be above 0, not {found}"
            )));
        }
        if settings.targets.is_empty() {
            return Err(Error::invalid(
                "`targets` is empty; name linear maps, such as `q_proj` and `v_proj`",
            ));
        }
        Ok(Self {
            rank: i64::from(settings.rank),
            alpha: settings.alpha,
            rank_stabilised: false,
            targets: Some(settings.targets.clone()),
            complete: true,
            base: base.to_owned(),
        })
    }

    /// Reads an `adapter_config.json`.
    ///
    /// # Errors
    /// Names the key that is missing, of another form, or asks for something that is not built.
    pub fn from_json(json: &Json) -> Result<Self> {
        let bad = |key: &str, reason: &str| Error::invalid(format!("`{key}` {reason}"));
        match json["peft_type"].as_str() {
            Some("LORA") => {}
            other => {
                let found = other.unwrap_or("missing");
                return Err(bad("peft_type", &format!("is {found}; `LORA` can be read")));
            }
        }
        refuse_unbuilt(json)?;
        let rank = json["r"].as_i64().filter(|r| RANKS.contains(r));
        let alpha = json["lora_alpha"].as_f64().filter(|a| a.is_finite());
        let targets = match &json["target_modules"] {
            Json::Array(names) => {
                let names = names.iter().map(|n| n.as_str().map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                Some(names.ok_or_else(|| bad("target_modules", "holds something besides names"))?)
            }
            Json::String(_) | Json::Null => None,
            _ => {
                return Err(bad(
                    "target_modules",
                    "is neither a list of names nor a pattern",
                ));
            }
        };
        let some = |key: &str| !json[key].is_null();
        Ok(Self {
            rank: rank.ok_or_else(|| bad("r", "is missing or no rank"))?,
            alpha: alpha.ok_or_else(|| bad("lora_alpha", "is missing or no number"))?,
            rank_stabilised: json["use_rslora"].as_bool().unwrap_or(false),
            targets,
            complete: !some("layers_to_transform") && !some("exclude_modules"),
            base: json["base_model_name_or_path"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// The same as an `adapter_config.json`.
    pub fn to_json(&self) -> Json {
        json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": self.base,
            "r": self.rank,
            "lora_alpha": match self.alpha.fract() == 0.0 && self.alpha < 1e9 {
                true => json!(self.alpha as i64),
                false => json!(self.alpha),
            },
            "use_rslora": self.rank_stabilised,
            "target_modules": self.targets,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
        })
    }

    /// What the products are multiplied with.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha
            / if self.rank_stabilised {
                rank.sqrt()
            } else {
                rank
            }
    }

    /// Whether a target names the map.
    pub fn adapts(&self, map: &str) -> bool {
        let mut targets = self.targets.iter().flatten();
        targets.any(|target| matches(map, target))
    }

    /// Whether the map's tensors must be there.
    pub fn needs(&self, map: &str) -> bool {
        self.complete && self.adapts(map)
    }

    /// Refuses targets that name no linear map.
    ///
    /// # Errors
    /// Names the target and the nearest map.
    pub fn check_targets(&self, maps: &Maps) -> Result<()> {
        let unknown = |target: &&String| !maps.keys().any(|map| matches(map, target));
        let Some(target) = self.targets.iter().flatten().find(unknown) else {
            return Ok(());
        };
        let mut known: Vec<&str> = maps.keys().filter_map(|m| m.rsplit('.').next()).collect();
        known.sort_unstable();
        known.dedup();
        let near = known
            .iter()
            .map(|k| (strsim::damerau_levenshtein(k, target), k));
        let near = near.min().filter(|(distance, _)| *distance <= 2);
        let hint = near.map_or(String::new(), |(_, k)| format!("; did you mean `{k}`?"));
        Err(Error::invalid(format!(
            "target `{target}` is no linear map of this model, which has {}{hint}",
            known.join(", ")
        )))
    }
}

/// Options that are not built and change what an adapter computes.
const UNBUILT: [&str; 10] = [
    "alora_invocation_tokens",
    "alpha_pattern",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
];
/// Ways of beginning that leave the base as it is; others move a part of it into the adapter.
const BEGINNINGS: [&str; 3] = ["eva", "gaussian", "orthogonal"];

fn refuse_unbuilt(json: &Json) -> Result<()> {
    let unset = |value: &Json| match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(list) => list.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    };
    let unbuilt = |key: &str| {
        let variant = key.starts_with("use_") && key != "use_rslora";
        variant || UNBUILT.contains(&key)
    };
    let refuse = |key: &str, value: &Json| {
        let text = format!("`{key}` is {value}, which is not supported");
        Err(Error::invalid(text))
    };
    let all = json.as_object().into_iter().flatten();
    for (key, value) in all.filter(|(_, value)| !unset(value)) {
        if unbuilt(key) {
            return refuse(key, value);
        }
        match (key.as_str(), value.as_str()) {
            ("bias", Some(way)) if way != "none" => return refuse(key, value),
            ("init_lora_weights", Some(way)) if !BEGINNINGS.contains(&way) => {
                return refuse(key, value);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A target names the map itself, or the end of its name from a dot on.
fn matches(map: &str, target: &str) -> bool {
    map.strip_suffix(target)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Reads an adapter's folder for a model with these linear maps.
///
/// # Errors
/// When a file is missing or damaged, or the adapter does not fit the model.
pub fn open(folder: &Path, maps: &Maps, device: Device) -> Result<Adapter> {
    let (config, tensors) = (folder.join(CONFIG), folder.join(TENSORS));
    for path in [&config, &tensors] {
        if !path.is_file() {
            return Err(Error::invalid(format!(
                "{}: there is no such file; an adapter is a folder with `{CONFIG}` and `{TENSORS}`",
                path.display()
            )));
        }
    }
    let place = config.display().to_string();
    let bytes = std::fs::read(&config).map_err(Error::io(&config))?;
    let json: Json = serde_json::from_slice(&bytes).map_err(Error::json(place.clone()))?;
    let config = Config::from_json(&json).map_err(|e| Error::invalid(format!("{place}: {e}")))?;
    let place = tensors.display().to_string();
    let tensors = Tensor::read_safetensors(&tensors)
        .map_err(|e| Error::invalid(format!("{place}: unusable: {e}")))?;
    Adapter::of(config, &tensors, maps, device, &place)
}
