//! A report as Markdown: the tables behind the page's pictures.

use lapidary_core::Result;
use lapidary_core::rank::Figure;
use lapidary_core::report::{Curve, Distribution, EvaluationFigures, Map, Report};
use lapidary_core::run::Table;

use super::cases::CaseStudy;
use super::{Told, page};
use crate::failure::Failure;
use crate::words;

/// Items of the map that stand in the table.
const ITEMS: usize = 20;

/// All runs, one after the other.
///
/// # Errors
/// When a table's rows do not fit its head, which is a fault of the program.
pub fn render(told: &[Told]) -> std::result::Result<String, Failure> {
    let mut text = String::new();
    for one in told {
        text += &run(one)?;
    }
    Ok(text)
}

fn run(told: &Told) -> Result<String> {
    let report = &told.report;
    let mut text = format!("# {}\n\n", line(&report.run.name));
    text += &section("What ran", &ran(report)?);
    text += &section("Settings", &pairs("setting", settings(report))?);
    for data in &report.data {
        let figures = page::data_figures(data);
        let rows = figures.into_iter().map(|(k, v)| (k.to_owned(), v));
        text += &section(
            &format!("Data: {}", line(&data.name)),
            &pairs("figure", rows)?,
        );
    }
    text += &section("Training", &curves(&report.curves)?);
    text += &section("Metrics", &metrics(&report.evaluations)?);
    for comparison in &report.comparisons {
        let name = comparison.name.as_deref().unwrap_or("rankings");
        let title = format!("Comparison: {}", line(name));
        text += &section(&title, &compared(&comparison.figures)?);
    }
    if let Some(found) = &report.attributes {
        text += &section("Attributes", &attributes(&found.attributes)?);
    }
    if let Some(found) = &report.map {
        text += &section("Map of the items", &map(found)?);
    }
    for case in &told.cases {
        text += &section(&format!("User {}", line(&case.user)), &study(case)?);
    }
    let missing = report.missing.iter().map(|m| format!("- {}\n", line(m)));
    text += &section("Not shown", &missing.collect::<String>());
    Ok(text)
}

/// A heading and what stands below; nothing where nothing does.
fn section(title: &str, body: &str) -> String {
    match body.is_empty() {
        true => String::new(),
        false => format!("## {title}\n\n{body}\n"),
    }
}

/// Text that stays one line and makes no mark of its own.
fn line(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if "\\`*[<".contains(letter) {
            out.push('\\');
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}

/// The table, or nothing without rows. Names of users and items could hold marks.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> Result<String> {
    if rows.is_empty() {
        return Ok(String::new());
    }
    let cell = |text: String| match text.parse::<f64>() {
        Ok(_) => text,
        Err(_) => line(&text),
    };
    let mut table = Table::new(head.iter().copied());
    for row in rows {
        table.row(row.into_iter().map(cell))?;
    }
    Ok(table.markdown())
}

fn pairs(name: &str, rows: impl Iterator<Item = (String, String)>) -> Result<String> {
    table(&[name, "value"], rows.map(|(k, v)| vec![k, v]).collect())
}

fn ran(report: &Report) -> Result<String> {
    let run = &report.run;
    let mut rows = vec![
        ("script", format!("{} ({})", run.script, run.script_sha256)),
        ("outcome", run.outcome.clone()),
    ];
    rows.extend(run.message.clone().map(|m| ("message", m)));
    rows.push(("began", words::moment(&run.started)));
    rows.extend(run.seconds.map(|s| ("took", words::duration(s))));
    rows.extend(run.seed.map(|seed| ("seed", seed.to_string())));
    rows.push(("device", format!("{}, {} threads", run.device, run.threads)));
    let rows = rows.into_iter().map(|(k, v)| (k.to_owned(), v));
    let versions = run.versions.iter();
    let versions = versions.map(|(name, version)| (name.clone(), words::value(version)));
    let plugins = run.plugins.iter().map(|plugin| {
        let version = plugin.version.clone().unwrap_or_default();
        (plugin.name.clone(), version)
    });
    pairs("run", rows.chain(versions).chain(plugins))
}

