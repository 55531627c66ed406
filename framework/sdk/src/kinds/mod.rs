//! The five kinds of component: one trait each, and how its methods cross the boundary.

pub mod adaptation;
pub mod backbone;
pub mod base_embedder;
pub mod embedding;
mod histories;
pub mod llm;
pub mod prompt_strategy;
pub mod reducer;

pub use adaptation::{LogLikelihoods, LoraSettings};
pub use backbone::{Backbone, BackboneContext, Objective};
pub use base_embedder::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
pub use embedding::{EmbedSettings, Pooling};
pub use histories::Histories;
pub use llm::{Answer, Answers, Ask, Llm, LlmContext, LlmInfo, Message, Prompt, Request, Role};
pub use prompt_strategy::{
    Attribute, AttributeSet, ItemText, Problem, ProblemKind, PromptStrategy, PromptStrategyContext,
    Reading, Subject,
};
pub use reducer::{Reducer, ReducerContext};

/// The methods of a kind, as written in `ABI.md`. A component answers all that are not optional.
pub fn methods(kind: crate::Kind) -> Vec<crate::Method> {
    use crate::Kind;
    match kind {
        Kind::Backbone => backbone::methods(),
        Kind::BaseEmbedder => base_embedder::methods(),
        Kind::Llm => llm::methods(),
        Kind::PromptStrategy => prompt_strategy::methods(),
        Kind::Reducer => reducer::methods(),
    }
}
