//! Guided scores and what a person should know about them.

use std::collections::BTreeMap;

use lapidary_sdk::kinds::{AttributeSet, ProblemKind};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::artefact::Content;
use crate::error::{Error, Result};

/// Scores of items, and of users where they were scored, on m attributes. No value is missing: see [`Tally::missing`].
#[derive(Debug)]
pub struct GuidedScores {
    /// The attributes, as they were asked for.
    pub attributes: AttributeSet,
    /// f32 `[V,m]`.
    pub items: Tensor,
    /// f32 `[U,m]`.
    pub users: Option<Tensor>,
    /// How they came about.
    pub figures: Figures,
}

/// How guided scores came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Scoring of the items.
    pub items: Tally,
    /// Scoring of the users, where the model was asked about them.
    pub users: Option<Tally>,
}

/// Counts of one scoring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Subjects that were scored.
    pub subjects: u64,
    /// Requests that the model answered.
    pub asked: u64,
    /// Requests whose answer was known already, from an earlier run or from an equal request.
    pub cached: u64,
    /// Subjects whose answers had to be repaired to be read.
    pub repaired: u64,
    /// Subjects about which something could not be read.
    pub unread: u64,
    /// Problems of each kind.
    #[serde(default)]
    pub by_kind: BTreeMap<ProblemKind, u64>,
    /// The first few of them in words, with the subject they concern.
    pub problems: Vec<String>,
    /// Share of scores that could not be read; each was replaced by its attribute's mean.
    pub missing: f64,
}

impl GuidedScores {
    /// The attributes' names, in the order of the columns.
    pub fn names(&self) -> Vec<String> {
        let names = self.attributes.attributes.iter().map(|a| a.name.clone());
        names.collect()
    }

    /// What is stored of it.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor cannot be shared.
    pub fn to_content(&self) -> Result<Content> {
        let mut tensors = vec![("items".to_owned(), self.items.f_detach()?)];
        if let Some(users) = &self.users {
            tensors.push(("users".to_owned(), users.f_detach()?));
        }
        let json = serde_json::json!({ "attributes": self.attributes, "figures": self.figures });
        Ok(Content { tensors, json })
    }

    /// Takes back what [`GuidedScores::to_content`] gave.
    ///
    /// # Errors
    /// [`Error::Shape`] when something is missing or does not fit.
    pub fn from_content(content: &Content) -> Result<Self> {
        #[derive(Deserialize)]
        struct Rest {
            attributes: AttributeSet,
            figures: Figures,
        }
        let rest: Rest = Rest::deserialize(&content.json).map_err(|e| Error::Shape {
            what: "guided scores".to_owned(),
            expected: "attributes and figures as JSON".to_owned(),
            found: e.to_string(),
        })?;
        let m = rest.attributes.attributes.len() as i64;
        let named = |name: &str| -> Result<Tensor> {
            let tensor = content.tensor(name)?;
            check(name, tensor, m)?;
            Ok(tensor.f_detach()?)
        };
        let has_users = content.tensors.iter().any(|(name, _)| name == "users");
        Ok(Self {
            items: named("items")?,
            users: has_users.then(|| named("users")).transpose()?,
            attributes: rest.attributes,
            figures: rest.figures,
        })
    }
}

/// Refuses a table that is not f32 `[N,m]`.
fn check(what: &str, table: &Tensor, m: i64) -> Result<()> {
    let size = table.size();
    match (size.as_slice(), table.kind()) {
        ([_, columns], Kind::Float) if *columns == m => Ok(()),
        (_, kind) => Err(Error::Shape {
            what: format!("scores of {what}"),
            expected: format!("f32 [N,{m}]"),
            found: format!("{kind:?} {size:?}"),
        }),
    }
}
