//! One training step.

use tch::{Kind, Tensor};

use super::adam::Adam;
use super::batch::Batch;
use super::cross_entropy::{Blocks, cross_entropy};
use super::model::Model;
use super::sampled::{Sampled, sampled};
use super::settings::{LossKind, Settings};
use super::shared::{Shared, shared};
use super::unseen::Known;
use crate::error::Result;

/// Updates the model on one batch; only `known` items are held against each other. Returns the mean loss, f32 `[]`, still
/// on the device.
pub(super) fn step(
    model: &Model,
    batch: &Batch,
    known: Option<&Known>,
    settings: &Settings,
    adam: &mut Adam,
    rate: f64,
) -> Result<Tensor> {
    model.clear_gradients()?;
    let (rows, query) = model.train_forward(batch)?;
    let (loss, by_query) = loss(model, &query, &batch.targets, known, settings)?;
    if query.requires_grad() {
        // A sum weighted with the gradient has that gradient: libtorch goes on from there.
        query.f_mul(&by_query)?.f_sum(Kind::Float)?.f_backward()?;
    }
    if let Some(mut gradient) = model.items.input.gradient() {
        let by_rows = rows.f_grad()?;
        if by_rows.defined() {
            let _ = gradient.f_index_add_(0, &batch.items, &by_rows)?;
        }
    }
    adam.step(&model.parameters()?, rate)?;
    model.after_step()?;
    Ok(loss)
}

/// The mean loss and its gradient by the user vectors; the gradient by the item table is added to the table's.
fn loss(
    model: &Model,
    query: &Tensor,
    targets: &Tensor,
    known: Option<&Known>,
    settings: &Settings,
) -> Result<(Tensor, Tensor)> {
    let _no_grad = tch::no_grad_guard();
    let query = query.f_detach()?;
    let table = model.items.answers();
    let items = model.score.items(&table.values)?;
    let own = table.gradient();
    let mut gradient = model.score.gradient(&own)?;
    let found = match known {
        None => against(&query, &items, targets, gradient.as_ref(), settings)?,
        Some(known) => {
            let some = items.f_index_select(0, &known.items)?;
            let targets = known.places.f_index_select(0, targets)?;
            let by_some = gradient.as_ref().map(|_| some.f_zeros_like()).transpose()?;
            let found = against(&query, &some, &targets, by_some.as_ref(), settings)?;
            if let (Some(all), Some(by_some)) = (&mut gradient, by_some) {
                let _ = all.f_index_add_(0, &known.items, &by_some)?;
            }
            found
        }
    };
    if let (Some(mut own), Some(by_items)) = (own, gradient) {
        model.score.chain(&table.values, &by_items, &mut own)?;
    }
    Ok(found)
}

/// The loss against the items' vectors, with the gradient by the user vectors; that by the items is added to `given`.
fn against(
    query: &Tensor,
    items: &Tensor,
    targets: &Tensor,
    given: Option<&Tensor>,
    settings: &Settings,
) -> Result<(Tensor, Tensor)> {
    let negatives = settings.negatives as i64;
    let sampled = |loss| sampled(loss, query, items, targets, negatives, given);
    let shared_by_all = |loss| shared(loss, query, items, targets, negatives, given);
    match settings.loss {
        LossKind::CrossEntropy => cross_entropy(query, items, targets, given, Blocks::default()),
        LossKind::SampledCrossEntropy => shared_by_all(Shared::CrossEntropy),
        LossKind::BprMax => shared_by_all(Shared::BprMax {
            regularisation: settings.score_regularisation,
        }),
        LossKind::Bce => sampled(Sampled::Bce),
        LossKind::Bpr => sampled(Sampled::Bpr),
    }
}
