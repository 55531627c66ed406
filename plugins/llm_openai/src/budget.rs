//! Caps. Before a call the most that it can take is set aside; after it, what it took goes into the ledger. So no call
//! begins that could pass a cap, however many run side by side.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapidary_sdk::prelude::*;

use crate::ledger::{Entry, Ledger, Sum, now};
use crate::reply::Usage;
use crate::retry::Stop;
use crate::settings::Settings;

/// How often a call that waits for others looks whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// What may be spent, and what was.
#[derive(Debug)]
pub struct Budget {
    settings: Settings,
    state: Mutex<State>,
    /// Told whenever something set aside is free again.
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    aside: Sum,
    calls: usize,
}

/// What is set aside for a call; free again when dropped.
#[derive(Debug)]
pub struct Aside<'a> {
    budget: &'a Budget,
    sum: Sum,
}

impl Budget {
    /// A budget with the caps, prices and ledger of the settings.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn new(settings: &Settings) -> Result<Self> {
        let state = State {
            ledger: Ledger::open(&settings.ledger)?,
            aside: Sum::default(),
            calls: 0,
        };
        Ok(Self {
            settings: settings.clone(),
            state: Mutex::new(state),
            freed: Condvar::new(),
        })
    }

    /// Sets aside the most that a call can take. Waits for calls under way where they may leave enough.
    ///
    /// # Errors
    /// When a cap could be passed, when the ledger cannot be read, and when the batch stops.
    pub fn set_aside(&self, most: Usage, stop: &Stop) -> Result<Aside<'_>> {
        let sum = self.price(most);
        let mut state = self.lock();
        loop {
            let spent = state.ledger.sum()?;
            let Some(cap) = self.passed(spent.and(state.aside).and(sum)) else {
                state.aside = state.aside.and(sum);
                state.calls += 1;
                return Ok(Aside { budget: self, sum });
            };
            if state.calls == 0 {
                return Err(self.exhausted(&state.ledger, &cap, spent, sum));
            }
            let woken = self.freed.wait_timeout(state, GLANCE);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            stop.check()?;
        }
    }

    /// The cap that a sum is above.
    fn passed(&self, sum: Sum) -> Option<String> {
        let Settings {
            max_total_tokens,
            max_cost,
            ..
        } = self.settings;
        let tokens = max_total_tokens.filter(|cap| sum.tokens > *cap);
        let cost = max_cost.filter(|cap| sum.cost > *cap);
        tokens
            .map(|cap| format!("`max_total_tokens` {cap}"))
            .or(cost.map(|cap| format!("`max_cost` {cap}")))
    }

    fn exhausted(&self, ledger: &Ledger, cap: &str, spent: Sum, next: Sum) -> Error {
        let place = match ledger.path() {
            Some(path) => format!("by the ledger {}", path.display()),
            None => "in this run".to_owned(),
        };
        Error::invalid(format!(
            "{cap} is reached: {} tokens for {:.6} were spent {place}, and the next call may take up to {} more for \
             {:.6}; what was answered is kept, so raise the cap and run again",
            spent.tokens, spent.cost, next.tokens, next.cost
        ))
    }

    fn price(&self, usage: Usage) -> Sum {
        let Settings {
            price_input_per_million: input,
            price_output_per_million: output,
            ..
        } = self.settings;
        let Usage {
            prompt_tokens,
            completion_tokens,
        } = usage;
        Sum {
            tokens: prompt_tokens.saturating_add(completion_tokens),
            cost: (prompt_tokens as f64 * input + completion_tokens as f64 * output) / 1e6,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aside<'_> {
    /// Writes what the call took into the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn spend(self, usage: Usage) -> Result<()> {
        let Settings {
            base_url, model, ..
        } = &self.budget.settings;
        let entry = Entry {
            time: now(),
            server: base_url.clone(),
            model: model.clone(),
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
            cost: self.budget.price(usage).cost,
        };
        self.budget.lock().ledger.add(&entry)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.calls = state.calls.saturating_sub(1);
        state.aside = match state.calls {
            0 => Sum::default(),
            _ => Sum {
                tokens: state.aside.tokens.saturating_sub(self.sum.tokens),
                cost: state.aside.cost - self.sum.cost,
            },
        };
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn usage(read: u64, written: u64) -> Usage {
        Usage {
            prompt_tokens: read,
            completion_tokens: written,
        }
    }

    fn budget(change: impl Fn(&mut Settings)) -> Budget {
        let mut settings = Settings::default();
        change(&mut settings);
        Budget::new(&settings).unwrap()
    }

    #[test]
    fn no_call_begins_that_could_pass_the_cap() {
        let budget = budget(|s| s.max_total_tokens = Some(100));
        let first = budget.set_aside(usage(60, 20), &Stop::default()).unwrap();
        first.spend(usage(30, 5)).unwrap();
        drop(budget.set_aside(usage(65, 0), &Stop::default()).unwrap());
        let message = budget
            .set_aside(usage(60, 6), &Stop::default())
            .unwrap_err()
            .to_string();
        for part in ["`max_total_tokens` 100", "35 tokens", "up to 66 more"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn money_counts_at_the_prices_of_reading_and_writing() {
        let budget = budget(|s| {
            (s.price_input_per_million, s.price_output_per_million) = (1.0, 10.0);
            s.max_cost = Some(0.002);
        });
        let first = budget.set_aside(usage(500, 100), &Stop::default()).unwrap();
        first.spend(usage(500, 100)).unwrap();
        assert!(budget.set_aside(usage(500, 0), &Stop::default()).is_ok());
        let message = budget
            .set_aside(usage(0, 51), &Stop::default())
            .unwrap_err()
            .to_string();
        assert!(message.contains("`max_cost` 0.002"), "{message}");
    }

    #[test]
    fn a_call_waits_for_what_others_may_leave() {
        let budget = budget(|s| s.max_total_tokens = Some(100));
        let first = budget.set_aside(usage(80, 0), &Stop::default()).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                budget
                    .set_aside(usage(80, 0), &Stop::default())
                    .map(|a| a.sum.tokens)
            });
            first.spend(usage(20, 0)).unwrap();
            assert_eq!(second.join().unwrap().unwrap(), 80);
        });
    }

    #[test]
    fn the_ledger_of_earlier_runs_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let capped = || {
            budget(|s| {
                s.max_total_tokens = Some(100);
                s.ledger = path.display().to_string();
            })
        };
        let first = capped();
        first
            .set_aside(usage(90, 0), &Stop::default())
            .unwrap()
            .spend(usage(90, 0))
            .unwrap();
        let message = capped()
            .set_aside(usage(11, 0), &Stop::default())
            .unwrap_err()
            .to_string();
        assert!(message.contains("spent.jsonl"), "{message}");
    }
}
