//! Refinement: guided scores and the reduced base embedding become one table.

mod combine;
pub mod embedding;
pub mod explain;
mod normalise;
mod stored;

pub use combine::{RefineSettings, Refined, Report, UserPart, combine};
pub use embedding::{Embedding, Guided, UserGuidance};
pub use explain::{Explanation, Part, Percentiles, explain};
pub use normalise::Normalise;
