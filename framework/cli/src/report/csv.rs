//! A report as comma-separated values: a number a line.

use std::fmt::Display;

use lapidary_core::report::{
    AttributeFigures, Comparison, Curve, DataFigures, EvaluationFigures, Map, Ran, Report,
};
use lapidary_core::run::Table;
use serde_json::{Value, json};

use super::Told;
use super::cases::CaseStudy;
use crate::failure::Failure;
use crate::words;

/// The columns.
const HEAD: [&str; 7] = ["run", "part", "of", "name", "at", "figure", "value"];

/// All numbers of all runs.
///
/// # Errors
/// When a cell cannot be encoded.
pub fn render(told: &[Told]) -> Result<String, Failure> {
    let mut table = Table::new(HEAD);
    for one in told {
        let mut lines = Lines::default();
        lines.report(&one.report);
        one.cases.iter().for_each(|case| lines.case(case));
        for line in lines.0 {
            let run = [one.report.run.name.clone()];
            table.row(run.into_iter().chain(line))?;
        }
    }
    Ok(table.csv()?)
}

/// Lines without the run's name.
#[derive(Default)]
struct Lines(Vec<[String; 6]>);

impl Lines {
    /// Adds `part, of, name, at, figure` and the value.
    fn add(&mut self, keys: [&str; 5], value: impl Display) {
        let [part, of, name, at, figure] = keys.map(str::to_owned);
        self.0.push([part, of, name, at, figure, value.to_string()]);
    }

    fn some(&mut self, keys: [&str; 5], value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(keys, value);
        }
    }

    /// One line a value of an object.
    fn object(&mut self, part: &str, of: &str, values: &Value) {
        for (key, found) in values.as_object().into_iter().flatten() {
            if !found.is_null() {
                self.add([part, of, key, "", "value"], words::value(found));
            }
        }
    }

    fn report(&mut self, report: &Report) {
        self.ran(&report.run);
        report.data.iter().for_each(|data| self.data(data));
        report.curves.iter().for_each(|curve| self.curve(curve));
        report.evaluations.iter().for_each(|e| self.evaluation(e));
        report.comparisons.iter().for_each(|c| self.comparison(c));
        report.attributes.iter().for_each(|a| self.attributes(a));
        report.map.iter().for_each(|map| self.map(map));
    }

    fn ran(&mut self, run: &Ran) {
        let told = json!({
            "script": run.script, "script_sha256": run.script_sha256, "outcome": run.outcome, "started": run.started,
            "ended": run.ended, "seconds": run.seconds, "seed": run.seed, "device": run.device, "threads": run.threads,
        });
        self.object("run", "", &told);
        self.object("setting", "", &Value::Object(run.settings.clone()));
        self.object("seed", "", &Value::Object(run.seeds.clone()));
        self.object("version", "", &Value::Object(run.versions.clone()));
        for part in &run.components {
            self.object(
                "component",
                &format!("{} {}", part.kind, part.name),
                &part.settings,
            );
        }
    }

    fn data(&mut self, data: &DataFigures) {
        self.object("data", &data.name, &json!(data.summary));
        for cut in &data.splits {
            let of = format!("{} {}", data.name, cut.name);
            self.object("split", &of, &json!(cut.report));
        }
    }

    fn curve(&mut self, curve: &Curve) {
        for line in &curve.lines {
            for (at, value) in &line.points {
                let at = at.to_string();
                self.add(
                    ["curve", &curve.label.text, &line.name, &at, "value"],
                    value,
                );
            }
        }
    }

    fn evaluation(&mut self, found: &EvaluationFigures) {
        for figure in &found.metrics {
            let at = format!("{}, seen {}", found.cases, figure.seen);
            let keys = |what| ["metric", &found.label.text, &figure.metric, &at, what];
            self.add(keys("mean"), figure.mean);
            self.some(keys("low"), figure.low);
            self.some(keys("high"), figure.high);
        }
        let keys = |name| ["ranking", &found.label.text, name, &found.cases, "value"];
        self.some(keys("cases"), found.n_cases);
        self.some(keys("tied"), found.tied);
        self.some(keys("coverage"), found.lists.map(|l| l.coverage));
        self.some(
            keys("popularity_bias"),
            found.lists.map(|l| l.popularity_bias),
        );
    }

    fn comparison(&mut self, comparison: &Comparison) {
        let name = comparison.name.as_deref().unwrap_or("rankings");
        for figure in &comparison.figures {
            let at = format!("{name}, seen {}", figure.seen);
            let keys = |what| ["comparison", &figure.way, &figure.metric, &at, what];
            self.add(keys("mean"), figure.mean);
            self.some(keys("sd"), figure.sd);
            self.some(keys("gain"), figure.gain);
            self.some(keys("low"), figure.low);
            self.some(keys("high"), figure.high);
            self.some(keys("p"), figure.p);
        }
    }

    fn attributes(&mut self, found: &AttributeFigures) {
        for of in &found.attributes {
            let keys = |what| ["attribute", &of.name, "score", "", what];
            self.add(keys("mean"), of.mean);
            self.add(keys("sd"), of.sd);
            let names = ["min", "q1", "median", "q3", "max"];
            for (name, value) in names.into_iter().zip(of.quartiles) {
                self.add(keys(name), value);
            }
            for (bin, count) in of.counts.iter().enumerate() {
                let bin = (bin + 1).to_string();
                self.add(
                    ["attribute", &of.name, "score", &bin, "items_in_bin"],
                    count,
                );
            }
        }
    }

    fn map(&mut self, map: &Map) {
        for (axis, share) in ["x", "y"].into_iter().zip(map.variance) {
            self.add(["map", "", axis, "", "variance"], share);
        }
        for point in &map.points {
            let keys = |name| ["map", &point.item, name, &point.title, "value"];
            self.add(keys("x"), point.x);
            self.add(keys("y"), point.y);
            self.add(keys("interactions"), point.interactions);
            for (name, percent) in map.attributes.iter().zip(&point.percent) {
                self.add(["map", &point.item, name, &point.title, "percent"], percent);
            }
        }
    }

    fn case(&mut self, case: &CaseStudy) {
        if let Some(next) = &case.next {
            self.add(
                ["user", &case.user, &next.item.item, "next", "place"],
                next.place,
            );
        }
        for best in &case.recommendations {
            let keys = |at, what| ["user", &case.user, &best.item, at, what];
            self.add(keys("", "place"), best.place);
            self.add(keys("", "place_without"), best.place_without);
            self.add(keys("", "score"), best.score);
            self.add(keys("", "rest"), best.rest);
            for part in &best.parts {
                self.add(keys(&part.attribute, "part"), part.value);
            }
        }
    }
}
