//! Asking a model: user vectors and scores.

use tch::{Kind, Tensor};

use super::model::Model;
use super::padded::Layout;
use crate::error::{Error, Result};
use crate::rank::{Query, Scorer};

/// Positions that the backbone is asked for at once.
const MAX_POSITIONS: usize = 1 << 16;

impl Model {
    /// The vectors of some users, f32 `[B,d]`: an item's score is the product with its row of [`Model::output_table`].
    ///
    /// A history is cut to its last `max_len` items, one less for cloze, whose last place is the mask's. An empty one
    /// has the hidden state 0: without a guided part of the user's own all items score the same. A user without a
    /// guided row of its own gets the mean of all rows.
    ///
    /// # Errors
    /// [`Error::Setting`] when a history holds an item that is not in the catalogue; [`Error::Component`] when the
    /// backbone fails.
    pub fn user_vectors(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        let longest = |part: &[Query<'_>]| part.iter().map(|q| q.history.len()).max();
        let width = longest(queries).unwrap_or(0).clamp(1, self.max_len.max(1));
        let parts = queries
            .chunks((MAX_POSITIONS / width).max(1))
            .map(|part| self.some_vectors(part))
            .collect::<Result<Vec<_>>>()?;
        match parts.is_empty() {
            true => Ok(Tensor::f_zeros(
                [0, self.description().dim],
                (Kind::Float, self.device),
            )?),
            false => Ok(Tensor::f_cat(&parts, 0)?),
        }
    }

    fn some_vectors(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let shown = self.shown(queries)?;
        let layout = Layout::of(&shown.lengths, self.device)?;
        let items = Tensor::f_from_slice(&shown.items)?.f_to_device(self.device)?;
        let masked = match self.mask {
            Some(_) => Some(Tensor::f_from_slice(&shown.masked)?.f_to_device(self.device)?),
            None => None,
        };
        let rows = self.items.input.values.f_index_select(0, &items)?;
        let hidden = self.last(&rows, masked.as_ref(), &layout)?;
        let known = Tensor::f_from_slice(&shown.known)?.f_to_device(self.device)?;
        let hidden = hidden.f_mul(&known.f_unsqueeze(1)?)?;
        let guided = self.guided_parts(queries)?;
        self.score
            .users(self.users.vectors(&hidden, guided.as_ref())?)
    }

    /// What the backbone is shown of each history. An empty one is shown some item, and its state is struck out later.
    fn shown(&self, queries: &[Query<'_>]) -> Result<Shown> {
        let n_items = self.n_items();
        let cloze = self.mask.is_some();
        let keep = self.longest_history();
        let mut shown = Shown::default();
        for query in queries {
            let history = &query.history[query.history.len().saturating_sub(keep)..];
            if let Some(item) = history.iter().find(|&&i| i64::from(i) >= n_items) {
                return Err(Error::setting(
                    "history",
                    format!("item {item} is not among the model's {n_items} items"),
                ));
            }
            shown.items.extend(history.iter().map(|&i| i64::from(i)));
            shown.masked.extend(history.iter().map(|_| false));
            let known = !query.history.is_empty();
            shown.known.push(if known { 1.0 } else { 0.0 });
            if cloze || history.is_empty() {
                shown.items.push(0);
                shown.masked.push(cloze);
            }
            let more = usize::from(cloze || history.is_empty());
            shown.lengths.push((history.len() + more) as i64);
        }
        Ok(shown)
    }

    /// Guided rows `[B,m]`, where users have their own.
    pub(super) fn guided_parts(&self, queries: &[Query<'_>]) -> Result<Option<Tensor>> {
        let Some(n_users) = self.users.rows() else {
            return Ok(None);
        };
        let numbers: Vec<i64> = queries
            .iter()
            .map(|q| q.user.map_or(-1, i64::from))
            .map(|u| if u < n_users { u } else { -1 })
            .collect();
        let users = Tensor::f_from_slice(&numbers)?.f_to_device(self.device)?;
        let Some(rows) = self.users.guided_rows(&users.f_clamp_min(0)?)? else {
            return Ok(None);
        };
        match (numbers.contains(&-1), self.users.guided_mean()?) {
            (true, Some(mean)) => Ok(Some(
                rows.f_where_self(&users.f_ge(0)?.f_unsqueeze(1)?, &mean)?,
            )),
            _ => Ok(Some(rows)),
        }
    }
}

/// Histories as the backbone sees them, back to back.
#[derive(Default)]
struct Shown {
    items: Vec<i64>,
    masked: Vec<bool>,
    lengths: Vec<i64>,
    /// 0 for an empty history.
    known: Vec<f32>,
}

impl Scorer for Model {
    fn n_items(&self) -> i64 {
        self.items.input.values.size()[0]
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        let table = self.output_table()?;
        Ok(self
            .user_vectors(queries)?
            .f_mm(&table.f_transpose(0, 1)?)?)
    }
}
