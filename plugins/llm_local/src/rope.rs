//! Rotary positions (Su et al. 2021, <https://arxiv.org/abs/2104.09864>). Files have the form of transformers, which
//! rotates the two halves of a head against each other; the rows of its weights are reordered so that pairs are neighbours.

use serde_json::Value as Json;

use lapidary_sdk::prelude::*;

/// Base and scaling of the rotary frequencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base.
    pub theta: f64,
    /// How frequencies are changed for longer contexts.
    pub scaling: Scaling,
}

/// Changes of the frequencies for longer contexts than those trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// None.
    None,
    /// All divided by a factor.
    Linear(f64),
    /// Low frequencies divided, high ones kept, a ramp between them, as Llama 3.1 does.
    Llama3 {
        /// Divides low frequencies.
        factor: f64,
        /// Waves longer than `original_context / low` are divided.
        low: f64,
        /// Waves shorter than `original_context / high` are kept.
        high: f64,
        /// The context that the model was first trained on, in tokens.
        original_context: f64,
    },
    /// Each divided by its own factor: how GGUF files spell the Llama 3.1 scaling.
    Factors(Vec<f64>),
}

impl Rope {
    /// Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (older).
    ///
    /// # Errors
    /// When the scaling is of another kind than `linear` or `llama3`, or a value is missing.
    pub fn from_json(json: &Json) -> Result<Self> {
        let newer = &json["rope_parameters"];
        let spec = if newer.is_object() {
            newer
        } else {
            &json["rope_scaling"]
        };
        let theta = newer["rope_theta"]
            .as_f64()
            .or(json["rope_theta"].as_f64())
            .unwrap_or(10_000.0);
        let kind = spec["rope_type"]
            .as_str()
            .or(spec["type"].as_str())
            .unwrap_or("default");
        let need = |key: &str| {
            spec[key]
                .as_f64()
                .filter(|x| *x > 0.0)
                .ok_or_else(|| Error::invalid(format!("rotary scaling needs `{key}` above 0")))
        };
        let scaling = match kind {
            "default" => Scaling::None,
            "linear" => Scaling::Linear(need("factor")?),
            "llama3" => Scaling::Llama3 {
                factor: need("factor")?,
                low: need("low_freq_factor")?,
                high: need("high_freq_factor")?,
                original_context: need("original_max_position_embeddings")?,
            },
            other => {
                return Err(Error::invalid(format!(
                    "rotary scaling `{other}` is not supported; supported: linear, llama3"
                )));
            }
        };
        Ok(Self { theta, scaling })
    }

    /// Whether the scaling makes sense for heads of that size.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self, head_dim: i64) -> std::result::Result<(), String> {
        match &self.scaling {
            Scaling::Linear(factor) if factor.is_nan() || *factor <= 0.0 => {
                Err(format!("rotary scaling factor {factor} must be above 0"))
            }
            Scaling::Factors(f)
                if f.len() as i64 != head_dim / 2 || f.iter().any(|f| f.is_nan() || *f <= 0.0) =>
            {
                Err(format!(
                    "`rope_freqs.weight` needs {} factors above 0",
                    head_dim / 2
                ))
            }
            _ => Ok(()),
        }
    }

    /// Angle per position of each pair, `head_dim / 2` of them.
    pub fn frequencies(&self, head_dim: i64) -> Vec<f32> {
        let plain = (0..head_dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / head_dim as f64));
        plain
            .enumerate()
            .map(|(i, f)| self.scaled(i, f) as f32)
            .collect()
    }

    fn scaled(&self, i: usize, frequency: f64) -> f64 {
        match &self.scaling {
            Scaling::None => frequency,
            Scaling::Linear(factor) => frequency / factor,
            Scaling::Factors(factors) => frequency / factors.get(i).copied().unwrap_or(1.0),
            Scaling::Llama3 {
                factor,
                low,
                high,
                original_context,
            } => {
                let turns = original_context * frequency / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
        }
    }
}

/// Rotations of the positions of one forward pass, complex `[N,1,head_dim/2]`.
#[derive(Debug)]
pub struct Rotation {
    turns: Tensor,
}

impl Rotation {
    /// For `positions` i64 `[N]` and `frequencies` f32 `[head_dim/2]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn new(positions: &Tensor, frequencies: &Tensor) -> Result<Self> {
        let angles = positions
            .f_to_kind(DType::Float)?
            .f_outer(frequencies)?
            .f_unsqueeze(1)?;
        let turns = Tensor::f_complex(&angles.f_cos()?, &angles.f_sin()?)?;
        Ok(Self { turns })
    }

    /// Rotates `heads` `[N,h,head_dim]`, of which each two neighbours are a pair: one product of complex numbers.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn apply(&self, heads: &Tensor) -> Result<Tensor> {
        let kind = heads.kind();
        let pairs = heads.f_to_kind(DType::Float)?.f_unflatten(-1, [-1, 2])?;
        let turned = pairs.f_view_as_complex()?.f_mul(&self.turns)?;
        Ok(turned
            .f_view_as_real()?
            .f_flatten(-2, -1)?
            .f_to_kind(kind)?)
    }
}

/// Reorders what gives a head's values, rows `[h*head_dim,…]`: files pair a value with the one half a head further, here
/// it is its neighbour. Queries and keys are reordered alike, so that their products stay.
///
/// # Errors
/// When a head of odd size cannot be rotated.
pub fn neighbours(rows: &Tensor, head_dim: i64) -> Result<Tensor> {
    let pairs = rows.f_unflatten(0, [-1, 2, head_dim / 2])?;
    Ok(pairs.f_transpose(1, 2)?.f_flatten(0, 2)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn other_scalings_are_refused_by_name() {
        let json = serde_json::json!({"rope_scaling": {"type": "yarn", "factor": 2.0}});
        let error = Rope::from_json(&json).unwrap_err().to_string();
        assert!(error.contains("`yarn` is not supported"), "{error}");
    }

    #[test]
    fn both_spellings_of_the_configuration_are_read() {
        let old = serde_json::json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 4.0}});
        let new = serde_json::json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 4.0}});
        let expected = Rope {
            theta: 5e5,
            scaling: Scaling::Linear(4.0),
        };
        assert_eq!(Rope::from_json(&old).unwrap(), expected);
        assert_eq!(Rope::from_json(&new).unwrap(), expected);
    }

    #[test]
    fn factors_of_gguf_equal_the_llama3_rule() {
        let rule = Rope {
            theta: 5e5,
            scaling: Scaling::Llama3 {
                factor: 8.0,
                low: 1.0,
                high: 4.0,
                original_context: 8192.0,
            },
        };
        let plain = Rope {
            theta: 5e5,
            scaling: Scaling::None,
        }
        .frequencies(64);
        let scaled = rule.frequencies(64);
        let factors = plain
            .iter()
            .zip(&scaled)
            .map(|(p, s)| f64::from(*p) / f64::from(*s))
            .collect();
        let spelled = Rope {
            theta: 5e5,
            scaling: Scaling::Factors(factors),
        }
        .frequencies(64);
        for (a, b) in scaled.iter().zip(&spelled) {
            assert!((a - b).abs() <= a * 1e-6);
        }
        assert_eq!(scaled[0], plain[0]);
        assert!((scaled[31] * 8.0 - plain[31]).abs() < plain[31] * 1e-6);
    }
}
