//! The user encoder as TorchScript: recorded by libtorch while the model computes.

use std::path::Path;

use tch::{CModule, Kind, Tensor};

use super::model::Model;
use crate::error::{Error, Result};
use crate::rank::Query;

impl Model {
    /// Items of a history that the model looks at: its last ones, so many at most.
    pub fn longest_history(&self) -> usize {
        self.max_len.max(1) - usize::from(self.mask.is_some())
    }

    /// The users' own guided parts, f32 `[U,m]`, where they have some.
    ///
    /// # Errors
    /// When memory is short.
    pub fn guided_users(&self) -> Result<Option<Tensor>> {
        let Some(users) = self.users.rows() else {
            return Ok(None);
        };
        let all = Tensor::f_arange(users, (Kind::Int64, self.device))?;
        let rows = self.users.guided_rows(&all)?;
        Ok(rows.map(|rows| rows.f_detach()).transpose()?)
    }

    /// Records [`Model::user_vectors`] for `batch` histories at once, and writes the recording as TorchScript. Its method
    /// `forward` takes what [`Model::traced_inputs`] gives and returns f32 `[batch,d]`.
    ///
    /// # Errors
    /// What the backbone and the recording report.
    pub fn trace(&self, batch: i64, path: &Path) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        // A recording takes in no tensor that records gradients; it shares them until it is written.
        let set = |on: bool| -> Result<()> {
            for (_, tensor) in &self.recorded {
                let _ = tensor.f_set_requires_grad(on)?;
            }
            Ok(())
        };
        set(false)?;
        let recorded = self.recording(batch);
        let written = recorded.and_then(|recording| Ok(recording.save(path)?));
        set(true)?;
        written
    }

    fn recording(&self, batch: i64) -> Result<CModule> {
        let inputs = self.traced_inputs(&[], batch)?;
        let mut failed = None;
        let mut encode = |given: &[Tensor]| match self.encode(given) {
            Ok(vectors) => vec![vectors],
            Err(error) => {
                failed = Some(error);
                vec![given[0].shallow_clone()]
            }
        };
        let traced = CModule::create_by_tracing("encoder", "forward", &inputs, &mut encode);
        match failed {
            Some(error) => Err(error),
            None => Ok(traced?),
        }
    }

    /// Items i64 `[batch,max_len]`, padded on the right with any; how many of them are real, i64 `[batch]`; and the users'
    /// guided parts, f32 `[batch,m]`, where users have their own. Rows after the queries are empty histories.
    ///
    /// # Errors
    /// When memory is short.
    pub fn traced_inputs(&self, queries: &[Query<'_>], batch: i64) -> Result<Vec<Tensor>> {
        let width = self.max_len.max(1);
        let (mut items, mut lengths) = (Vec::new(), Vec::new());
        let nobody = Query {
            user: None,
            history: &[],
        };
        let mut rows = queries.to_vec();
        rows.resize(batch.max(1) as usize, nobody);
        for query in &rows {
            let history = query.history;
            let history = &history[history.len().saturating_sub(self.longest_history())..];
            items.extend(history.iter().map(|&item| i64::from(item)));
            items.resize(items.len() + width - history.len(), 0);
            lengths.push(history.len() as i64);
        }
        let items = Tensor::f_from_slice(&items)?.f_view([-1, width as i64])?;
        let lengths = Tensor::f_from_slice(&lengths)?;
        let mut inputs = vec![
            items.f_to_device(self.device)?,
            lengths.f_to_device(self.device)?,
        ];
        if let Some(guided) = self.guided_parts(&rows)? {
            inputs.push(guided.f_detach()?);
        }
        Ok(inputs)
    }

    /// User vectors `[B,d]`, by operations on tensors alone; see [`Model::traced_inputs`].
    fn encode(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let [items, lengths, guided @ ..] = inputs else {
            return Err(Error::setting("encoder", "takes items and lengths"));
        };
        let (batch, width) = items.size2()?;
        let cloze = self.mask.is_some();
        let places = Tensor::f_arange(width, (Kind::Int64, self.device))?.f_unsqueeze(0)?;
        // An empty history is shown some item, and its state is struck out below.
        let shown = lengths.f_add_scalar(i64::from(cloze))?.f_clamp_min(1)?;
        let mask = places.f_lt_tensor(&shown.f_unsqueeze(1)?)?;
        let rows = self
            .items
            .input
            .values
            .f_index_select(0, &items.f_reshape([-1])?)?;
        let rows = rows.f_view([batch, width, -1])?;
        let rows = match &self.mask {
            Some(vector) => {
                let hidden = places
                    .f_eq_tensor(&lengths.f_unsqueeze(1)?)?
                    .f_unsqueeze(2)?;
                vector.f_where_self(&hidden, &rows)?
            }
            None => rows,
        };
        let rows = rows.f_mul(&mask.f_unsqueeze(2)?.f_to_kind(Kind::Float)?)?;
        let hidden = self.backbone.last(&rows, &mask);
        let hidden = hidden.map_err(super::model::component("last"))?;
        let known = lengths.f_gt(0)?.f_unsqueeze(1)?.f_to_kind(Kind::Float)?;
        let hidden = hidden.f_mul(&known)?;
        self.score
            .users(self.users.vectors(&hidden, guided.first())?)
    }
}
