//! What training did, epoch by epoch.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::rank::Metric;

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number, from 1.
    pub epoch: u32,
    /// Mean training loss over the epoch's targets.
    pub loss: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Targets trained on.
    pub targets: u64,
    /// Steps taken since the start of the run.
    pub steps: u64,
    /// Wall time of training, without validation.
    pub train_seconds: f64,
    /// Wall time of validation.
    pub validation_seconds: f64,
    /// Validation metrics, seen items removed; empty in an epoch without validation.
    pub validation: Vec<(Metric, f64)>,
    /// Whether it is the best epoch so far.
    pub best: bool,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All epochs were done.
    Epochs,
    /// Validation did not get better any more.
    Patience,
}

/// A finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Every epoch, in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights the model has: the best by validation, or the last where nothing was validated.
    pub best_epoch: u32,
    /// The deciding metric at that epoch, where it was validated.
    pub best_value: Option<f64>,
    /// Why training ended.
    pub stop: Stop,
}

/// Hears of each epoch as it ends, for curves and logs.
pub trait Observer {
    /// An epoch ended.
    ///
    /// # Errors
    /// An error stops training; the epoch's checkpoint is kept.
    fn epoch(&mut self, record: &EpochRecord) -> Result<()>;

    /// Training goes on from a checkpoint; these epochs were done before.
    ///
    /// # Errors
    /// An error stops training.
    fn resumed(&mut self, records: &[EpochRecord]) -> Result<()> {
        let _ = records;
        Ok(())
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn epoch(&mut self, _: &EpochRecord) -> Result<()> {
        Ok(())
    }
}
