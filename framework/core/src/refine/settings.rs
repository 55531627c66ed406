//! How an embedding is refined: sizes, scales, what is trained, how a score is made.

use lapidary_sdk::kinds::AttributeSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normalise::Normalise;
use crate::error::{Error, Result};
use crate::settings::{self, OutOfRange, out_of_range};

/// How an embedding is refined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RefineSettings {
    /// Attributes to take, in this order; all of them where not given.
    pub attributes: Option<Vec<String>>,
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
    /// How user and item make a score.
    pub score: Similarity,
    /// What the score is divided by, above 0.
    pub temperature: f64,
    /// Whether the temperature is trained.
    pub temperature_trainable: bool,
    /// What becomes of the reduced part of items that are held out of training.
    pub unseen: UnseenRule,
    /// How many items an unseen one is given the mean of.
    pub neighbours: usize,
}

impl Default for RefineSettings {
    fn default() -> Self {
        Self {
            attributes: None,
            dim: None,
            reduced_dim: None,
            normalise: Normalise::default(),
            alpha: 1.0,
            row_norm: None,
            guided_trainable: false,
            reduced_trainable: true,
            tied: true,
            users: UserPart::default(),
            score: Similarity::default(),
            temperature: 1.0,
            temperature_trainable: false,
            unseen: UnseenRule::default(),
            neighbours: 10,
        }
    }
}

/// Where the reduced part of an item that training never saw comes from. The paper leaves new items open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnseenRule {
    /// The mean of the trained items that are nearest by guided scores: regression on attributes by nearest neighbours.
    #[default]
    Nearest,
    /// 0: guided scores alone decide.
    Zero,
    /// What the base gave it: for bases that know items without interactions, such as texts or vectors of one's own.
    Keep,
}

/// How unseen items get their reduced part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// The rule.
    pub rule: UnseenRule,
    /// How many neighbours.
    pub neighbours: usize,
}

impl Default for Unseen {
    fn default() -> Self {
        RefineSettings::default().unseen()
    }
}

/// Where the guided part of a user's vector comes from; see [`UserGuidance`](super::UserGuidance).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// How a user's vector and an item's make a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Their product.
    #[default]
    Dot,
    /// The cosine of the angle between them.
    Cosine,
}

/// How a score is made of two vectors: their similarity divided by a temperature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    /// Product or cosine.
    pub similarity: Similarity,
    /// The temperature at the start.
    pub temperature: f64,
    /// Whether it is trained.
    pub trainable: bool,
}

impl Default for Scoring {
    fn default() -> Self {
        RefineSettings::default().scoring()
    }
}

/// What is joined: widths of the guided part and whether users were scored.
#[derive(Clone, Copy, Debug)]
pub struct GuidedShape {
    /// Guided columns, m.
    pub columns: i64,
    /// Whether there are scores of users.
    pub users: bool,
}

/// Widths of the refined embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// All columns, d.
    pub dim: i64,
    /// Reduced columns, k.
    pub reduced: i64,
}

impl RefineSettings {
    /// How unseen items get their reduced part.
    pub fn unseen(&self) -> Unseen {
        Unseen {
            rule: self.unseen,
            neighbours: self.neighbours,
        }
    }

    /// The attributes that are taken, in the order of the columns.
    ///
    /// # Errors
    /// [`Error::Unknown`] for one that the set does not have; [`Error::Setting`] for one that stands twice, or none.
    pub fn attributes_of(&self, set: &AttributeSet) -> Result<Vec<String>> {
        let known = || set.attributes.iter().map(|a| &a.name);
        let Some(wanted) = &self.attributes else {
            return Ok(known().cloned().collect());
        };
        for (place, name) in wanted.iter().enumerate() {
            if !known().any(|k| k == name) {
                return Err(Error::unknown("attribute", name, known()));
            }
            if wanted[..place].contains(name) {
                return refuse("attributes", format!("`{name}` stands twice"));
            }
        }
        Ok(wanted.clone())
    }

    /// Checks all options, and gives the widths that come of a base of `base_dim` columns and, where there is one, a
    /// guided part.
    ///
    /// # Errors
    /// [`Error::Setting`] when sizes or options do not fit each other.
    pub fn plan(
        &self,
        base_dim: i64,
        guided: Option<GuidedShape>,
        has_reducer: bool,
    ) -> Result<Widths> {
        settings::check(self, self.problems(), "refine")?;
        let widths = self.widths(base_dim, guided.map_or(0, |g| g.columns))?;
        if widths.reduced > base_dim {
            let reason = format!(
                "{} reduced columns cannot come of the base's {base_dim}; give at most {base_dim}",
                widths.reduced
            );
            return refuse("reduced_dim", reason);
        }
        if !has_reducer && widths.reduced != 0 && widths.reduced != base_dim {
            let reason = format!(
                "the base has {base_dim} columns, {} are to be left: give a reducer",
                widths.reduced
            );
            return refuse("reducer", reason);
        }
        let Some(guided) = guided else {
            return match widths.reduced {
                0 => refuse("reduced_dim", "neither guided nor reduced columns are left"),
                _ => Ok(widths),
            };
        };
        match self.users {
            UserPart::Scored if !guided.users => refuse(
                "users",
                "`scored` needs scores of users; score them too, or take `backbone` or `hidden`",
            ),
            UserPart::Scored if widths.reduced == 0 => refuse(
                "users",
                "`scored` without reduced columns leaves the backbone nothing to say; take `backbone` or `hidden`",
            ),
            _ => Ok(widths),
        }
    }

    /// How scores are made.
    pub fn scoring(&self) -> Scoring {
        Scoring {
            similarity: self.score,
            temperature: self.temperature,
            trainable: self.temperature_trainable,
        }
    }

    fn widths(&self, base_dim: i64, m: i64) -> Result<Widths> {
        let (dim, reduced) = match (self.reduced_dim, self.dim) {
            (Some(k), Some(d)) if k + m != d => {
                let reason = format!(
                    "{k} reduced and {m} guided columns do not make `dim` = {d}; give one of the two"
                );
                return refuse("reduced_dim", reason);
            }
            (Some(k), _) => (k + m, k),
            (None, dim) => match dim.unwrap_or(base_dim) {
                d if d >= m && d > 0 => (d, d - m),
                d => {
                    let reason =
                        format!("{d} columns have no room for {m} attributes; give at least {m}");
                    return refuse("dim", reason);
                }
            },
        };
        Ok(Widths { dim, reduced })
    }

    /// The values that are out of their ranges, whatever the base.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let above_0 = |x: f64| x.is_finite() && x > 0.0;
        let some = |names: &Vec<String>| !names.is_empty();
        out_of_range([
            (
                "attributes",
                self.attributes.as_ref().is_none_or(some),
                "a list of at least one; leave the key out to take all",
            ),
            ("dim", self.dim.is_none_or(|d| d > 0), "at least 1"),
            (
                "reduced_dim",
                self.reduced_dim.is_none_or(|k| k >= 0),
                "at least 0",
            ),
            (
                "alpha",
                above_0(self.alpha),
                "a number above 0; to leave the guided part out, give no scores",
            ),
            (
                "row_norm",
                self.row_norm.is_none_or(above_0),
                "a number above 0",
            ),
            ("neighbours", self.neighbours > 0, "at least 1"),
            ("temperature", above_0(self.temperature), "a number above 0"),
        ])
    }
}

fn refuse<T>(key: &str, reason: impl Into<String>) -> Result<T> {
    Err(Error::setting(format!("refine, {key}"), reason))
}
