//! What training starts from: the columns of the item table and of the users, and which of them may change.

use tch::Tensor;

use super::settings::Scoring;

/// The embedding that a recommender is trained on. A base embedding has `free` columns alone; a refined one has guided
/// columns in front of them. Item table: `[V,d]`, d = m + k.
#[derive(Debug)]
pub struct Embedding {
    /// Attribute scores, m columns; none for a base embedding.
    pub guided: Option<Guided>,
    /// The other k columns: f32 `[V,k]`, their values at the start.
    pub free: Tensor,
    /// Whether the free columns are trained.
    pub free_trainable: bool,
    /// Whether the output table is the input table; otherwise the output table is a trained copy of its own.
    pub tied: bool,
    /// How a score is made of a user's vector and an item's.
    pub scoring: Scoring,
}

/// Guided columns: attribute scores of items, and what stands against them on the users' side.
#[derive(Debug)]
pub struct Guided {
    /// The attributes' names, m of them, in the order of the columns.
    pub attributes: Vec<String>,
    /// Normalised and scaled scores of items, f32 `[V,m]`.
    pub items: Tensor,
    /// Whether the items' guided columns are trained too.
    pub items_trainable: bool,
    /// The users' side.
    pub users: UserGuidance,
}

/// Where the guided part of a user's vector comes from.
#[derive(Debug)]
pub enum UserGuidance {
    /// A trained table that starts at the users' scores (the language model's own of the training history, or the mean over
    /// the history's items), f32 `[U,m]`; the rest of the user's vector is the backbone's hidden state, projected to the free columns.
    Scored(Tensor),
    /// A projection of the backbone's hidden state to m values; works for users never seen.
    Backbone,
    /// No own guided part: the hidden state itself, d wide, stands against the whole item vector.
    Hidden,
}

impl Embedding {
    /// Size of the catalogue, V.
    pub fn n_items(&self) -> i64 {
        self.free.size().first().copied().unwrap_or(0)
    }

    /// Number of guided columns, m.
    pub fn guided_dim(&self) -> i64 {
        self.guided
            .as_ref()
            .map_or(0, |g| g.attributes.len() as i64)
    }

    /// Width of the whole embedding, d.
    pub fn dim(&self) -> i64 {
        self.guided_dim() + self.free.size().get(1).copied().unwrap_or(0)
    }
}
