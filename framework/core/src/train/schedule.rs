//! Learning rate over the steps of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate falls after its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// It stays.
    Constant,
    /// On a line to 0.
    Linear,
    /// On half a cosine to 0.
    Cosine,
}

/// A learning rate that rises on a line during `warmup` steps and then decays.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Highest rate.
    pub peak: f64,
    /// Steps of the rise.
    pub warmup: u64,
    /// What follows.
    pub decay: Decay,
    /// Steps in all.
    pub steps: u64,
}

impl Schedule {
    /// The rate of a step, counted from 0. It is above 0 at every step of the run.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let length = self.steps.saturating_sub(self.warmup).max(1);
        let done = ((step - self.warmup) as f64 / length as f64).min(1.0);
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Linear => self.peak * (1.0 - done),
            Decay::Cosine => self.peak * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls_and_never_reaches_zero_within_the_run() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine] {
            let schedule = Schedule {
                peak: 2.0,
                warmup: 4,
                decay,
                steps: 12,
            };
            let rates: Vec<f64> = (0..12).map(|s| schedule.rate(s)).collect();
            assert_eq!(rates[..4], [0.5, 1.0, 1.5, 2.0]);
            assert_eq!(rates[4], 2.0);
            assert!(rates[4..].windows(2).all(|w| w[1] <= w[0]), "{rates:?}");
            assert!(rates.iter().all(|&r| r > 0.0));
        }
    }

    #[test]
    fn linear_decay_is_halfway_in_the_middle() {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 0,
            decay: Decay::Linear,
            steps: 10,
        };
        assert_eq!(schedule.rate(5), 0.5);
    }
}
