//! Search over settings: what a space holds, which trials are drawn from it, and how many epochs they get.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::rank::{Measure, Metric};
use crate::settings::{self, OutOfRange, out_of_range};

/// Draws in a row that may give a trial which is there already, before the space counts as used up.
const REPEATS: usize = 1000;
/// Digits of a number drawn from a range: enough for any setting, and few enough to be copied by hand.
const DIGITS: usize = 4;

/// Settings of a trial, by name.
pub type Trial = Map<String, Value>;

/// How to search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchSettings {
    /// Trials to draw.
    pub trials: usize,
    /// Who gets how many epochs.
    pub method: Method,
    /// Most epochs that a trial gets.
    pub epochs: u32,
    /// Fewest epochs that a trial gets, in `halving`.
    pub min_epochs: u32,
    /// In `halving`, of so many trials one goes on, with so many times the epochs.
    pub eta: u32,
    /// What decides, on the validation cases.
    pub metric: Metric,
    /// Name of the table in the run's folder.
    pub name: String,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            trials: 16,
            method: Method::Halving,
            epochs: 40,
            min_epochs: 1,
            eta: 3,
            metric: Metric::at(Measure::Ndcg, 10),
            name: "search".to_owned(),
        }
    }
}

/// Who gets how many epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every trial gets all (Bergstra and Bengio 2012).
    Random,
    /// Successive halving: all trials get few, the best of them go on with more (Jamieson and Talwalkar 2016; the numbers
    /// of a rung are those of a bracket of Li et al. 2018, rounded to whole epochs).
    Halving,
}

/// A round of the search: so many trials are trained up to so many epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Trials that are still in.
    pub trials: usize,
    /// Epochs that each has after it.
    pub epochs: u32,
}

impl SearchSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range([
            ("trials", self.trials >= 1, "at least 1"),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("eta", self.eta >= 2, "at least 2"),
            (
                "min_epochs",
                (1..=self.epochs.max(1)).contains(&self.min_epochs),
                "from 1 to `epochs`",
            ),
        ])
    }

    /// The rounds of the search, for `trials` trials.
    ///
    /// # Errors
    /// [`Error::Setting`] for values out of range.
    pub fn rungs(&self, trials: usize) -> Result<Vec<Rung>> {
        settings::check(self, self.problems(), "search")?;
        let (eta, epochs) = (u64::from(self.eta), u64::from(self.epochs));
        let most = match self.method {
            Method::Random => 1,
            Method::Halving => epochs / u64::from(self.min_epochs),
        };
        let most = most.min(trials as u64);
        let divisors = std::iter::successors(Some(1), |d: &u64| d.checked_mul(eta));
        let divisors: Vec<u64> = divisors.take_while(|d| *d <= most).collect();
        let rounded = |divisor: u64| ((epochs + divisor / 2) / divisor) as u32;
        let rung = |(&divisor, &left): (&u64, &u64)| Rung {
            trials: (trials as u64 / divisor) as usize,
            epochs: rounded(left),
        };
        Ok(divisors
            .iter()
            .zip(divisors.iter().rev())
            .map(rung)
            .collect())
    }
}

/// What a setting can be.
#[derive(Clone, Debug, PartialEq)]
enum Dimension {
    Fixed(Value),
    Choice(Vec<Value>),
    Uniform(f64, f64),
    LogUniform(f64, f64),
    Integer(i64, i64),
}

/// Settings by name, each with what it can be: a list of values, a range such as `{"log_uniform": [1e-4, 1e-2]}`, or one
/// value that stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Space(BTreeMap<String, Dimension>);

impl Space {
    /// Reads a space.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the setting whose range is none.
    pub fn read(given: &Value) -> Result<Self> {
        let Some(given) = given.as_object().filter(|map| !map.is_empty()) else {
            let reason = "must name settings with what they can be, such as \
                          `dropout = { 0.1, 0.2 }` or `learning_rate = lapidary.log_uniform(1e-4, 1e-2)`";
            return Err(Error::setting("search.space", reason));
        };
        let read =
            |(name, value): (&String, &Value)| Ok((name.clone(), Dimension::read(name, value)?));
        given.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// Names of the settings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Draws trials that differ from each other; fewer than asked for where the space has no more. More trials of the
    /// same seed begin with the same ones.
    pub fn draw(&self, trials: usize, seed: u64) -> Vec<Trial> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn: Vec<Trial> = Vec::new();
        let mut repeats = 0;
        while drawn.len() < trials && repeats < REPEATS {
            let trial = self.0.iter();
            let trial: Trial = trial.map(|(n, d)| (n.clone(), d.draw(&mut rng))).collect();
            match drawn.contains(&trial) {
                true => repeats += 1,
                false => {
                    drawn.push(trial);
                    repeats = 0;
                }
            }
        }
        drawn
    }
}

impl Dimension {
    fn read(name: &str, given: &Value) -> Result<Self> {
        let wrong = |reason: String| Error::setting(format!("search.space.{name}"), reason);
        let (sort, bounds) = match given {
            Value::Array(values) => return Ok(Self::Choice(values.clone())),
            Value::Object(map) => match map.iter().next() {
                Some((sort, Value::Array(bounds))) if map.len() == 1 => (sort, bounds),
                _ => {
                    let reason = "expected values to choose from, as in { 0.1, 0.2 }, a range, as from \
                                  `lapidary.uniform(low, high)`, or one value";
                    return Err(wrong(reason.to_owned()));
                }
            },
            fixed => return Ok(Self::Fixed(fixed.clone())),
        };
        let known = ["uniform", "log_uniform", "integer"];
        if !known.contains(&sort.as_str()) {
            return Err(Error::unknown("range", sort, known));
        }
        let numbers: Vec<f64> = bounds.iter().filter_map(Value::as_f64).collect();
        let &[low, high] = numbers.as_slice() else {
            return Err(wrong(format!("`{sort}` takes two numbers, low and high")));
        };
        if low >= high {
            return Err(wrong(format!("`{sort}`: {low} is not below {high}")));
        }
        match sort.as_str() {
            "uniform" => Ok(Self::Uniform(low, high)),
            "log_uniform" if low > 0.0 => Ok(Self::LogUniform(low, high)),
            "log_uniform" => Err(wrong(format!("`{sort}` must begin above 0, not at {low}"))),
            _ => match (bounds[0].as_i64(), bounds[1].as_i64()) {
                (Some(low), Some(high)) => Ok(Self::Integer(low, high)),
                _ => Err(wrong(format!("`{sort}` takes whole numbers"))),
            },
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Choice(values) => {
                let at = rng.random_range(0..values.len().max(1));
                values.get(at).cloned().unwrap_or_default()
            }
            Self::Uniform(low, high) => json!(short(rng.random_range(*low..*high), *low, *high)),
            Self::LogUniform(low, high) => {
                let drawn = rng.random_range(low.ln()..high.ln()).exp();
                json!(short(drawn, *low, *high))
            }
            Self::Integer(low, high) => json!(rng.random_range(*low..=*high)),
        }
    }
}

/// The number with few digits, within its range.
fn short(number: f64, low: f64, high: f64) -> f64 {
    let text = format!("{number:.digits$e}", digits = DIGITS - 1);
    text.parse().unwrap_or(number).clamp(low, high)
}

#[cfg(test)]
#[path = "search_test.rs"]
mod tests;
