//! A recommender: item table, users' side and backbone.

use lapidary_sdk::kinds::{Backbone, Objective};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::adam::Parameter;
use super::batch::Batch;
use super::items::Items;
use super::padded::Layout;
use super::scoring::Score;
use super::users::{Users, with_gradients};
use crate::error::{Error, Result};
use crate::refine::{Embedding, Scoring};

/// In front of the names of the backbone's tensors.
pub(super) const BACKBONE: &str = "backbone.";

/// A recommender that can be trained and asked: an item's score for a user is the product of their vectors, unless the
/// embedding says otherwise.
pub struct Model {
    pub(super) items: Items,
    pub(super) users: Users,
    pub(super) score: Score,
    scoring: Scoring,
    pub(super) backbone: Box<dyn Backbone>,
    objective: Objective,
    /// What stands for a hidden item, f32 `[1,d]`; cloze alone has it.
    pub(super) mask: Option<Tensor>,
    /// Trained tensors whose gradients libtorch fills; asked of the backbone once, since they keep their storage.
    pub(super) recorded: Vec<(String, Tensor)>,
    pub(super) max_len: usize,
    attributes: Vec<String>,
    guided_trainable: bool,
    free_trainable: bool,
    pub(super) device: Device,
}

/// What a model is made of, apart from its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// Size of the catalogue, V.
    pub n_items: i64,
    /// Embedding size, d.
    pub dim: i64,
    /// The attributes' names; the first m columns are theirs.
    pub attributes: Vec<String>,
    /// Where a user's guided part comes from: `hidden`, `backbone` or `scored`.
    pub users: String,
    /// Users with a guided part of their own, U.
    pub n_users: Option<i64>,
    /// Whether the items' guided columns are trained.
    pub guided_trainable: bool,
    /// Whether the other columns are trained.
    pub free_trainable: bool,
    /// Whether one table serves input and output.
    pub tied: bool,
    /// How scores are made.
    pub scoring: Scoring,
    /// Histories are cut to their last `max_len` items.
    pub max_len: usize,
    /// What the backbone was trained for.
    pub objective: Objective,
}

impl Model {
    /// Joins an embedding and a backbone that was created for its width, for `max_len` and for `device`. The
    /// embedding's values are copied. Call [`super::seed_weights`] before
    /// the backbone is created: its first weights come from libtorch's generator.
    ///
    /// # Errors
    /// [`Error::Shape`] when the embedding's parts do not fit each other, [`Error::Component`] when the backbone fails.
    pub fn new(
        embedding: &Embedding,
        backbone: Box<dyn Backbone>,
        max_len: usize,
        device: Device,
    ) -> Result<Self> {
        let objective = backbone.objective().map_err(component("objective"))?;
        let mask = match objective {
            Objective::NextItem => None,
            Objective::Cloze { .. } => Some(
                Tensor::f_zeros([1, embedding.dim()], (Kind::Float, device))?
                    .f_set_requires_grad(true)?,
            ),
        };
        let guided = embedding.guided.as_ref();
        let mut model = Self {
            items: Items::new(embedding, device)?,
            users: Users::new(embedding, device)?,
            score: Score::new(embedding.scoring, device)?,
            scoring: embedding.scoring,
            backbone,
            objective,
            mask,
            max_len,
            attributes: guided.map(|g| g.attributes.clone()).unwrap_or_default(),
            guided_trainable: guided.is_some_and(|g| g.items_trainable),
            free_trainable: embedding.free_trainable,
            device,
            recorded: Vec::new(),
        };
        model.record()?;
        Ok(model)
    }

    /// What the model is made of.
    pub fn description(&self) -> ModelDescription {
        let size = self.items.input.values.size();
        ModelDescription {
            n_items: size[0],
            dim: size[1],
            attributes: self.attributes.clone(),
            users: self.users.name().to_owned(),
            n_users: self.users.rows(),
            guided_trainable: self.guided_trainable,
            free_trainable: self.free_trainable,
            tied: self.items.output.is_none(),
            scoring: self.scoring,
            max_len: self.max_len,
            objective: self.objective,
        }
    }

    /// Names of the guided columns, m of them, the first of the table.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Where the model's tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What the backbone is trained for.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The trained output table, f32 `[V,d]`; shares the model's storage.
    pub fn item_table(&self) -> Tensor {
        self.items.answers().values.shallow_clone()
    }

