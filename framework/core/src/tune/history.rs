//! What fine-tuning did, epoch by epoch.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::rank::Metric;
use crate::train::Stop;

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneRecord {
    /// Number; 0 is the model as it was.
    pub epoch: u32,
    /// Mean loss over the epoch's users: `recommendation + format_weight · format`; none at epoch 0.
    pub loss: Option<f64>,
    /// Mean recommendation loss.
    pub recommendation: Option<f64>,
    /// Mean format loss, in nats a token, where it is part of the loss.
    pub format: Option<f64>,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Steps taken since the start.
    pub steps: u64,
    /// Wall time of training, without validation.
    pub train_seconds: f64,
    /// Wall time of validation.
    pub validation_seconds: f64,
    /// Metrics of ranking the validation cases by the guided part alone, seen items removed.
    pub validation: Vec<(Metric, f64)>,
    /// Whether it is the best epoch so far.
    pub best: bool,
}

/// A finished fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneHistory {
    /// Every epoch, in order, from 0 on.
    pub epochs: Vec<TuneRecord>,
    /// The epoch whose adapter was kept; 0 where none was better than the model as it was.
    pub best_epoch: u32,
    /// The deciding metric at that epoch.
    pub best_value: f64,
    /// Why training ended.
    pub stop: Stop,
}

/// Hears of each epoch as it ends.
pub trait TuneObserver {
    /// An epoch ended, or was done before the run went on.
    ///
    /// # Errors
    /// An error stops training; the epoch's checkpoint is kept.
    fn epoch(&mut self, record: &TuneRecord) -> Result<()>;
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl TuneObserver for Silent {
    fn epoch(&mut self, _: &TuneRecord) -> Result<()> {
        Ok(())
    }
}
