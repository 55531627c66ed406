//! A state through safetensors bytes, as checkpoints keep it.

use lapidary_core::Error;
use lapidary_sdk::{State, Stateful};
use tch::Tensor;

use crate::suite::{Checked, Fault, Rule, Section};

/// What [`round_trip`] stands for.
pub(super) const STATE: Rule = Rule::new(
    "save and load",
    Section::State,
    "`save` gives all that was learned, `load` takes all of it back: afterwards the instance does what the saved one did",
);

/// Saves an instance, writes and reads the file format, and loads another instance with it.
pub(super) fn round_trip<T: Stateful + ?Sized>(from: &T, into: &mut T) -> Checked {
    let state = from.save().map_err(Fault::at("it cannot be saved"))?;
    let folder = tempfile::tempdir().map_err(|e| Fault::new(format!("a temporary folder: {e}")))?;
    let path = folder.path().join("state.safetensors");
    let mut tensors = Vec::new();
    for (name, tensor) in &state.tensors {
        tensors.push((name.as_str(), tensor.f_detach()?.f_contiguous()?));
    }
    Tensor::write_safetensors(&tensors, &path)
        .map_err(|e| Fault::new(format!("the state's tensors cannot be written: {e}")))?;
    let read = State {
        tensors: Tensor::read_safetensors(&path).map_err(Error::from)?,
        json: state.json,
    };
    into.load(&read)
        .map_err(Fault::at("it does not take its own state back"))
}
