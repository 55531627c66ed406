//! The runs of a sweep in one table.

use serde_json::{Map, Value, json};

use super::children::Ended;
use super::plan::Trial;
use crate::error::Result;
use crate::rank::mean_and_deviation;
use crate::run::{Figure, Table, in_one_line};

/// A run of a sweep, and what became of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was run.
    pub trial: Trial,
    /// The name of its folder, where it came to make one.
    pub run: Option<String>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// `done`, `failed`, …; `waiting` before it began.
    pub outcome: &'static str,
    /// Why it failed, all of it.
    pub failed: Option<String>,
}

impl Row {
    /// A run that did not end yet.
    pub fn waiting(trial: Trial) -> Self {
        Self {
            trial,
            run: None,
            seconds: None,
            figures: Vec::new(),
            outcome: "waiting",
            failed: None,
        }
    }

    /// Notes how it ended.
    ///
    /// # Errors
    /// When its figures cannot be read.
    pub fn end(&mut self, ended: Ended) -> Result<()> {
        self.outcome = "failed";
        if let Some(run) = &ended.run {
            self.run = Some(run.name());
            self.seconds = run.seconds();
            self.figures = run.figures()?;
            self.outcome = run.state().name();
        }
        self.failed = ended.failed;
        Ok(())
    }

    /// In JSON.
    pub fn json(&self) -> Value {
        let value = |figure: &Figure| (figure.name(), json!(figure.value));
        let metrics: Map<String, Value> = self.figures.iter().map(value).collect();
        json!({
            "settings": self.trial.settings, "seed": self.trial.seed, "run": self.run, "outcome": self.outcome,
            "failed": self.failed, "seconds": self.seconds, "metrics": metrics,
        })
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name() == name);
        figure.map(|figure| figure.value)
    }
}

/// All runs of a sweep.
#[derive(Clone, Debug)]
pub struct Rows {
    /// In the order of the plan.
    pub rows: Vec<Row>,
    /// Figures to show: metrics or whole names; all where none is named.
    pub metrics: Vec<String>,
}

impl Rows {
    /// Names of the figures that runs have.
    pub fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            if !known.contains(&figure.name()) {
                known.push(figure.name());
            }
        }
        known
    }

    /// Those of the figures to show that no run has.
    pub fn missing(&self) -> Vec<&str> {
        let known = self.rows.iter().flat_map(|row| &row.figures);
        let known: Vec<&Figure> = known.collect();
        let has = |wanted: &str| known.iter().any(|figure| is(figure, wanted));
        let wanted = self.metrics.iter().map(String::as_str);
        wanted.filter(|wanted| !has(wanted)).collect()
    }

    /// A row a run, in the order of the plan; those that failed say why in one line.
    ///
    /// # Errors
    /// None in practice.
    pub fn table(&self) -> Result<Table> {
        self.table_with(|row| match &row.failed {
            Some(reason) => format!("{}: {}", row.outcome, in_one_line(reason)),
            None => row.outcome.to_owned(),
        })
    }

    /// The same without why runs failed.
    ///
    /// # Errors
    /// None in practice.
    pub fn outcomes(&self) -> Result<Table> {
        self.table_with(|row| row.outcome.to_owned())
    }

    fn table_with(&self, outcome: impl Fn(&Row) -> String) -> Result<Table> {
        let (settings, figures) = (self.settings(), self.figures());
        let seeded = self.rows.iter().any(|row| row.trial.seed.is_some());
        let mut head = settings.clone();
        head.extend(seeded.then(|| "seed".to_owned()));
        head.extend(titles(&figures));
        head.extend(["run".to_owned(), "outcome".to_owned()]);
        let mut table = Table::new(head);
        for row in &self.rows {
            let mut cells: Vec<String> = settings.iter().map(|name| setting(row, name)).collect();
            if seeded {
                cells.push(
                    row.trial
                        .seed
                        .map_or(String::new(), |seed| seed.to_string()),
                );
            }
            let value = |name: &String| row.figure(name).map_or(String::new(), number);
            cells.extend(figures.iter().map(value));
            cells.push(row.run.clone().unwrap_or_default());
            cells.push(outcome(row));
            table.row(cells)?;
        }
        Ok(table)
    }

    /// A row a combination of settings, with mean and standard deviation over its seeds; none where there are no seeds.
    ///
    /// # Errors
    /// None in practice.
    pub fn means(&self) -> Result<Option<Table>> {
        let mut groups: Vec<(&Map<String, Value>, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            match groups.iter_mut().find(|(of, _)| **of == row.trial.settings) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((&row.trial.settings, vec![row])),
            }
        }
        if groups.iter().all(|(_, rows)| rows.len() < 2) {
            return Ok(None);
        }
        let (settings, figures) = (self.settings(), self.figures());
        let mut head = settings.clone();
        head.extend(titles(&figures));
        head.push("runs".to_owned());
        let mut table = Table::new(head);
        for (_, rows) in groups {
            let done: Vec<&Row> = rows
                .iter()
                .filter(|r| r.failed.is_none())
                .copied()
                .collect();
            let mut cells: Vec<String> =
                settings.iter().map(|name| setting(rows[0], name)).collect();
            let mean = |name: &String| {
                let values: Vec<f64> = done.iter().filter_map(|row| row.figure(name)).collect();
                average(&values)
            };
            cells.extend(figures.iter().map(mean));
            cells.push(format!("{} of {}", done.len(), rows.len()));
            table.row(cells)?;
        }
        Ok(Some(table))
    }

    /// Names of the settings that any run has, in the order of the plan.
    fn settings(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.rows.iter().flat_map(|row| row.trial.settings.keys()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Names of the figures to show.
    fn figures(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            let wanted = self.metrics.is_empty() || self.metrics.iter().any(|w| is(figure, w));
            if wanted && !names.contains(&figure.name()) {
                names.push(figure.name());
            }
        }
        names
    }
}

