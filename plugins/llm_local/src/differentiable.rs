//! Log-likelihoods of continuations as a tensor through which gradients flow.

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

use crate::likelihood::{Query, batch_size, score};
use crate::model::Llama;
use crate::plan::plans;

/// The sum of natural log-probabilities of each continuation of each query, in their order, f32 `[T]`. A prefix, and
/// what several prefixes begin with, is computed once, with gradients; all that the gradients need stays in memory.
///
/// # Errors
/// When the model fails or the user asks to stop.
pub fn log_likelihoods(model: &Llama, queries: &[Query], batch_tokens: usize) -> Result<Tensor> {
    let mut starts = Vec::with_capacity(queries.len());
    let mut total = 0;
    for query in queries {
        starts.push(total);
        total += query.continuations.len();
    }
    let sums = Tensor::f_zeros([total as i64], (DType::Float, model.device()))?;
    let plans = plans(queries, 0, model.config(), batch_tokens);
    let (mut places, mut parts) = (Vec::new(), Vec::new());
    let mut rest = plans.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_size(rest, batch_tokens));
        parts.push(score(model, batch, None)?);
        let targets = batch.iter().flat_map(|p| &p.targets);
        places.extend(targets.filter_map(|t| {
            let start = starts.get(t.query)?;
            Some((start + t.continuation) as i64)
        }));
        rest = later;
        let done = plans.len() - rest.len();
        host::progress("language model", done as u64, plans.len() as u64)?;
    }
    if parts.is_empty() {
        return Ok(sums);
    }
    let places = Tensor::f_from_slice(&places)?.f_to_device(model.device())?;
    Ok(sums.f_index_add(0, &places, &Tensor::f_cat(&parts, 0)?)?)
}
