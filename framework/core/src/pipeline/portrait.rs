//! Reasons as a person wants them: the user among users, the item among items, and the history behind it.

use tch::{Kind, Tensor};

use super::recommender::{Standings, floats};
use super::{Reasons, Recommender};
use crate::data::Split;
use crate::error::Result;
use crate::rank::Query;
use crate::reason::{Steer, Steered, refuse_without_attributes};
use crate::refine::Percentiles;
use crate::train::Model;

/// Users that the asked one is held against, spread evenly over all.
const USERS: usize = 1000;
/// Attributes whose history is told, and items told of each.
const TOLD: usize = 3;

/// Why an item, for a person.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// The item.
    pub item: u32,
    /// Its place among the items that the user does not have.
    pub place: usize,
    /// Its place if scores had no parts by attribute.
    pub place_without: usize,
    /// The score's parts; where user and item stand is known.
    pub reasons: Reasons,
    /// For each of the attributes that add most to the score, the items of the history that speak most for it.
    pub history: Vec<Shaping>,
}

/// Items of the history that go the user's way on an attribute: high on what the user is drawn to, low on what puts the
/// user off.
#[derive(Clone, Debug, PartialEq)]
pub struct Shaping {
    /// The attribute.
    pub attribute: String,
    /// The items and where they stand among all items, in percent; the strongest first.
    pub items: Vec<(u32, f64)>,
}

impl Recommender {
    /// Explains items to a user moved by `steer`; empty in a dry run.
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for a model without attributes; as [`Steer::check`]; what the backbone reports.
    pub fn portraits(
        &self,
        split: &Split,
        query: Query<'_>,
        items: &[u32],
        steer: &Steer,
    ) -> Result<Vec<Portrait>> {
        refuse_without_attributes("explain", &self.attributes)?;
        steer.check(&self.attributes)?;
        let Some(model) = self.model() else {
            return Ok(Vec::new());
        };
        let vector = Steered::new(model, steer)?.user_vectors(&[query])?;
        let user = vector.f_squeeze_dim(0)?;
        let (m, table) = (self.attributes.len() as i64, model.output_table()?);
        let rest = user.size1()? - m;
        let asked = Asked {
            recommender: self,
            scores: table.f_mv(&user)?,
            without: table
                .f_narrow(1, m, rest)?
                .f_mv(&user.f_narrow(0, m, rest)?)?,
            user: floats(&user)?,
            table,
            standings: Standings::of(self, model)?,
            tastes: self.tastes(split, model)?,
            history: distinct(query.history),
        };
        items.iter().map(|&item| asked.portrait(item)).collect()
    }

    /// Where users stand on each attribute.
    fn tastes(&self, split: &Split, model: &Model) -> Result<Percentiles> {
        let users = split.sequences.users();
        let step = users.div_ceil(USERS).max(1);
        let query = |user: usize| Query::of(split, user as u32, None);
        let queries: Vec<Query<'_>> = (0..users).step_by(step).filter_map(query).collect();
        let vectors = model.user_vectors(&queries)?;
        Percentiles::of(&vectors.f_narrow(1, 0, self.attributes.len() as i64)?)
    }
}

/// A user who asks why.
struct Asked<'a> {
    recommender: &'a Recommender,
    user: Vec<f32>,
    table: Tensor,
    /// Scores of all items, `[V]`.
    scores: Tensor,
    /// The same without the attributes' parts.
    without: Tensor,
    standings: Standings,
    tastes: Percentiles,
    history: Vec<u32>,
}

impl Asked<'_> {
    fn portrait(&self, item: u32) -> Result<Portrait> {
        let row = floats(&self.table.f_select(0, item.into())?)?;
        let places = self.standings.of_item(item)?;
        let mut reasons = self.recommender.reasons(&self.user, &row, &places)?;
        let attributes = &self.recommender.attributes;
        let column = |name: &String| attributes.iter().position(|a| a == name);
        for part in &mut reasons.parts {
            let taste = column(&part.attribute);
            part.user_percent = taste.and_then(|k| self.tastes.percent(k, part.user as f32));
            part.user_words = part.user_percent.map(Percentiles::words);
        }
        let leading = reasons.parts.iter().take(TOLD).filter(|p| p.value > 0.0);
        let columns = leading.filter_map(|part| column(&part.attribute));
        let history = columns.map(|column| self.shaping(column));
        Ok(Portrait {
            item,
            place: self.place(&self.scores, item)?,
            place_without: self.place(&self.without, item)?,
            history: history.collect::<Result<_>>()?,
            reasons,
        })
    }

    /// An item's place by some scores among those that the user does not have.
    fn place(&self, scores: &Tensor, item: u32) -> Result<usize> {
        let own = scores.f_select(0, item.into())?;
        let before = scores.f_gt_tensor(&own)?;
        let before = before.f_index_fill(0, &self.had()?, 0i64)?;
        let before = before.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        Ok(before as usize + 1)
    }

    /// The history's items, i64.
    fn had(&self) -> Result<Tensor> {
        let numbers: Vec<i64> = self.history.iter().map(|&i| i64::from(i)).collect();
        Ok(Tensor::f_from_slice(&numbers)?.f_to_device(self.table.device())?)
    }

    /// The items of the history with the largest parts on an attribute, above 0.
    fn shaping(&self, column: usize) -> Result<Shaping> {
        let values = self.table.f_select(1, column as i64)?;
        let values = floats(&values.f_index_select(0, &self.had()?)?)?;
        let parts = values.iter().map(|value| value * self.user[column]);
        let mut parts: Vec<(u32, f32)> = self.history.iter().copied().zip(parts).collect();
        parts.retain(|(_, part)| *part > 0.0);
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut items = Vec::new();
        for (item, _) in parts.into_iter().take(TOLD) {
            let place = self.standings.of_item(item)?[column];
            items.extend(place.map(|percent| (item, percent)));
        }
        Ok(Shaping {
            attribute: self.recommender.attributes[column].clone(),
            items,
        })
    }
}

/// Each item once.
fn distinct(history: &[u32]) -> Vec<u32> {
    let mut items = history.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}