fn is(figure: &Figure, wanted: &str) -> bool {
    figure.metric == wanted || figure.name() == wanted
}

/// Figures as heads of columns: metrics alone where all are of the same thing.
fn titles(figures: &[String]) -> Vec<String> {
    let of = |name: &String| name.rsplit_once(' ').map(|(of, _)| of.to_owned());
    let first = figures.first().and_then(of);
    match figures.iter().all(|name| of(name) == first) {
        true => figures
            .iter()
            .filter_map(|name| name.rsplit(' ').next())
            .map(str::to_owned)
            .collect(),
        false => figures.to_vec(),
    }
}

fn setting(row: &Row, name: &str) -> String {
    match row.trial.settings.get(name) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn average(values: &[f64]) -> String {
    if values.is_empty() {
        return String::new();
    }
    match mean_and_deviation(values) {
        (mean, Some(deviation)) => format!("{} ± {}", number(mean), number(deviation)),
        (mean, None) => number(mean),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sweep::trials;

    fn rows() -> Rows {
        let all = trials(&json!({"dim": [8, 16]}), &[1, 2]).unwrap();
        let mut rows: Vec<Row> = all.into_iter().map(Row::waiting).collect();
        for (row, value) in rows.iter_mut().zip([0.1, 0.2, 0.5]) {
            let figure = |of: &str, metric: &str, value| Figure {
                of: of.to_owned(),
                metric: metric.to_owned(),
                value,
            };
            row.figures = vec![
                figure("test sasrec", "ndcg@10", value),
                figure("mine", "share", 1.0),
            ];
            row.outcome = "done";
        }
        rows[3].outcome = "failed";
        rows[3].failed = Some("2 mistakes:\nno luck\nno seed".to_owned());
        let metrics = vec!["ndcg@10".to_owned()];
        Rows { rows, metrics }
    }

    #[test]
    fn each_run_is_a_row_and_seeds_are_averaged() {
        let rows = rows();
        assert_eq!(
            rows.table().unwrap().csv().unwrap(),
            "dim,seed,ndcg@10,run,outcome\n8,1,0.1000,,done\n8,2,0.2000,,done\n16,1,0.5000,,done\n\
             16,2,,,failed: 2 mistakes: no luck (and 1 more)\n"
        );
        let outcomes = rows.outcomes().unwrap().csv().unwrap();
        assert!(outcomes.ends_with("16,2,,,failed\n"), "{outcomes}");
        assert_eq!(
            rows.rows[3].json()["failed"],
            "2 mistakes:\nno luck\nno seed"
        );
        // The deviation of 0.1 and 0.2 is √0.005.
        assert_eq!(
            rows.means().unwrap().unwrap().csv().unwrap(),
            "dim,ndcg@10,runs\n8,0.1500 ± 0.0707,2 of 2\n16,0.5000,1 of 2\n"
        );
    }

    #[test]
    fn figures_are_chosen_by_metric_or_whole_name() {
        let mut rows = rows();
        assert_eq!(rows.known(), ["test sasrec ndcg@10", "mine share"]);
        rows.metrics = vec!["mine share".to_owned(), "ndgc@10".to_owned()];
        assert_eq!(rows.missing(), ["ndgc@10"]);
        assert!(
            rows.table()
                .unwrap()
                .csv()
                .unwrap()
                .starts_with("dim,seed,share,run")
        );
        rows.metrics.clear();
        let all = rows.table().unwrap().csv().unwrap();
        assert!(
            all.starts_with("dim,seed,test sasrec ndcg@10,mine share,run"),
            "{all}"
        );
    }
}
