//! The five kinds of component: one trait each, and how its methods cross the boundary.

pub mod backbone;
pub mod base_embedder;
pub mod llm;
pub mod prompt_strategy;
pub mod reducer;

pub use backbone::{Backbone, BackboneContext, Objective};
pub use base_embedder::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
pub use llm::{Answer, Ask, Llm, LlmContext, LlmInfo, Message, Prompt, Request, Role};
pub use prompt_strategy::{
    Attribute, AttributeSet, ItemText, PromptStrategy, PromptStrategyContext, Reading, Subject,
};
pub use reducer::{Reducer, ReducerContext};
