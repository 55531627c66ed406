//! Weights by the names of transformers, from whichever files hold them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use lapidary_sdk::prelude::*;

use crate::config::Config;
use crate::folder::Folder;
use crate::gguf::Gguf;
use crate::lora::{Adapter, Lora, Maps};

/// Where a model's weights come from.
pub enum Source<'a> {
    /// A GGUF file.
    Gguf(&'a Gguf),
    /// A Hugging Face folder.
    Folder(&'a Folder),
}

/// Hands out weights once and remembers which were asked for, so that a file with weights that the model does not use
/// is noticed.
pub struct Weights<'a> {
    source: Source<'a>,
    config: &'a Config,
    /// Name in transformers to name in the file.
    names: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
    kind: DType,
    device: Device,
    adapter: Option<&'a Adapter>,
}

impl<'a> Weights<'a> {
    /// Weights of a model, to be turned into `kind` on `device`.
    pub fn new(source: Source<'a>, config: &'a Config, kind: DType, device: Device) -> Self {
        let names = match &source {
            Source::Gguf(file) => file
                .tensors()
                .keys()
                .map(|n| (hf_name(n, config.gemma.is_some()), n.clone()))
                .collect(),
            Source::Folder(folder) => folder
                .shapes()
                .into_keys()
                .map(|n| (n.clone(), n))
                .collect(),
        };
        Self {
            source,
            config,
            names,
            used: RefCell::default(),
            kind,
            device,
            adapter: None,
        }
    }

    /// The same with an adapter of the model.
    #[must_use]
    pub fn adapted(self, adapter: Option<&'a Adapter>) -> Self {
        Self { adapter, ..self }
    }

    /// What the adapter adds to the linear map of that name, if anything.
    pub fn lora(&self, map: &str) -> Option<Lora> {
        self.adapter?.lora(map)
    }

    /// The linear maps of the model's layers, by their names in transformers.
    pub fn linear_maps(&self) -> Maps {
        let shapes = match &self.source {
            Source::Gguf(file) => file
                .tensors()
                .iter()
                .map(|(name, tensor)| (name.clone(), tensor.shape.clone()))
                .collect(),
            Source::Folder(folder) => folder.shapes(),
        };
        let map = |(name, stored): (&String, &String)| {
            let map = name.strip_suffix(".weight")?;
            match *shapes.get(stored)?.as_slice() {
                [to, from] if map.starts_with("model.layers.") => {
                    Some((map.to_owned(), (from, to)))
                }
                _ => None,
            }
        };
        self.names.iter().filter_map(map).collect()
    }

    /// A weight of the given shape.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.find(name, shape)?
            .ok_or_else(|| self.fault(format!("there is no tensor `{name}`")))
    }

    /// A weight of the given shape, where there is one.
    ///
    /// # Errors
    /// When it has another shape or cannot be read.
    pub fn find(&self, name: &str, shape: &[i64]) -> Result<Option<Tensor>> {
        let Some(stored) = self.names.get(name) else {
            return Ok(None);
        };
        self.used.borrow_mut().insert(name.to_owned());
        let tensor = match &self.source {
            Source::Gguf(file) => file.tensor(stored)?,
            Source::Folder(folder) => folder.tensor(stored)?,
        };
        if tensor.size() != shape {
            return Err(self.fault(format!(
                "tensor `{stored}` has shape {:?}, expected {shape:?}",
                tensor.size()
            )));
        }
        let tensor = self.whole_norm(name, self.in_half_order(stored, tensor)?)?;
        Ok(Some(tensor.f_to_device(self.device)?.f_to_kind(self.kind)?))
    }

    /// Refuses files with weights that nobody asked for: such a model is not what it was taken for.
    ///
    /// # Errors
    /// Names some of those weights.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let known =
            |n: &str| n == "rope_freqs.weight" || n == "lm_head.weight" || n.contains("rotary_emb");
        let left: Vec<&str> = self
            .names
            .keys()
            .map(String::as_str)
            .filter(|n| !used.contains(*n) && !known(n))
            .collect();
        match left.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(self.fault(format!(
                "{} tensors have no place in such a model, `{first}` for one",
                left.len()
            ))),
        }
    }

    /// GGUF stores the rows of queries and keys of `llama` so that neighbours are rotated against each other; this
    /// brings back the order in which halves are.
    fn in_half_order(&self, stored: &str, tensor: Tensor) -> Result<Tensor> {
        let Source::Gguf(file) = self.source else {
            return Ok(tensor);
        };
        let heads = match stored {
            _ if file.text("general.architecture")? != Some("llama") => return Ok(tensor),
            n if n.contains(".attn_q.") => self.config.heads,
            n if n.contains(".attn_k.") => self.config.kv_heads,
            _ => return Ok(tensor),
        };
        let shape = tensor.size();
        let paired = tensor.f_view([heads, self.config.head_dim / 2, 2, -1])?;
        Ok(paired.f_transpose(1, 2)?.f_reshape(&shape)?)
    }

    /// Folders of Gemma 3 hold what a norm's weight has above 1; GGUF files hold the whole.
    fn whole_norm(&self, name: &str, tensor: Tensor) -> Result<Tensor> {
        let folder = matches!(self.source, Source::Folder(_));
        match self.config.gemma.is_some() && folder && name.ends_with("norm.weight") {
            true => Ok(tensor.f_add_scalar(1.0)?),
            false => Ok(tensor),
        }
    }

    fn fault(&self, reason: String) -> Error {
        match self.source {
            Source::Gguf(file) => file.fault(reason),
            Source::Folder(folder) => {
                Error::invalid(format!("{}: {reason}", folder.path().display()))
            }
        }
    }
}

/// The name in transformers of a tensor in a GGUF file; unknown names stay as they are.
fn hf_name(name: &str, gemma: bool) -> String {
    let top = match name {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output_norm.weight" => "model.norm.weight",
        "output.weight" => "lm_head.weight",
        _ => "",
    };
    if !top.is_empty() {
        return top.to_owned();
    }
    let mut parts = name.splitn(4, '.');
    let (Some("blk"), Some(layer), Some(part), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return name.to_owned();
    };
    let part = match part {
        "attn_norm" => "input_layernorm",
        "ffn_norm" if gemma => "pre_feedforward_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "post_attention_norm" => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return name.to_owned(),
    };
    format!("model.layers.{layer}.{part}.{rest}")
}
