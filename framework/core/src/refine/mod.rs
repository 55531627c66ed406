//! Refinement: guided scores and the reduced base embedding become one table.

mod combine;
pub mod embedding;
pub mod explain;
mod normalise;
mod settings;
mod stored;

pub use combine::{Refined, Report, combine};
pub use embedding::{Embedding, Guided, UserGuidance};
pub use explain::{Explanation, Part, Percentiles, explain};
pub use normalise::Normalise;
pub use settings::{
    GuidedShape, RefineSettings, Scoring, Similarity, Unseen, UnseenRule, UserPart, Widths,
};
