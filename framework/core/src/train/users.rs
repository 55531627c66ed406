//! The users' side: from hidden states to vectors that stand against item vectors.

use tch::{Device, Kind, Tensor};

use super::adam::Parameter;
use crate::error::{Error, Result};
use crate::refine::{Embedding, UserGuidance};

/// How a user's vector `[d]` comes from the hidden state `[d]`. Projections start as the identity on their columns, so
/// that at the start all three forms agree on the columns they compute.
#[derive(Debug)]
pub(super) enum Users {
    /// The hidden state itself.
    Hidden,
    /// A projection to all columns, `[d,d]`; its first m rows make the guided part.
    Backbone { project: Tensor },
    /// Each user's trained guided part, `[U,m]`, in front of a projection to the free columns, `[k,d]`.
    Scored { guided: Tensor, project: Tensor },
}

impl Users {
    pub fn new(embedding: &Embedding, device: Device) -> Result<Self> {
        let (m, d) = (embedding.guided_dim(), embedding.dim());
        let identity = |first: i64| -> Result<Tensor> {
            let eye = Tensor::f_eye(d, (Kind::Float, device))?;
            let rows = eye.f_narrow_copy(0, first, d - first)?;
            Ok(rows.f_set_requires_grad(true)?)
        };
        let Some(guidance) = embedding.guided.as_ref().map(|g| &g.users) else {
            return Ok(Self::Hidden);
        };
        match guidance {
            UserGuidance::Hidden => Ok(Self::Hidden),
            UserGuidance::Backbone => Ok(Self::Backbone {
                project: identity(0)?,
            }),
            UserGuidance::Scored(scores) => {
                if scores.size().len() != 2 || scores.size()[1] != m || scores.size()[0] == 0 {
                    return Err(Error::Shape {
                        what: "users' guided scores".to_owned(),
                        expected: format!("f32 [U,m={m}], U ≥ 1"),
                        found: format!("{:?}", scores.size()),
                    });
                }
                let guided = scores.f_to_kind(Kind::Float)?.f_to_device(device)?;
                let guided = guided.f_detach_copy()?;
                Ok(Self::Scored {
                    guided: guided.f_set_requires_grad(true)?,
                    project: identity(m)?,
                })
            }
        }
    }

    /// Name for descriptions.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Backbone { .. } => "backbone",
            Self::Scored { .. } => "scored",
        }
    }

    /// Number of users with a row of their own, if rows are kept.
    pub fn rows(&self) -> Option<i64> {
        match self {
            Self::Scored { guided, .. } => guided.size().first().copied(),
            _ => None,
        }
    }

    /// Guided parts of some users, `[B,m]`, where users have one of their own. `users` i64 `[B]`.
    pub fn guided_rows(&self, users: &Tensor) -> Result<Option<Tensor>> {
        match self {
            Self::Scored { guided, .. } => Ok(Some(guided.f_index_select(0, users)?)),
            _ => Ok(None),
        }
    }

    /// The guided part of a user that training never saw: the mean of all users'. f32 `[1,m]`.
    pub fn guided_mean(&self) -> Result<Option<Tensor>> {
        match self {
            Self::Scored { guided, .. } => Ok(Some(guided.f_mean_dim(
                [0i64].as_slice(),
                true,
                Kind::Float,
            )?)),
            _ => Ok(None),
        }
    }

    /// User vectors `[N,d]` of hidden states `[N,d]`; `guided` `[N,m]` goes in front where users have a part of their
    /// own.
    pub fn vectors(&self, hidden: &Tensor, guided: Option<&Tensor>) -> Result<Tensor> {
        let project = |weight: &Tensor| hidden.f_linear(weight, None::<&Tensor>);
        match (self, guided) {
            (Self::Hidden, _) => Ok(hidden.shallow_clone()),
            (Self::Backbone { project: weight }, _) => Ok(project(weight)?),
            (
                Self::Scored {
                    project: weight, ..
                },
                Some(guided),
            ) => Ok(Tensor::f_cat(&[guided, &project(weight)?], 1)?),
            (Self::Scored { .. }, None) => Err(Error::Shape {
                what: "user vectors".to_owned(),
                expected: "the users' guided parts".to_owned(),
                found: "none".to_owned(),
            }),
        }
    }

    fn named(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Hidden => Vec::new(),
            Self::Backbone { project } => vec![("users.project", project)],
            Self::Scored { guided, project } => {
                vec![("users.guided", guided), ("users.project", project)]
            }
        }
    }

    /// Trained tensors whose gradients libtorch fills.
    pub fn trained(&self) -> Vec<(String, Tensor)> {
        self.named()
            .into_iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
            .collect()
    }
}

/// Those of the tensors that have a gradient by now.
pub(super) fn with_gradients(tensors: &[(String, Tensor)]) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::with_capacity(tensors.len());
    for (name, value) in tensors {
        let gradient = value.f_grad()?;
        if gradient.defined() {
            parameters.push(Parameter {
                name: name.clone(),
                value: value.shallow_clone(),
                gradient,
            });
        }
    }
    Ok(parameters)
}
