//! What a sweep runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::settings::{OutOfRange, out_of_range};

/// More runs than anybody wants to wait for: a slip.
const MOST: usize = 10_000;

/// How to sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweepSettings {
    /// The script, a file.
    pub script: String,
    /// Values of the script's settings, for `--set`: all combinations of those of a table, or of each table in a list.
    pub settings: Value,
    /// Seeds of each combination of settings, for `--seed`; none leaves the script its own.
    pub seeds: Vec<u64>,
    /// How many runs go on at the same time, at most.
    pub at_once: usize,
    /// Figures to show: metrics, or whole names such as `test sasrec ndcg@10`; all where none is named.
    pub metrics: Vec<String>,
    /// Name of the table in the run's folder.
    pub name: String,
}

impl Default for SweepSettings {
    fn default() -> Self {
        Self {
            script: String::new(),
            settings: Value::Null,
            seeds: Vec::new(),
            at_once: 2,
            metrics: Vec::new(),
            name: "sweep".to_owned(),
        }
    }
}

impl SweepSettings {
    /// What cannot be used.
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range([
            (
                "script",
                !self.script.is_empty(),
                "the file of the script to run, such as \"scripts/reducers.lua\"",
            ),
            ("at_once", self.at_once > 0, "at least 1"),
        ])
    }
}

/// A run of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The script's settings, for `--set`.
    pub settings: Map<String, Value>,
    /// For `--seed`.
    pub seed: Option<u64>,
}

/// The runs of a sweep: all combinations of the values of each setting, or of each table in a list of such tables, each with
/// every seed. The same run stands once.
///
/// # Errors
/// [`Error::Setting`] for a value that `--set` cannot give, and for none or too many runs.
pub fn trials(settings: &Value, seeds: &[u64]) -> Result<Vec<Trial>> {
    let tables = match settings {
        Value::Array(tables) => tables.clone(),
        Value::Null => vec![Value::Object(Map::new())],
        one => vec![one.clone()],
    };
    let mut all: Vec<Map<String, Value>> = Vec::new();
    for table in &tables {
        for combination in combinations(table)? {
            if !all.contains(&combination) {
                all.push(combination);
            }
        }
    }
    let mut of_all: Vec<Option<u64>> = Vec::new();
    for seed in seeds {
        if !of_all.contains(&Some(*seed)) {
            of_all.push(Some(*seed));
        }
    }
    if of_all.is_empty() {
        of_all.push(None);
    }
    let with = |settings: Map<String, Value>| {
        let seeds = of_all.iter();
        let trial = move |&seed: &Option<u64>| Trial {
            settings: settings.clone(),
            seed,
        };
        seeds.map(trial).collect::<Vec<_>>()
    };
    let trials: Vec<Trial> = all.into_iter().flat_map(with).collect();
    match trials.len() {
        1..=MOST => Ok(trials),
        n => {
            let reason = format!("{n} runs; expected 1 to {MOST}");
            Err(Error::setting("sweep", reason))
        }
    }
}

/// All combinations of a table's values; a later name changes faster.
fn combinations(table: &Value) -> Result<Vec<Map<String, Value>>> {
    let Some(table) = table.as_object() else {
        let reason = "must name settings of the script with their values, such as `dim = { 32, 64 }`, or list such tables";
        return Err(Error::setting("sweep.settings", reason));
    };
    let mut all = vec![Map::new()];
    for (name, values) in table {
        let values = match values {
            Value::Array(values) => values.clone(),
            // An empty table of Lua.
            Value::Object(none) if none.is_empty() => Vec::new(),
            one => vec![one.clone()],
        };
        let place = || format!("sweep.settings.{name}");
        if values.is_empty() {
            return Err(Error::setting(place(), "no values; give at least one"));
        }
        if values
            .iter()
            .any(|v| !(v.is_string() || v.is_number() || v.is_boolean()))
        {
            let reason = "only text, numbers and truth values can be set, one or a list of them";
            return Err(Error::setting(place(), reason));
        }
        if all.len().saturating_mul(values.len()) > MOST {
            let reason = format!("more than {MOST} combinations");
            return Err(Error::setting(place(), reason));
        }
        let grown = all.iter().flat_map(|settings| {
            values.iter().map(|value| {
                let mut settings: Map<String, Value> = settings.clone();
                settings.insert(name.clone(), value.clone());
                settings
            })
        });
        all = grown.collect();
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(settings: &Value, seeds: &[u64]) -> Vec<Value> {
        let trials = trials(settings, seeds).unwrap();
        trials
            .iter()
            .map(|trial| serde_json::to_value(trial).unwrap())
            .collect()
    }

    #[test]
    fn every_combination_runs_with_every_seed() {
        let settings = json!({"backbone": ["a", "b"], "dim": [32, 64], "epochs": 3});
        let all = told(&settings, &[0, 1]);
        assert_eq!(all.len(), 8);
        let first = json!({"settings": {"backbone": "a", "dim": 32, "epochs": 3}, "seed": 0});
        assert_eq!(all[0], first);
        assert_eq!(all[1]["seed"], 1);
        assert_eq!(all[2]["settings"]["dim"], 64);
        assert_eq!(
            told(&json!({"dim": [32, 32]}), &[]),
            [json!({"settings": {"dim": 32}, "seed": null})]
        );
        assert_eq!(
            told(&Value::Null, &[4]),
            [json!({"settings": {}, "seed": 4})]
        );
    }

    #[test]
    fn tables_in_a_list_stand_beside_each_other() {
        let settings = json!([{"dim": [32, 64]}, {"dim": 64}, {"dim": 64, "layers": 3}]);
        let all = told(&settings, &[]);
        let expected = [
            json!({"dim": 32}),
            json!({"dim": 64}),
            json!({"dim": 64, "layers": 3}),
        ];
        assert_eq!(
            all.iter()
                .map(|t| t["settings"].clone())
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        for (settings, expected) in [
            (json!({"dim": [[1]]}), "sweep.settings.dim: only text"),
            (json!({"dim": {"a": 1}}), "sweep.settings.dim: only text"),
            (json!({"dim": []}), "sweep.settings.dim: no values"),
            (json!({"dim": {}}), "sweep.settings.dim: no values"),
            (json!([3]), "must name settings"),
            (
                json!({"a": vec![1; 200], "b": vec![1; 200]}),
                "more than 10000",
            ),
        ] {
            let error = trials(&settings, &[]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
