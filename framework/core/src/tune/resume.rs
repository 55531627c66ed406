//! Checkpoints of fine-tuning, and going on from them.

use lapidary_sdk::State;
use tch::Tensor;

use super::fit::Run;
use super::history::TuneObserver;
use super::reference::Reference;
use crate::artefact::Content;
use crate::error::{Error, Result};
use crate::train::all_finite;

impl Run<'_> {
    /// Keeps what the run needs to go on from here.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        let (Some(checkpoints), Some(reference)) = (&self.checkpoints, &self.reference) else {
            return Ok(());
        };
        if !all_finite(&self.parameters)? {
            return Err(self.not_finite("the adapter's values are"));
        }
        let (moments, steps) = self.adam.state();
        self.state.optimiser = steps;
        let named = |prefix: &str, tensors: &[(String, Tensor)]| -> Vec<(String, Tensor)> {
            let with = |(n, t): &(String, Tensor)| (format!("{prefix}.{n}"), t.shallow_clone());
            tensors.iter().map(with).collect()
        };
        let mut tensors = named("adapter", &self.parameters);
        tensors.extend(named("optimiser", &moments));
        tensors.extend(named("best", &self.best));
        tensors.push(("reference".to_owned(), reference.raw.shallow_clone()));
        let json = serde_json::to_value(&self.state).unwrap_or_default();
        // A step has two checkpoints where an epoch ends: before its validation, and after.
        let number = self.state.steps + self.state.epochs.len() as u64;
        checkpoints.write(number, &Content { tensors, json })
    }

    /// Goes on from the latest checkpoint, if there is one.
    pub(super) fn resume(&mut self, observer: &mut dyn TuneObserver) -> Result<()> {
        let latest = self.checkpoints.as_ref().map(|c| c.latest(u64::MAX));
        let Some(content) = latest.transpose()?.flatten() else {
            return Ok(());
        };
        self.state = serde_json::from_value(content.json.clone())
            .map_err(|e| Error::setting("checkpoint", e.to_string()))?;
        let device = self.asking.device;
        let part = |prefix: &str| -> Vec<(String, Tensor)> {
            let own = |(name, tensor): &(String, Tensor)| {
                let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
                Some((rest.to_owned(), tensor.shallow_clone()))
            };
            content.tensors.iter().filter_map(own).collect()
        };
        copy(&part("adapter"), &self.parameters)?;
        let moments = Content {
            tensors: part("optimiser"),
            ..Content::default()
        };
        let find = |name: &str| Ok(moments.tensor(name)?.f_to_device(device)?);
        self.adam.load(&self.state.optimiser, &find)?;
        self.best = part("best");
        let raw = content.tensor("reference")?.f_to_device(device)?;
        self.reference = Some(Reference::new(self.asking.strategy, raw)?);
        tracing::info!("fine-tuning goes on at step {}", self.state.steps);
        self.state
            .epochs
            .iter()
            .try_for_each(|record| observer.epoch(record))
    }
}

/// Copies values into tensors of the same names.
pub(super) fn copy(from: &[(String, Tensor)], to: &[(String, Tensor)]) -> Result<()> {
    let from = State {
        tensors: from
            .iter()
            .map(|(n, t)| (n.clone(), t.shallow_clone()))
            .collect(),
        ..State::default()
    };
    from.copy_into(to).map_err(Error::component("llm", "adapt"))
}

/// The same values in tensors of their own.
pub(super) fn copies(tensors: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>> {
    let copy = |(name, tensor): &(String, Tensor)| Ok((name.clone(), tensor.f_detach_copy()?));
    tensors.iter().map(copy).collect()
}
