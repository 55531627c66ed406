//! Low-rank adaptation of linear maps, LoRA (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>).
//!
//! Beside a frozen weight W a product of two narrow matrices is added: `y = W·x + scale · B·(A·x)`. A begins with small
//! draws and B with zeros, so that a new adapter changes nothing. The paper draws A from a normal distribution; we draw
//! it as PEFT does, uniformly within ±1/√in. Names, shapes and the order of rows are those of PEFT and transformers,
//! also where the base is a GGUF file.

use std::collections::BTreeMap;

use rand::Rng;
use sha2::{Digest, Sha256};

use lapidary_sdk::prelude::*;
use lapidary_sdk::random::generator;

use crate::files::hex;
use crate::peft::Config;

/// Linear maps of a model by their names in transformers, each with its sizes: inputs, outputs.
pub type Maps = BTreeMap<String, (i64, i64)>;

/// What PEFT puts before the names of a model's own modules.
const PREFIX: &str = "base_model.model.";

/// What is added to one linear map.
#[derive(Debug)]
pub struct Lora {
    a: Tensor,
    b: Tensor,
    scale: f64,
    /// Which row of B each output comes from; in B's own order where there is none.
    order: Option<Tensor>,
}

impl Lora {
    /// `[N,in]` to `[N,out]`, computed in f32.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let input = input.f_to_kind(DType::Float)?;
        let low = input.f_linear(&self.a, None::<&Tensor>)?;
        let high = match &self.order {
            Some(order) => low.f_linear(&self.b.f_index_select(0, order)?, None::<&Tensor>)?,
            None => low.f_linear(&self.b, None::<&Tensor>)?,
        };
        Ok(high.f_mul_scalar(self.scale)?)
    }

    /// The same with its outputs in the order that `change` brings rows into.
    ///
    /// # Errors
    /// When `change` fails.
    pub fn reordered(self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let order = match &self.order {
            Some(order) => order.shallow_clone(),
            None => Tensor::f_arange(self.b.size2()?.0, (DType::Int64, self.b.device()))?,
        };
        Ok(Self {
            order: Some(change(&order)?),
            ..self
        })
    }
}

/// An adapter of a model: what is added to each of its adapted linear maps.
#[derive(Debug)]
pub struct Adapter {
    config: Config,
    /// A `[r,in]` and B `[out,r]` by the map's name.
    pairs: BTreeMap<String, (Tensor, Tensor)>,
}

impl Adapter {
    /// A new adapter, which changes nothing yet and can be trained.
    ///
    /// # Errors
    /// When the settings make no sense, or a target is no linear map of the model.
    pub fn new(settings: &LoraSettings, base: &str, maps: &Maps, device: Device) -> Result<Self> {
        let config = Config::new(settings, base)?;
        let mut pairs = BTreeMap::new();
        for (name, &(from, to)) in maps.iter().filter(|(name, _)| config.adapts(name)) {
            let a = draws(settings.seed, name, config.rank, from)?.f_to_device(device)?;
            let b = Tensor::f_zeros([to, config.rank], (DType::Float, device))?;
            let pair = (a.f_set_requires_grad(true)?, b.f_set_requires_grad(true)?);
            pairs.insert(name.clone(), pair);
        }
        config.check_targets(maps)?;
        Ok(Self { config, pairs })
    }

    /// The adapter that tensors by PEFT's names make. `place` names them in messages.
    ///
    /// # Errors
    /// When a tensor belongs to no linear map of the model, has another shape, or is missing.
    pub fn of(
        config: Config,
        tensors: &[(String, Tensor)],
        maps: &Maps,
        device: Device,
        place: &str,
    ) -> Result<Self> {
        let fault = |reason: String| Error::invalid(format!("{place}: {reason}"));
        config
            .check_targets(maps)
            .map_err(|e| fault(e.to_string()))?;
        for (name, _) in tensors {
            let known = parse(name).is_some_and(|(map, _)| maps.contains_key(map));
            if !known {
                return Err(fault(format!(
                    "tensor `{name}` belongs to no linear map of this model; the adapter was made for another"
                )));
            }
        }
        let rank = config.rank;
        let mut pairs = BTreeMap::new();
        for (map, &(from, to)) in maps {
            let find = |part: &str, shape: [i64; 2]| -> Result<Option<Tensor>> {
                let name = named(map, part);
                let Some((_, tensor)) = tensors.iter().find(|(n, _)| *n == name) else {
                    return Ok(None);
                };
                if tensor.size() != shape {
                    let found = tensor.size();
                    return Err(fault(format!(
                        "tensor `{name}` has shape {found:?}; with rank {rank} this model needs {shape:?}"
                    )));
                }
                let values = tensor.f_detach()?.f_to_kind(DType::Float)?;
                Ok(Some(values.f_to_device(device)?.f_contiguous()?))
            };
            match (find("lora_A", [rank, from])?, find("lora_B", [to, rank])?) {
                (Some(a), Some(b)) => drop(pairs.insert(map.clone(), (a, b))),
                (None, None) if !config.needs(map) => {}
                (a, _) => {
                    let missing = named(map, if a.is_none() { "lora_A" } else { "lora_B" });
                    return Err(fault(format!("tensor `{missing}` is missing")));
                }
            }
        }
        match pairs.is_empty() {
            true => Err(fault("there is no tensor of an adapter".to_owned())),
            false => Ok(Self { config, pairs }),
        }
    }

    /// What is added to the linear map of that name, if anything is.
    pub fn lora(&self, map: &str) -> Option<Lora> {
        self.pairs.get(map).map(|(a, b)| Lora {
            a: a.shallow_clone(),
            b: b.shallow_clone(),
            scale: self.config.scale(),
            order: None,
        })
    }

    /// Its tensors by PEFT's names; they share storage with what computes.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let pair = |(map, (a, b)): (&String, &(Tensor, Tensor))| {
            let part = |part, tensor: &Tensor| (named(map, part), tensor.shallow_clone());
            [part("lora_A", a), part("lora_B", b)]
        };
        self.pairs.iter().flat_map(pair).collect()
    }

    /// How it was made.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// SHA-256 of all that its answers depend on.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.config.scale().to_le_bytes());
        for (name, tensor) in self.tensors() {
            hash.update(format!("{}:{name}", name.len()));
            let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?;
            let flat = flat.f_contiguous()?.f_view([-1])?;
            for value in Vec::<f32>::try_from(flat)? {
                hash.update(value.to_le_bytes());
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

fn named(map: &str, part: &str) -> String {
    format!("{PREFIX}{map}.{part}.weight")
}

/// The map and the part that a tensor's name in PEFT tells.
fn parse(name: &str) -> Option<(&str, &str)> {
    let (map, part) = name
        .strip_prefix(PREFIX)?
        .strip_suffix(".weight")?
        .rsplit_once('.')?;
    matches!(part, "lora_A" | "lora_B").then_some((map, part))
}

/// Uniform draws f32 `[rows,columns]` within ±1/√columns, which depend on the seed and the map's name alone.
fn draws(seed: u64, map: &str, rows: i64, columns: i64) -> Result<Tensor> {
    let digest = Sha256::digest(format!("{seed} {map}"));
    let mut first = [0; 8];
    first
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    let mut generator = generator(u64::from_le_bytes(first));
    let bound = 1.0 / (columns as f32).sqrt();
    let values: Vec<f32> = (0..rows * columns)
        .map(|_| bound * (2.0 * generator.random::<f32>() - 1.0))
        .collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([rows, columns])?)
}
