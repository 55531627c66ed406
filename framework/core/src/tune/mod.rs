//! Fine-tuning of a language model on recommendation (Jia et al., arXiv:2504.11658).
//!
//! The model is asked about a user's history, and its soft scores (through which gradients flow) are held against the
//! frozen scores of items: cross-entropy over the item that came next and sampled ones. A second loss keeps the words of
//! the template likely, so that the model does not forget the form in which it is asked. Only an adapter is trained; the
//! model hands out its tensors. [`fine_tune()`] is the loop; after each epoch the whole catalogue is ranked by the
//! guided part alone. How the abstract is read: `docs/decisions/0013-fine-tuning.md`.

mod asking;
mod examples;
mod fit;
mod history;
mod loss;
mod reference;
mod resume;
mod settings;
mod step;
mod validation;

#[cfg(test)]
mod tests;

pub use fit::{Task, fine_tune};
pub use history::{Silent, TuneHistory, TuneObserver, TuneRecord};
pub use settings::TuneSettings;

use std::path::Path;

use lapidary_sdk::State;

use crate::artefact::{write_json, write_tensors};
use crate::error::Result;
use crate::files;

/// Writes an adapter as PEFT stores it: `adapter_model.safetensors` and `adapter_config.json`, in a folder that is not
/// there yet.
///
/// # Errors
/// [`crate::Error::Io`] when it cannot be written.
pub fn publish_adapter(folder: &Path, adapter: &State) -> Result<()> {
    files::publish(folder, |new| {
        write_tensors(&adapter.tensors, &new.join("adapter_model.safetensors"))?;
        write_json(&adapter.json, &new.join("adapter_config.json"))
    })
}
