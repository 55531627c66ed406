//! The best state so far, for early stopping.

use crate::error::Result;

/// Remembers the state at which a loss was least, and for how long nothing better came.
pub struct Best<T> {
    patience: u32,
    least: f64,
    state: Option<T>,
    /// Measurements since the best one.
    worse: u32,
}

impl<T> Best<T> {
    /// Nothing was measured yet; training ends when `patience` measurements in a row are no better than the best one.
    pub fn new(patience: u32) -> Self {
        Self {
            patience,
            least: f64::INFINITY,
            state: None,
            worse: 0,
        }
    }

    /// Takes note of a loss; where it is the least so far, also of the state. Returns whether training should end. A
    /// loss that is no number is no better than any.
    ///
    /// # Errors
    /// What taking the state reports.
    pub fn note(&mut self, loss: f64, state: impl FnOnce() -> Result<T>) -> Result<bool> {
        if loss < self.least {
            self.state = Some(state()?);
            self.least = loss;
            self.worse = 0;
        } else {
            self.worse += 1;
        }
        Ok(self.worse >= self.patience)
    }

    /// The best state; none where no loss was a number.
    pub fn into_state(self) -> Option<T> {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_state_of_the_least_loss_and_ends_after_its_patience() {
        let mut best = Best::new(2);
        let ends = [3.0, 1.0, f64::NAN, 0.5, 0.5, 0.6]
            .into_iter()
            .enumerate()
            .map(|(at, loss)| best.note(loss, || Ok(at)));
        let ends: Vec<bool> = ends.collect::<Result<_>>().unwrap();
        assert_eq!(ends, [false, false, false, false, false, true]);
        assert_eq!(best.into_state(), Some(3));
        let mut nothing = Best::new(1);
        assert!(nothing.note(f64::NAN, || Ok(())).unwrap());
        assert_eq!(nothing.into_state(), None);
    }
}
