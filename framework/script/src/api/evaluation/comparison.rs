//! The comparison of several ways, each with several seeds, against the first of them.

use std::rc::Rc;

use lapidary_core::Error;
use lapidary_core::pipeline::same_split;
use lapidary_core::progress;
use lapidary_core::rank::{Bootstrap, Difference, Figure, Metric, mean_and_deviation};
use lapidary_core::run::Table as RunTable;
use lapidary_core::settings::{OutOfRange, out_of_range};
use mlua::{Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{EvaluationHandle, default_metrics};
use crate::convert::{raise, read_checked};
use crate::object::{Object, name_it, refuse_others};
use crate::session::Session;

/// How to compare.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api) struct CompareSettings {
    metrics: Vec<Metric>,
    /// Name of the table in the run's folder.
    name: String,
    /// Draws of the paired bootstrap.
    bootstrap: usize,
}

impl Default for CompareSettings {
    fn default() -> Self {
        Self {
            metrics: default_metrics(),
            name: "comparison".to_owned(),
            bootstrap: 2000,
        }
    }
}

impl CompareSettings {
    fn problems(&self) -> Vec<OutOfRange> {
        let one = "a list of at least one, such as `ndcg@10`";
        out_of_range([
            ("metrics", !self.metrics.is_empty(), one),
            ("bootstrap", self.bootstrap > 0, "at least 1"),
        ])
    }
}

/// One way and its evaluations, one a seed.
struct Way {
    name: String,
    runs: Vec<EvaluationHandle>,
}

/// Mean and spread over seeds, and the difference to the first way.
struct Cell {
    mean: f64,
    spread: Option<f64>,
    against: Option<(f64, Difference)>,
}

struct Row {
    label: String,
    metric: Option<Metric>,
    kept: bool,
    cells: Vec<Cell>,
}

/// A finished comparison.
pub(in crate::api) struct ComparisonHandle {
    names: Vec<String>,
    rows: Vec<Row>,
}

/// Reads `{ {"base", { … }}, {"refined", { … }}, metrics = { … } }` and compares.
pub(super) fn compare(
    lua: &Lua,
    session: &Rc<Session>,
    given: &Table,
) -> mlua::Result<ComparisonHandle> {
    let ways = ways(given)?;
    let rest = lua.create_table()?;
    given.for_each(|key: Value, value: Value| match key {
        Value::String(_) => rest.raw_set(key, value),
        _ => Ok(()),
    })?;
    let wanted = read_checked(Some(&rest), "compare", CompareSettings::problems)?;
    let folder = &session.context.folder;
    let figures_file = format!("tables/{}.json", wanted.name);
    folder.file(&figures_file).map_err(raise)?;
    same_cases(&ways).map_err(raise)?;
    let table = build(&ways, &wanted).map_err(raise)?;
    if !session.context.dry_run {
        let written = table.as_run_table().map_err(raise)?;
        folder.write_table(&wanted.name, &written).map_err(raise)?;
        let figures = serde_json::to_string_pretty(&table.figures());
        let figures = figures.map_err(|e| raise(Error::setting("compare", e.to_string())))?;
        folder.write_text(&figures_file, &figures).map_err(raise)?;
        let noted = folder.record_in("comparisons", &wanted.name, note(&ways, &wanted));
        noted.map_err(raise)?;
    }
    Ok(table)
}

/// Which evaluations are behind each way.
fn note(ways: &[Way], wanted: &CompareSettings) -> serde_json::Value {
    let of = |way: &Way| -> Vec<String> {
        let runs = way.runs.iter();
        runs.map(|run| run.evaluation.fingerprint.to_string())
            .collect()
    };
    let ways: Vec<_> = (ways.iter())
        .map(|way| json!({"name": way.name, "evaluations": of(way)}))
        .collect();
    json!({"ways": ways, "bootstrap": wanted.bootstrap})
}

