//! A refined embedding as an artefact's content, and back.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::combine::{Refined, Report};
use super::embedding::{Embedding, Guided, UserGuidance};
use super::settings::{Scoring, UserPart};
use crate::artefact::Content;
use crate::error::{Error, Result};

#[derive(Serialize, Deserialize)]
struct Stored {
    report: Report,
    free_trainable: bool,
    tied: bool,
    scoring: Scoring,
    guided: Option<StoredGuided>,
}

#[derive(Serialize, Deserialize)]
struct StoredGuided {
    attributes: Vec<String>,
    items_trainable: bool,
    users: UserPart,
}

impl Refined {
    /// What is stored of it.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor cannot be shared.
    pub fn to_content(&self) -> Result<Content> {
        let embedding = &self.embedding;
        let mut tensors = vec![("free".to_owned(), embedding.free.f_detach()?)];
        if let Some(guided) = &embedding.guided {
            tensors.push(("guided_items".to_owned(), guided.items.f_detach()?));
            if let UserGuidance::Scored(users) = &guided.users {
                tensors.push(("guided_users".to_owned(), users.f_detach()?));
            }
        }
        let stored = Stored {
            report: self.report.clone(),
            free_trainable: embedding.free_trainable,
            tied: embedding.tied,
            scoring: embedding.scoring,
            guided: embedding.guided.as_ref().map(StoredGuided::of),
        };
        let json = serde_json::to_value(stored).map_err(|e| unreadable(&e))?;
        Ok(Content { tensors, json })
    }

    /// Takes back what [`Refined::to_content`] gave.
    ///
    /// # Errors
    /// [`Error::Shape`] when something is missing.
    pub fn from_content(content: &Content) -> Result<Self> {
        let stored = Stored::deserialize(&content.json).map_err(|e| unreadable(&e))?;
        let tensor = |name: &str| -> Result<Tensor> { Ok(content.tensor(name)?.f_detach()?) };
        let guided = |part: StoredGuided| -> Result<Guided> {
            Ok(Guided {
                attributes: part.attributes,
                items: tensor("guided_items")?,
                items_trainable: part.items_trainable,
                users: match part.users {
                    UserPart::Scored => UserGuidance::Scored(tensor("guided_users")?),
                    UserPart::Backbone => UserGuidance::Backbone,
                    UserPart::Hidden => UserGuidance::Hidden,
                },
            })
        };
        Ok(Self {
            embedding: Embedding {
                guided: stored.guided.map(guided).transpose()?,
                free: tensor("free")?,
                free_trainable: stored.free_trainable,
                tied: stored.tied,
                scoring: stored.scoring,
            },
            report: stored.report,
        })
    }
}

impl StoredGuided {
    fn of(guided: &Guided) -> Self {
        Self {
            attributes: guided.attributes.clone(),
            items_trainable: guided.items_trainable,
            users: match guided.users {
                UserGuidance::Scored(_) => UserPart::Scored,
                UserGuidance::Backbone => UserPart::Backbone,
                UserGuidance::Hidden => UserPart::Hidden,
            },
        }
    }
}

fn unreadable(e: &serde_json::Error) -> Error {
    Error::Shape {
        what: "refined embedding".to_owned(),
        expected: "its report and options as JSON".to_owned(),
        found: e.to_string(),
    }
}
