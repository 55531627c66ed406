//! Language models of the Llama family, Qwen and Gemma 3 on libtorch: the component `local` of kind `llm`.
//!
//! A model comes from a GGUF file or a Hugging Face folder ([`files`]); its weights ([`weights`]) make a [`model`], its
//! tokenizer and chat template a [`tokenizer`]. Requests become token trees ([`tree`]), several in one where that saves work ([`plan`]); [`likelihood`] asks for
//! probabilities, [`generate`] writes. [`local`] is the component.
//!
//! An adapter ([`lora`], stored as PEFT stores it: [`peft`]) changes what a model answers, and is trained through
//! [`differentiable`].
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod attention;
pub mod block;
pub mod cache;
pub mod chat;
pub mod config;
pub mod dequant;
pub mod differentiable;
mod digest;
pub mod files;
pub mod find;
pub mod folder;
pub mod gemma;
pub mod generate;
pub mod gguf;
pub mod gguf_tokenizer;
pub mod likelihood;
pub mod local;
pub mod lora;
pub mod model;
pub mod peft;
pub mod plan;
pub mod pooled;
pub mod rope;
pub mod sentencepiece;
pub mod tokenizer;
pub mod tree;
pub mod weights;

lapidary_sdk::export_plugin!();
