//! Refinement: guided scores and the reduced base embedding become one table.

pub mod embedding;

pub use embedding::{Embedding, Guided, UserGuidance};