fn ways(given: &Table) -> mlua::Result<Vec<Way>> {
    let mut ways: Vec<Way> = Vec::new();
    for entry in given.sequence_values::<Value>() {
        let place = format!("compare, entry {}", ways.len() + 1);
        let refuse = |reason: &str| raise(Error::setting(&place, reason));
        let expected =
            "expected a name and a list of evaluations, as in {\"base\", { eval1, eval2 }}";
        let Value::Table(way) = entry? else {
            return Err(refuse(expected));
        };
        let (Ok(name), Ok(Value::Table(runs))) = (way.raw_get::<String>(1), way.raw_get(2)) else {
            return Err(refuse(expected));
        };
        if ways.iter().any(|way| way.name == name) {
            return Err(refuse(&format!("the name `{name}` stands twice")));
        }
        let runs: Vec<EvaluationHandle> = runs.sequence_values().collect::<mlua::Result<_>>()?;
        if runs.is_empty() {
            return Err(refuse("has no evaluations"));
        }
        ways.push(Way { name, runs });
    }
    match ways.is_empty() {
        false => Ok(ways),
        true => {
            let reason =
                "nothing to compare; expected entries such as {\"base\", { eval1, eval2 }}";
            Err(raise(Error::setting("compare", reason)))
        }
    }
}

/// Values are compared case by case, so all evaluations must be of the same cases.
fn same_cases(ways: &[Way]) -> lapidary_core::Result<()> {
    let first = &ways[0].runs[0].evaluation;
    for way in ways {
        for run in &way.runs {
            let what = [ways[0].name.as_str(), way.name.as_str()];
            same_split("compare", what, [&first.split, &run.evaluation.split])?;
            if run.evaluation.among != first.among {
                let reason = format!(
                    "`{}` and `{}` ranked different items; compare like with like",
                    what[0], what[1]
                );
                return Err(Error::setting("compare", reason));
            }
            if run.evaluation.cases != first.cases {
                let reason = format!(
                    "`{}` was evaluated on `{}` cases, `{}` on `{}` cases; compare like with like",
                    what[0],
                    first.cases.name(),
                    what[1],
                    run.evaluation.cases.name()
                );
                return Err(Error::setting("compare", reason));
            }
        }
    }
    Ok(())
}

fn build(ways: &[Way], wanted: &CompareSettings) -> lapidary_core::Result<ComparisonHandle> {
    let mut rows = Vec::new();
    let mut runs = ways.iter().flat_map(|w| &w.runs);
    let planned = runs.any(|r| r.evaluation.ranking.is_none());
    if !planned {
        let stage = progress::begin("comparison", 2 * wanted.metrics.len() as u64);
        for kept in [false, true] {
            for &metric in &wanted.metrics {
                let label = if kept {
                    format!("{metric}, seen kept")
                } else {
                    metric.to_string()
                };
                stage.update(rows.len() as u64, &label);
                let cells = metric_cells(ways, metric, kept, wanted.bootstrap)?;
                rows.push(Row {
                    label,
                    metric: Some(metric),
                    kept,
                    cells,
                });
            }
        }
        rows.push(Row {
            label: "tied test items".to_owned(),
            metric: None,
            kept: true,
            cells: tied_cells(ways),
        });
    }
    Ok(ComparisonHandle {
        names: ways.iter().map(|w| w.name.clone()).collect(),
        rows,
    })
}

fn metric_cells(
    ways: &[Way],
    metric: Metric,
    kept: bool,
    samples: usize,
) -> lapidary_core::Result<Vec<Cell>> {
    let reference = mean_values(&ways[0], metric, kept);
    ways.iter()
        .enumerate()
        .map(|(i, way)| {
            let (mean, spread) = mean_and_deviation(
                &way.runs
                    .iter()
                    .map(|r| r.value(metric, kept))
                    .collect::<Vec<_>>(),
            );
            let against = match i {
                0 => None,
                _ => {
                    let bootstrap = Bootstrap {
                        samples,
                        ..Bootstrap::default()
                    };
                    let difference =
                        bootstrap.compare(&reference, &mean_values(way, metric, kept))?;
                    let base: f64 = reference.iter().map(|&v| f64::from(v)).sum::<f64>()
                        / reference.len() as f64;
                    Some((difference.mean / base, difference))
                }
            };
            Ok(Cell {
                mean,
                spread,
                against,
            })
        })
        .collect()
}

fn tied_cells(ways: &[Way]) -> Vec<Cell> {
    let share = |run: &EvaluationHandle| run.tied().unwrap_or(f64::NAN);
    let cells = ways.iter().map(|way| {
        let (mean, spread) = mean_and_deviation(&way.runs.iter().map(share).collect::<Vec<_>>());
        Cell {
            mean,
            spread,
            against: None,
        }
    });
    cells.collect()
}

