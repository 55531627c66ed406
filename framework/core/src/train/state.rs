//! A model's values: as named tensors, as an artefact, in files.

use std::path::Path;

use lapidary_sdk::component::State;
use lapidary_sdk::kinds::Backbone;
use tch::{Device, Kind, Tensor};

use super::model::{BACKBONE, Model, ModelDescription, component};
use crate::artefact::Content;
use crate::error::{Error, Result};
use crate::refine::{Embedding, Guided, UserGuidance};

impl Model {
    /// All values by name, sharing the model's storage.
    ///
    /// # Errors
    /// [`Error::Component`] when the backbone fails.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.tables();
        state.extend(self.named_mask());
        let backbone = self.backbone_state()?.tensors.into_iter();
        state.extend(backbone.map(|(name, tensor)| (format!("{BACKBONE}{name}"), tensor)));
        Ok(state)
    }

    /// The backbone's own state, or its parameters where it keeps none.
    pub(super) fn backbone_state(&self) -> Result<State> {
        let mut state = self.backbone.save().map_err(component("save"))?;
        if state.tensors.is_empty() {
            let parameters = self.backbone.parameters();
            state.tensors = parameters.map_err(component("parameters"))?;
        }
        Ok(state)
    }

    /// Takes over values that [`Model::state`] gave, of a model of the same make. Where they do not fit, the model
    /// stays as it was.
    ///
    /// # Errors
    /// [`Error::Shape`] when a tensor is missing or has another shape.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for (name, own) in self.state()? {
            fitting(state, &name, &own)?;
        }
        self.items.load(state)?;
        let trained = self.users.trained().into_iter();
        for (name, mut own) in trained.chain(self.score.trained()).chain(self.named_mask()) {
            own.f_copy_(fitting(state, &name, &own)?)?;
        }
        let mut backbone = self.backbone_state()?;
        for (name, own) in &mut backbone.tensors {
            let value = fitting(state, &format!("{BACKBONE}{name}"), own)?;
            *own = value.f_to_device(self.device)?;
        }
        let keeps_state = self.backbone.save().map_err(component("save"))?;
        match keeps_state.tensors.is_empty() {
            false => self.backbone.load(&backbone).map_err(component("load"))?,
            true => {
                let parameters = self.backbone.parameters();
                let parameters = parameters.map_err(component("parameters"))?;
                backbone.copy_into(&parameters).map_err(component("load"))?;
            }
        }
        self.record()
    }

    /// The model as an artefact: all values, and its description.
    ///
    /// # Errors
    /// [`Error::Component`] when the backbone fails.
    pub fn content(&self) -> Result<Content> {
        Ok(Content {
            tensors: self.state()?,
            json: serde_json::to_value(self.description()).unwrap_or_default(),
        })
    }

    /// A model from [`Model::content`] and a backbone that was created with the same settings.
    ///
    /// # Errors
    /// [`Error::Shape`] when the parts do not fit each other.
    pub fn from_content(
        content: &Content,
        backbone: Box<dyn Backbone>,
        device: Device,
    ) -> Result<Self> {
        let description: ModelDescription = serde_json::from_value(content.json.clone())
            .map_err(|e| Error::setting("model description", e.to_string()))?;
        let embedding = description.empty_embedding()?;
        let mut model = Self::new(&embedding, backbone, description.max_len, device)?;
        model.load_state(&content.tensors)?;
        Ok(model)
    }

    /// Writes `model.safetensors` and `model.json` into a folder, each by write and rename.
    ///
    /// # Errors
    /// [`Error::Io`] when they cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        super::checkpoint::write_model(folder, &self.content()?)
    }

    /// Reads what [`Model::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Damaged`] when the files cannot be read, [`Error::Shape`] when the backbone does not
    /// fit.
    pub fn load(folder: &Path, backbone: Box<dyn Backbone>, device: Device) -> Result<Self> {
        Self::from_content(&super::checkpoint::read_model(folder)?, backbone, device)
    }
}

/// The tensor of that name, if it has the shape of the model's own.
pub(super) fn fitting<'a>(
    state: &'a [(String, Tensor)],
    name: &str,
    own: &Tensor,
) -> Result<&'a Tensor> {
    let found = state.iter().find(|(n, _)| n == name).map(|(_, t)| t);
    match found {
        Some(tensor) if tensor.size() == own.size() => Ok(tensor),
        other => Err(Error::Shape {
            what: format!("model state, `{name}`"),
            expected: format!("{:?}", own.size()),
            found: other.map_or("nothing".to_owned(), |t| format!("{:?}", t.size())),
        }),
    }
}

impl ModelDescription {
    /// An embedding of this make whose values are to be loaded.
    fn empty_embedding(&self) -> Result<Embedding> {
        let zeros =
            |rows: i64, columns: i64| Tensor::f_zeros([rows, columns], (Kind::Float, Device::Cpu));
        let m = self.attributes.len() as i64;
        let guided = match m {
            0 => None,
            _ => Some(Guided {
                attributes: self.attributes.clone(),
                items: zeros(self.n_items, m)?,
                items_trainable: self.guided_trainable,
                users: match (self.users.as_str(), self.n_users) {
                    ("scored", Some(n)) => UserGuidance::Scored(zeros(n, m)?),
                    ("backbone", _) => UserGuidance::Backbone,
                    _ => UserGuidance::Hidden,
                },
            }),
        };
        Ok(Embedding {
            guided,
            free: zeros(self.n_items, self.dim - m)?,
            free_trainable: self.free_trainable,
            tied: self.tied,
            scoring: self.scoring,
        })
    }
}
