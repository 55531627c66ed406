//! Texts as vectors: the hidden states of their tokens, pooled.

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

use crate::model::Llama;
use crate::tree::{Batch, Before, Tree};

/// A text's tokens, at least one, of which the first `lead` stand before every text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// All tokens.
    pub tokens: Vec<i64>,
    /// Those that are not the text's own.
    pub lead: usize,
}

/// Vectors f32 `[N,d]` of texts, from the states after a layer, in batches of texts of like length. A forward pass holds
/// about `batch_tokens` tokens.
///
/// # Errors
/// When the model fails or the user asks to stop.
pub fn pooled(
    model: &Llama,
    texts: &[Text],
    layer: usize,
    pooling: Pooling,
    batch_tokens: usize,
) -> Result<Tensor> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let length = |&text: &usize| texts.get(text).map_or(0, |t| t.tokens.len());
    order.sort_by_key(|text| std::cmp::Reverse(length(text)));
    let size = [texts.len() as i64, model.config().dim];
    let vectors = Tensor::f_zeros(size, (DType::Float, model.device()))?;
    let mut rest = order.as_slice();
    while let Some(longest) = rest.first().map(length) {
        let fitting = (batch_tokens / longest.max(1)).clamp(1, rest.len());
        let (batch, later) = rest.split_at(fitting);
        let places: Vec<i64> = batch.iter().map(|&text| text as i64).collect();
        let batch: Vec<&Text> = batch.iter().filter_map(|&text| texts.get(text)).collect();
        let found = states(model, &batch, layer, pooling)?;
        let places = Tensor::f_from_slice(&places)?.f_to_device(model.device())?;
        let _in_place = vectors.shallow_clone().f_index_copy_(0, &places, &found)?;
        rest = later;
        let done = texts.len() - rest.len();
        host::progress("language model", done as u64, texts.len() as u64)?;
    }
    Ok(vectors)
}

/// Vectors f32 `[B,d]` of the texts of one forward pass.
fn states(model: &Llama, texts: &[&Text], layer: usize, pooling: Pooling) -> Result<Tensor> {
    let device = model.device();
    let trees: Vec<Tree> = texts.iter().map(|t| Tree::chain(&t.tokens)).collect();
    let trees: Vec<&Tree> = trees.iter().collect();
    let batch = Batch::new(&trees, &Before::default(), model.kind(), device)?;
    let (mut places, mut rows, mut counts, mut start) = (vec![], vec![], vec![], 0);
    for (row, text) in (0..).zip(texts) {
        let end = start + text.tokens.len() as i64;
        let first = match pooling {
            Pooling::Mean => (start + text.lead as i64).min(end - 1),
            Pooling::Last => end - 1,
        };
        places.extend(first..end);
        rows.extend((first..end).map(|_| row));
        counts.push((end - first) as f32);
        start = end;
    }
    let to_device = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
    let found = model.after(layer, &batch, &to_device(&places)?)?;
    let sums = Tensor::f_zeros(
        [texts.len() as i64, found.size2()?.1],
        (DType::Float, device),
    )?;
    let sums = sums.f_index_add(0, &to_device(&rows)?, &found.f_to_kind(DType::Float)?)?;
    let counts = Tensor::f_from_slice(&counts)?.f_to_device(device)?;
    Ok(sums.f_div(&counts.f_unsqueeze(1)?)?)
}