/// Each case's value, averaged over the way's seeds.
fn mean_values(way: &Way, metric: Metric, kept: bool) -> Vec<f32> {
    let mut sums: Vec<f32> = Vec::new();
    for run in way
        .runs
        .iter()
        .filter_map(|r| r.evaluation.ranking.as_ref())
    {
        let places = if kept { &run.all } else { &run.unseen };
        let values = places.values(metric, run.n_items);
        if sums.is_empty() {
            sums = vec![0.0; values.len()];
        }
        sums.iter_mut()
            .zip(&values)
            .for_each(|(sum, v)| *sum += v / way.runs.len() as f32);
    }
    sums
}

impl ComparisonHandle {
    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for row in &self.rows {
            let Some(metric) = row.metric else { continue };
            for (way, cell) in self.names.iter().zip(&row.cells) {
                let figure = Figure::of(way, metric, row.kept, cell.mean, cell.spread);
                let (gain, difference) = cell.against.as_ref().map(|(g, d)| (*g, *d)).unzip();
                figures.push(Figure {
                    gain,
                    ..figure.against(1.0, difference)
                });
            }
        }
        figures
    }

    fn as_run_table(&self) -> lapidary_core::Result<RunTable> {
        let mut head = vec!["metric".to_owned(), self.names[0].clone()];
        for name in &self.names[1..] {
            head.extend([
                name.clone(),
                "gain".to_owned(),
                "95 % interval of the difference".to_owned(),
                "p".to_owned(),
            ]);
        }
        let mut table = RunTable::new(head);
        for row in &self.rows {
            let mut cells = vec![row.label.clone()];
            for (i, cell) in row.cells.iter().enumerate() {
                cells.push(cell.text(row.metric.is_none()));
                match &cell.against {
                    Some((gain, d)) => cells.extend([
                        format!("{:+.1} %", 100.0 * gain),
                        format!("{:+.4} to {:+.4}", d.low, d.high),
                        format!("{:.3}", d.p),
                    ]),
                    None if i > 0 => cells.extend(["", "", ""].map(String::from)),
                    None => {}
                }
            }
            table.row(cells)?;
        }
        Ok(table)
    }

    fn cell(&self, way: &str, metric: &str) -> mlua::Result<Option<&Cell>> {
        let column = self.names.iter().position(|n| n == way);
        let column = column.ok_or_else(|| raise(Error::unknown("way", way, &self.names)))?;
        if self.rows.is_empty() {
            return Ok(None);
        }
        let row = self.rows.iter().find(|r| r.label == metric);
        let known = || self.rows.iter().map(|r| &r.label);
        let row = row.ok_or_else(|| raise(Error::unknown("metric", metric, known())))?;
        Ok(Some(&row.cells[column]))
    }
}

impl Cell {
    fn text(&self, share: bool) -> String {
        let number = |v: f64| {
            if share {
                format!("{:.2} %", 100.0 * v)
            } else {
                format!("{v:.4}")
            }
        };
        match self.spread {
            Some(spread) => format!("{} ± {}", number(self.mean), number(spread)),
            None => number(self.mean),
        }
    }
}

impl Object for ComparisonHandle {
    const NAME: &'static str = "a comparison";
    const RECEIVER: &'static str = "comparison";
    const FROM: &'static str = "lapidary.compare { … }";
    const MEMBERS: &'static [&'static str] = &["names", "mean", "gain"];
}

impl UserData for ComparisonHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("names", |_, c| Ok(c.names.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("mean", |_, c, (way, metric): (String, String)| {
            Ok(c.cell(&way, &metric)?.map(|cell| cell.mean))
        });
        methods.add_method("gain", |_, c, (way, metric): (String, String)| {
            Ok(c.cell(&way, &metric)?
                .and_then(|cell| cell.against.as_ref().map(|a| a.0)))
        });
        methods.add_meta_method(MetaMethod::ToString, |_, c, ()| match c.rows.is_empty() {
            true => Ok("dry run: nothing was compared".to_owned()),
            false => Ok(c.as_run_table().map_err(raise)?.markdown()),
        });
    }
}
