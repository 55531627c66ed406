//! A state through safetensors bytes, as checkpoints keep it.

use lapidary_sdk::{State, Stateful};
use tch::Tensor;

/// Saves an instance, writes and reads the file format, and loads another instance with it.
pub fn round_trip<T: Stateful + ?Sized>(from: &T, into: &mut T) {
    let state = from
        .save()
        .unwrap_or_else(|e| panic!("it can be saved: {e}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("state.safetensors");
    let contiguous: Vec<_> = state
        .tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.detach().contiguous()))
        .collect();
    Tensor::write_safetensors(&contiguous, &path).expect("the state's tensors can be written");
    let json = state.json.to_string();
    let read = State {
        tensors: Tensor::read_safetensors(&path).expect("what was written can be read"),
        json: serde_json::from_str(&json).expect("what was written can be read"),
    };
    into.load(&read)
        .unwrap_or_else(|e| panic!("it takes its own state back: {e}"));
}