fn settings(report: &Report) -> impl Iterator<Item = (String, String)> {
    let settings = report.run.settings.iter();
    settings.map(|(name, value)| (name.clone(), words::value(value)))
}

fn curves(curves: &[Curve]) -> Result<String> {
    let mut rows = Vec::new();
    for curve in curves {
        for line in &curve.lines {
            let by_value = |a: &&(u64, f64), b: &&(u64, f64)| a.1.total_cmp(&b.1);
            let ends = [
                line.points.last(),
                line.points.iter().min_by(by_value),
                line.points.iter().max_by(by_value),
            ];
            let mut row = vec![curve.label.text.clone(), line.name.clone()];
            for (at, value) in ends.into_iter().flatten() {
                row.extend([value.to_string(), at.to_string()]);
            }
            rows.push(row);
        }
    }
    rows.retain(|row| row.len() == 8);
    let head = [
        "training", "value", "last", "at", "lowest", "at", "highest", "at",
    ];
    table(&head, rows)
}

fn metrics(evaluations: &[EvaluationFigures]) -> Result<String> {
    let mut rows = Vec::new();
    for found in evaluations {
        for figure in &found.metrics {
            rows.push(vec![
                found.label.text.clone(),
                found.cases.clone(),
                figure.metric.clone(),
                figure.seen.to_owned(),
                figure.mean.to_string(),
                number(figure.low),
                number(figure.high),
            ]);
        }
    }
    let head = [
        "model",
        "cases",
        "metric",
        "seen items",
        "mean",
        "low",
        "high",
    ];
    table(&head, rows)
}

fn compared(figures: &[Figure]) -> Result<String> {
    let row = |figure: &Figure| {
        vec![
            figure.metric.clone(),
            figure.seen.clone(),
            figure.way.clone(),
            figure.mean.to_string(),
            number(figure.sd),
            number(figure.gain),
            number(figure.low),
            number(figure.high),
            number(figure.p),
        ]
    };
    let head = [
        "metric",
        "seen items",
        "way",
        "mean",
        "sd",
        "gain",
        "low",
        "high",
        "p",
    ];
    table(&head, figures.iter().map(row).collect())
}

fn number(value: Option<f64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn attributes(attributes: &[Distribution]) -> Result<String> {
    let row = |of: &Distribution| {
        let numbers = [of.mean, of.sd].into_iter().chain(of.quartiles);
        let mut row = vec![of.name.clone()];
        row.extend(numbers.map(|value| value.to_string()));
        row
    };
    let head = [
        "attribute",
        "mean",
        "sd",
        "min",
        "q1",
        "median",
        "q3",
        "max",
    ];
    table(&head, attributes.iter().map(row).collect())
}

fn map(map: &Map) -> Result<String> {
    let mut head = vec!["item", "title", "x", "y"];
    head.extend(map.attributes.iter().map(String::as_str));
    let mut rows = Vec::new();
    for point in map.points.iter().take(ITEMS) {
        let numbers = [point.x, point.y]
            .into_iter()
            .chain(point.percent.iter().copied());
        let mut row = vec![point.item.clone(), point.title.clone()];
        row.extend(numbers.map(|value| value.to_string()));
        rows.push(row);
    }
    table(&head, rows)
}

fn study(case: &CaseStudy) -> Result<String> {
    let mut text = String::new();
    let history: Vec<String> = case.history.iter().map(|item| line(&item.title)).collect();
    text += &format!("Had: {}\n\n", history.join(", "));
    if let Some(next) = &case.next {
        let title = line(&next.item.title);
        text += &format!("Had next: {title} (place {})\n\n", next.place);
    }
    for best in &case.recommendations {
        let title = line(&best.title);
        text += &format!("{}. {title} (score {})\n", best.place, best.score);
        for sentence in &best.sentences {
            text += &format!("   - {}\n", line(sentence));
        }
    }
    Ok(text)
}
