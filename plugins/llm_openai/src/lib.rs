//! Language models behind any OpenAI-compatible server: the component `openai` of kind `llm`.
//!
//! [`openai`] is the component: it hands requests to a few threads. A request becomes one call ([`complete`]) or several
//! ([`likelihood`]) of the [`server`], which asks the [`budget`] first, tries again where that may help ([`retry`]), and
//! reads the [`reply`]. What was spent is kept in a [`ledger`].

pub mod budget;
pub mod complete;
pub mod key;
pub mod ledger;
pub mod likelihood;
pub mod next_token;
pub mod openai;
pub mod reply;
pub mod retry;
pub mod server;
pub mod settings;

pub use openai::OpenAi;
pub use settings::Settings;

lapidary_sdk::export_plugin!();
