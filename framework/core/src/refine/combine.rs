//! Joining guided scores and a reduced base table.
//!
//! Jia et al. (arXiv:2504.11658) join the normalised guided embedding with a narrower version of the base embedding.
//! They leave sizes and scales open; ours: the joined table is as wide as the base's, the reduced columns keep the
//! scale the base was trained to, and the guided columns are brought to the same mean row norm, times `alpha`.

use lapidary_sdk::kinds::Reducer;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::embedding::{Embedding, Guided, UserGuidance};
use super::normalise::Normalise;
use crate::error::{Error, Result};
use crate::guidance::GuidedScores;

/// How an embedding is refined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefineSettings {
    /// Width d of the refined embedding; the base's where not given.
    pub dim: Option<i64>,
    /// Width k of the reduced part; d − m where not given. It then gives d, and `dim` must not say otherwise.
    pub reduced_dim: Option<i64>,
    /// How scores are normalised.
    pub normalise: Normalise,
    /// Weight of the guided part: mean row norm of the guided columns over that of the reduced ones.
    pub alpha: f64,
    /// Mean row norm that the reduced part is brought to; its own where not given.
    pub row_norm: Option<f64>,
    /// Whether the items' guided columns are trained.
    pub guided_trainable: bool,
    /// Whether the items' reduced columns are trained.
    pub reduced_trainable: bool,
    /// Whether the output table is the input table.
    pub tied: bool,
    /// The users' guided part.
    pub users: UserPart,
}

impl Default for RefineSettings {
    fn default() -> Self {
        Self {
            dim: None,
            reduced_dim: None,
            normalise: Normalise::default(),
            alpha: 1.0,
            row_norm: None,
            guided_trainable: false,
            reduced_trainable: true,
            tied: true,
            users: UserPart::default(),
        }
    }
}

impl RefineSettings {
    /// Width d of the refined embedding of a base of `base_dim` columns with `m` attributes, and width k of its
    /// reduced part.
    ///
    /// # Errors
    /// [`Error::Setting`] when the sizes do not fit each other.
    pub fn widths(&self, base_dim: i64, m: i64) -> Result<(i64, i64)> {
        match (self.reduced_dim, self.dim) {
            (Some(k), _) if k < 0 => refuse("reduced_dim", format!("{k} is below 0")),
            (Some(k), Some(d)) if k + m != d => refuse(
                "reduced_dim",
                format!(
                    "{k} reduced and {m} guided columns do not make `dim` = {d}; give one of the two"
                ),
            ),
            (Some(k), _) => Ok((k + m, k)),
            (None, dim) => match dim.unwrap_or(base_dim) {
                d if d >= m && d > 0 => Ok((d, d - m)),
                d => refuse(
                    "dim",
                    format!("{d} columns have no room for {m} attributes; give at least {m}"),
                ),
            },
        }
    }
}

fn refuse<T>(key: &str, reason: impl Into<String>) -> Result<T> {
    Err(Error::setting(format!("refine, {key}"), reason))
}

/// Where the guided part of a user's vector comes from; see [`UserGuidance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserPart {
    /// A trained table that starts at the users' scores.
    #[default]
    Scored,
    /// A projection of the backbone's hidden state.
    Backbone,
    /// The hidden state itself, d wide.
    Hidden,
}

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
    let m = guided.map_or(0, |g| g.attributes.attributes.len() as i64);
    let (_, k) = settings.widths(base_dim, m)?;
    check_options(settings, guided, k)?;
    let (reduced, explained_variance) = reduce(base, reducer, n_items, k)?;
    let own_norm = mean_row_norm(&reduced)?;
    let target = match (settings.row_norm, k) {
        (Some(norm), _) => norm,
        (None, 0) => mean_row_norm(base)?,
        (None, _) => own_norm,
    };
    let free = rescaled(&reduced, own_norm, target)?;
    let guided = guided
        .map(|g| guided_part(g, settings, target))
        .transpose()?;
    let report = Report {
        dim: m + k,
        guided_dim: m,
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

fn check_options(settings: &RefineSettings, guided: Option<&GuidedScores>, k: i64) -> Result<()> {
    if !(settings.alpha.is_finite() && settings.alpha > 0.0) {
        return refuse(
            "alpha",
            "must be a number above 0; to leave the guided part out, give no scores",
        );
    }
    if settings
        .row_norm
        .is_some_and(|n| !(n.is_finite() && n > 0.0))
    {
        return refuse("row_norm", "must be a number above 0");
    }
    let Some(guided) = guided else {
        return match k {
            0 => refuse("reduced_dim", "neither guided nor reduced columns are left"),
            _ => Ok(()),
        };
    };
    match settings.users {
        UserPart::Scored if guided.users.is_none() => refuse(
            "users",
            "`scored` needs scores of users; score them too, or take `backbone` or `hidden`",
        ),
        UserPart::Scored if k == 0 => refuse(
            "users",
            "`scored` without reduced columns leaves the backbone nothing to say; take `backbone` or `hidden`",
        ),
        _ => Ok(()),
    }
}

fn reduce(
    base: &Tensor,
    reducer: Option<&mut dyn Reducer>,
    n_items: i64,
    k: i64,
) -> Result<(Tensor, Option<Vec<f64>>)> {
    let base_dim = base.size().get(1).copied().unwrap_or(0);
    if k == 0 {
        return Ok((
            Tensor::f_zeros([n_items, 0], (Kind::Float, base.device()))?,
            None,
        ));
    }
    let Some(reducer) = reducer else {
        if k == base_dim {
            return Ok((base.f_detach()?, None));
        }
        let reason = format!("the base has {base_dim} columns, {k} are to be left: give a reducer");
        return Err(Error::setting("refine, reducer", reason));
    };
    let explained = reducer
        .fit(base, k)
        .map_err(Error::component("reducer", "fit"))?;
    let reduced = reducer
        .transform(base)
        .map_err(Error::component("reducer", "transform"))?;
    if reduced.size() != [n_items, k] || reduced.kind() != Kind::Float {
        return Err(Error::Shape {
            what: "what the reducer made".to_owned(),
            expected: format!("f32 [{n_items},{k}]"),
            found: format!("{:?} {:?}", reduced.kind(), reduced.size()),
        });
    }
    Ok((reduced.f_detach()?, explained))
}

/// Normalises both populations the same way, then scales both by the factor that brings the items to their norm, so
/// that a user and an item of equal taste stay equally long.
fn guided_part(scores: &GuidedScores, settings: &RefineSettings, target: f64) -> Result<Guided> {
    let items = settings.normalise.apply(&scores.items)?;
    let norm = mean_row_norm(&items)?;
    let norm_wanted = settings.alpha * target;
    let users = match (settings.users, &scores.users) {
        (UserPart::Scored, Some(users)) => {
            let users = settings.normalise.apply(users)?;
            UserGuidance::Scored(rescaled(&users, norm, norm_wanted)?)
        }
        (UserPart::Hidden, _) => UserGuidance::Hidden,
        _ => UserGuidance::Backbone,
    };
    Ok(Guided {
        attributes: scores.names(),
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