    /// Item vectors whose product with [`Model::user_vectors`] is the score, f32 `[V,d]`: the output table, brought to
    /// unit rows where the score is a cosine.
    ///
    /// # Errors
    /// When memory is short.
    pub fn output_table(&self) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        self.score.items(&self.item_table())
    }

    /// The table that the backbone reads, f32 `[V,d]`; the same as [`Model::item_table`] where tied.
    pub fn input_table(&self) -> Tensor {
        self.items.input.values.shallow_clone()
    }

    /// Hidden states `[N,d]` of the real positions in training, from their item vectors `[N,d]`.
    fn hidden(&self, rows: &Tensor, masked: Option<&Tensor>, layout: &Layout) -> Result<Tensor> {
        let input = self.input(rows, masked, layout)?;
        let hidden = self.backbone.forward(&input, &layout.mask, true);
        layout.pack(&hidden.map_err(component("forward"))?)
    }

    /// Hidden states `[B,d]` at the last positions, from the item vectors `[N,d]` of all.
    pub(super) fn last(
        &self,
        rows: &Tensor,
        masked: Option<&Tensor>,
        layout: &Layout,
    ) -> Result<Tensor> {
        let input = self.input(rows, masked, layout)?;
        let hidden = self.backbone.last(&input, &layout.mask);
        hidden.map_err(component("last"))
    }

    /// What the backbone reads, `[B,L,d]`: the mask's vector where `masked` bool `[N]` says so.
    fn input(&self, rows: &Tensor, masked: Option<&Tensor>, layout: &Layout) -> Result<Tensor> {
        match (&self.mask, masked) {
            (Some(mask), Some(masked)) => {
                layout.pad(&mask.f_where_self(&masked.f_unsqueeze(1)?, rows)?)
            }
            _ => layout.pad(rows),
        }
    }

    /// The training pass up to the loss: the item vectors of the batch, `[N,d]`, whose gradient is of interest, and the
    /// user vectors at its trained positions, `[T,d]`.
    pub(super) fn train_forward(&self, batch: &Batch) -> Result<(Tensor, Tensor)> {
        let table = &self.items.input;
        let rows = table.values.f_index_select(0, &batch.items)?;
        let rows = rows.f_set_requires_grad(table.gradient().is_some())?;
        let hidden = self.hidden(&rows, batch.masked.as_ref(), &batch.layout)?;
        let (hidden, row_of) = match &batch.trained {
            None => (hidden, batch.layout.row_of.shallow_clone()),
            Some(trained) => (
                hidden.f_index_select(0, trained)?,
                batch.layout.row_of.f_index_select(0, trained)?,
            ),
        };
        let guided = match self.users.guided_rows(&batch.users)? {
            None => None,
            Some(rows) => Some(rows.f_index_select(0, &row_of)?),
        };
        let vectors = self.users.vectors(&hidden, guided.as_ref())?;
        Ok((rows, self.score.users(vectors)?))
    }

    /// Asks anew which tensors are trained; after the backbone took in a state.
    pub(super) fn record(&mut self) -> Result<()> {
        let mut tensors = self.users.trained();
        tensors.extend(self.score.trained());
        tensors.extend(self.named_mask());
        let own = self.backbone.parameters();
        let own = own.map_err(component("parameters"))?;
        tensors.extend(own.into_iter().map(|(n, t)| (format!("{BACKBONE}{n}"), t)));
        self.recorded = tensors;
        Ok(())
    }

    pub(super) fn named_mask(&self) -> Option<(String, Tensor)> {
        let mask = self.mask.as_ref()?;
        Some(("mask".to_owned(), mask.shallow_clone()))
    }

    /// Everything that is trained and has a gradient by now.
    pub(super) fn parameters(&self) -> Result<Vec<Parameter>> {
        let mut parameters = self.items.parameters()?;
        parameters.extend(with_gradients(&self.recorded)?);
        Ok(parameters)
    }

    /// Gives each of the named tensors that has no gradient one of zeros: the optimiser goes on moving a tensor that
    /// had a gradient once.
    pub(super) fn define_gradients(&self, named: &dyn Fn(&str) -> bool) -> Result<()> {
        for (name, value) in &self.recorded {
            if named(name) && !value.f_grad()?.defined() {
                let nothing = value.f_mul(&value.f_detach()?.f_zeros_like()?)?;
                nothing.f_sum(Kind::Float)?.f_backward()?;
            }
        }
        Ok(())
    }

    /// All gradients to zero.
    pub(super) fn clear_gradients(&self) -> Result<()> {
        self.items.clear_gradients()?;
        for mut parameter in with_gradients(&self.recorded)? {
            let _ = parameter.gradient.f_detach_()?.f_zero_()?;
        }
        Ok(())
    }

    /// After the optimiser's step.
    pub(super) fn after_step(&self) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        self.items.after_step()
    }

    /// The tables of items and users, and the temperature, by name.
    pub(super) fn tables(&self) -> Vec<(String, Tensor)> {
        let mut tables = self.items.state();
        tables.extend(self.users.trained());
        tables.extend(self.score.trained());
        tables
    }
}

/// What a backbone reports, as the host's error.
pub(super) fn component(method: &'static str) -> impl FnOnce(lapidary_sdk::Error) -> Error {
    Error::component("backbone", method)
}
