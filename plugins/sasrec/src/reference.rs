//! Reading weights of the public PyTorch implementation.

use lapidary_sdk::prelude::*;

/// The names of one block there, without the block's number, and the names here. A kernel of a convolution of width 1
/// has a trailing axis, which is dropped.
const BLOCK: [(&str, &str, &str); 12] = [
    ("attention_layernorms", "weight", "attention.norm.weight"),
    ("attention_layernorms", "bias", "attention.norm.bias"),
    (
        "attention_layers",
        "in_proj_weight",
        "attention.in_proj.weight",
    ),
    ("attention_layers", "in_proj_bias", "attention.in_proj.bias"),
    (
        "attention_layers",
        "out_proj.weight",
        "attention.out_proj.weight",
    ),
    (
        "attention_layers",
        "out_proj.bias",
        "attention.out_proj.bias",
    ),
    ("forward_layernorms", "weight", "feed_forward.norm.weight"),
    ("forward_layernorms", "bias", "feed_forward.norm.bias"),
    (
        "forward_layers",
        "conv1.weight",
        "feed_forward.inner.weight",
    ),
    ("forward_layers", "conv1.bias", "feed_forward.inner.bias"),
    (
        "forward_layers",
        "conv2.weight",
        "feed_forward.outer.weight",
    ),
    ("forward_layers", "conv2.bias", "feed_forward.outer.bias"),
];

/// Turns the weights of <https://github.com/pmixer/SASRec.pytorch>, by their names in its `state_dict`, into a state
/// that [`crate::SasRec`] loads. `max_len` is the longest sequence, as in the context.
///
/// The item table (`item_emb`) is the host's and is passed over. The table of positions may have `max_len` rows, or one
/// more for padding in front, which is dropped.
///
/// With these weights a row has the hidden states of that implementation if it has `max_len` items. In shorter rows
/// that implementation attends to the padding on the left too; [`crate::SasRec`], as the paper's own code, does not.
///
/// # Errors
/// When a name is unknown or the table of positions has another length.
pub fn import(weights: &[(String, Tensor)], max_len: i64) -> Result<State> {
    let mut state = State::default();
    for (name, tensor) in weights {
        if let Some(entry) = translate(name, tensor, max_len)? {
            state.tensors.push(entry);
        }
    }
    Ok(state)
}

fn translate(name: &str, tensor: &Tensor, max_len: i64) -> Result<Option<(String, Tensor)>> {
    let entry = match name {
        "item_emb.weight" => return Ok(None),
        "pos_emb.weight" => ("position.weight".to_owned(), positions(tensor, max_len)?),
        "last_layernorm.weight" => ("final_norm.weight".to_owned(), tensor.shallow_clone()),
        "last_layernorm.bias" => ("final_norm.bias".to_owned(), tensor.shallow_clone()),
        _ => {
            let name = block_name(name).ok_or_else(|| {
                Error::invalid(format!("the reference layout has no tensor `{name}`"))
            })?;
            let squeezed = match tensor.dim() {
                3 => tensor.f_squeeze_dim(2)?,
                _ => tensor.shallow_clone(),
            };
            (name, squeezed)
        }
    };
    Ok(Some(entry))
}

/// `attention_layers.1.in_proj_weight` → `layers.1.attention.in_proj.weight`.
fn block_name(name: &str) -> Option<String> {
    let (list, rest) = name.split_once('.')?;
    let (number, part) = rest.split_once('.')?;
    let number: u32 = number.parse().ok()?;
    let (_, _, ours) = BLOCK.iter().find(|(l, p, _)| (*l, *p) == (list, part))?;
    Some(format!("layers.{number}.{ours}"))
}

fn positions(table: &Tensor, max_len: i64) -> Result<Tensor> {
    match table.size().first() {
        Some(&rows) if rows == max_len => Ok(table.shallow_clone()),
        Some(&rows) if rows == max_len + 1 => Ok(table.f_narrow(0, 1, max_len)?),
        _ => Err(Error::invalid(format!(
            "`pos_emb.weight` must have {max_len} or {} rows; its shape is {:?}",
            max_len + 1,
            table.size()
        ))),
    }
}
