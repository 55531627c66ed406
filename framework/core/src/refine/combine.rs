//! Joining guided scores and a reduced base table.
//!
//! Jia et al. (arXiv:2504.11658) join the normalised guided embedding with a narrower version of the base embedding.
//! They leave sizes and scales open; ours: the joined table is as wide as the base's, the reduced columns keep the
//! scale the base was trained to, and the guided columns are brought to the same mean row norm, times `alpha`.

use lapidary_sdk::kinds::Reducer;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::embedding::{Embedding, Guided, UserGuidance};
use super::settings::{GuidedShape, RefineSettings, UserPart};
use crate::error::{Error, Result};
use crate::guidance::GuidedScores;

/// A refined embedding, and figures for people.
#[derive(Debug)]
pub struct Refined {
    /// What training starts from.
    pub embedding: Embedding,
    /// What was done.
    pub report: Report,
}

/// What refinement did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Width d.
    pub dim: i64,
    /// Guided columns m.
    pub guided_dim: i64,
    /// Reduced columns k.
    pub reduced_dim: i64,
    /// Share of the base table's variance that each reduced column explains, where the reducer says.
    pub explained_variance: Option<Vec<f64>>,
    /// Mean row norm of the guided columns.
    pub guided_norm: f64,
    /// Mean row norm of the reduced columns.
    pub reduced_norm: f64,
}

/// Joins guided scores and a base table. Without `guided` it only reduces; without `reducer` the base must already be
/// as narrow as it has to become, or no reduced column be left.
///
/// # Shapes
/// `base` f32 `[V,d]`.
///
/// # Errors
/// [`Error::Setting`] when sizes or options do not fit each other, [`Error::Shape`] when tables do not,
/// [`Error::NotFinite`] when the base holds what is no number, and what the reducer reports.
pub fn combine(
    base: &Tensor,
    reducer: Option<&mut dyn Reducer>,
    guided: Option<&GuidedScores>,
    settings: &RefineSettings,
) -> Result<Refined> {
    let (n_items, base_dim) = check_tables(base, guided)?;
    let names = match guided {
        Some(guided) => settings.attributes_of(&guided.attributes)?,
        None => Vec::new(),
    };
    let shape = guided.map(|g| GuidedShape {
        columns: names.len() as i64,
        users: g.users.is_some(),
    });
    let widths = settings.plan(base_dim, shape, reducer.is_some())?;
    let k = widths.reduced;
    let (reduced, explained_variance) = reduce(base, reducer, n_items, k)?;
    let own_norm = mean_row_norm(&reduced)?;
    let target = match (settings.row_norm, k) {
        (Some(norm), _) => norm,
        (None, 0) => mean_row_norm(base)?,
        (None, _) => own_norm,
    };
    let free = rescaled(&reduced, own_norm, target)?;
    let guided = guided
        .map(|g| guided_part(g, names, settings, target))
        .transpose()?;
    let report = Report {
        dim: widths.dim,
        guided_dim: widths.dim - k,
        reduced_dim: k,
        explained_variance,
        guided_norm: guided
            .as_ref()
            .map_or(Ok(0.0), |g| mean_row_norm(&g.items))?,
        reduced_norm: mean_row_norm(&free)?,
    };
    Ok(Refined {
        embedding: Embedding {
            guided,
            free,
            free_trainable: settings.reduced_trainable,
            tied: settings.tied,
            scoring: settings.scoring(),
        },
        report,
    })
}

fn check_tables(base: &Tensor, guided: Option<&GuidedScores>) -> Result<(i64, i64)> {
    let size = base.size();
    let (&[n_items, dim], Kind::Float) = (size.as_slice(), base.kind()) else {
        return Err(Error::Shape {
            what: "base table".to_owned(),
            expected: "f32 [V,d]".to_owned(),
            found: format!("{:?} {size:?}", base.kind()),
        });
    };
    if !base.f_isfinite()?.f_all()?.f_is_nonzero()? {
        let text = "the base table holds values that are no numbers; train it again with a smaller learning rate";
        return Err(Error::NotFinite(text.to_owned()));
    }
    match guided.map(|g| g.items.size()) {
        Some(found) if found.first() != Some(&n_items) => Err(Error::Shape {
            what: "scores of items".to_owned(),
            expected: format!("[{n_items},m], a row for each row of the base table"),
            found: format!("{found:?}"),
        }),
        _ => Ok((n_items, dim)),
    }
}

fn reduce(
    base: &Tensor,
    reducer: Option<&mut dyn Reducer>,
    n_items: i64,
    k: i64,
) -> Result<(Tensor, Option<Vec<f64>>)> {
    if k == 0 {
        return Ok((
            Tensor::f_zeros([n_items, 0], (Kind::Float, base.device()))?,
            None,
        ));
    }
    let Some(reducer) = reducer else {
        return Ok((base.f_detach()?, None));
    };
    let explained = reducer
        .fit(base, k)
        .map_err(Error::component("reducer", "fit"))?;
    let reduced = reducer
        .transform(base)
        .map_err(Error::component("reducer", "transform"))?;
    Ok((reduced.f_detach()?, explained))
}

/// Normalises both populations the same way, then scales both by the factor that brings the items to their norm, so
/// that a user and an item of equal taste stay equally long.
fn guided_part(
    scores: &GuidedScores,
    attributes: Vec<String>,
    settings: &RefineSettings,
    target: f64,
) -> Result<Guided> {
    let all = scores.names();
    let column = |name: &String| all.iter().position(|n| n == name).map(|at| at as i64);
    let columns: Vec<i64> = attributes.iter().filter_map(column).collect();
    let columns = Tensor::f_from_slice(&columns)?;
    let taken = |table: &Tensor| table.f_index_select(1, &columns.f_to_device(table.device())?);
    let items = settings.normalise.apply(&taken(&scores.items)?)?;
    let norm = mean_row_norm(&items)?;
    let norm_wanted = settings.alpha * target;
    let users = match (settings.users, &scores.users) {
        (UserPart::Scored, Some(users)) => {
            let users = settings.normalise.apply(&taken(users)?)?;
            UserGuidance::Scored(rescaled(&users, norm, norm_wanted)?)
        }
        (UserPart::Hidden, _) => UserGuidance::Hidden,
        _ => UserGuidance::Backbone,
    };
    Ok(Guided {
        attributes,
        items: rescaled(&items, norm, norm_wanted)?,
        items_trainable: settings.guided_trainable,
        users,
    })
}

fn rescaled(table: &Tensor, from: f64, to: f64) -> Result<Tensor> {
    let factor = if from > 0.0 { to / from } else { 1.0 };
    Ok(table.f_mul_scalar(factor)?)
}

/// Mean over rows of their Euclidean length; 0 for a table without rows or columns.
fn mean_row_norm(table: &Tensor) -> Result<f64> {
    if table.numel() == 0 {
        return Ok(0.0);
    }
    let norms = table.f_norm_scalaropt_dim(2.0, [1].as_slice(), false)?;
    Ok(norms.f_mean(Kind::Double)?.f_double_value(&[])?)
}

#[cfg(test)]
#[path = "combine_test.rs"]
mod tests;
