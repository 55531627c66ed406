//! The same numbers as comma-separated values, as Markdown and on the page.

use super::{report, runs, told};
use crate::place::text;

#[test]
fn csv_reads_back_to_the_same_numbers() {
    let runs = runs();
    let file = runs.place.path("report.csv");
    text(&report(
        runs,
        &[&runs.first, &runs.second],
        &["-o", "report.csv"],
    ));
    let mut reader = csv::Reader::from_path(file).unwrap();
    assert_eq!(
        reader.headers().unwrap(),
        vec!["run", "part", "of", "name", "at", "figure", "value"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let find = |keys: [&str; 6]| {
        let mut found = rows.iter().filter(|row| row.iter().take(6).eq(keys));
        let row = found.next().unwrap_or_else(|| panic!("no row {keys:?}"));
        assert!(found.next().is_none(), "{keys:?} stands twice");
        row[6].parse::<f64>().unwrap()
    };
    for run in told()["runs"].as_array().unwrap() {
        let name = run["run"]["name"].as_str().unwrap();
        for evaluation in run["evaluations"].as_array().unwrap() {
            for metric in evaluation["metrics"].as_array().unwrap() {
                let at = format!("test, seen {}", metric["seen"].as_str().unwrap());
                let of =
                    [evaluation["text"].as_str(), metric["metric"].as_str()].map(Option::unwrap);
                for figure in ["mean", "low", "high"] {
                    let found = find([name, "metric", of[0], of[1], &at, figure]);
                    assert_eq!(Some(found), metric[figure].as_f64());
                }
            }
        }
        for point in run["map"]["points"].as_array().unwrap() {
            let of = [point["item"].as_str(), point["title"].as_str()].map(Option::unwrap);
            let found = find([name, "map", of[0], "x", of[1], "value"]);
            assert_eq!(Some(found), point["x"].as_f64());
        }
        let curve = &run["curves"][0];
        let label = curve["text"].as_str().unwrap();
        let found = find([name, "curve", label, "loss", "1", "value"]);
        assert_eq!(Some(found), curve["lines"][0]["points"][0][1].as_f64());
    }
}

/// The tables of a Markdown text: cells by row, below the last heading.
fn tables(markdown: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let mut tables: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    let mut heading = String::new();
    let mut inside = false;
    for line in markdown.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        }
        let cells = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |"));
        if let Some(cells) = cells {
            if !inside {
                tables.push((heading.clone(), Vec::new()));
            }
            let cells = cells.split(" | ").map(|cell| cell.trim().to_owned());
            tables.last_mut().unwrap().1.push(cells.collect());
        }
        inside = line.starts_with('|');
    }
    tables
}

#[test]
fn markdown_reads_back_to_the_same_numbers() {
    let runs = runs();
    let printed = text(&report(runs, &[&runs.first], &[]));
    let file = runs.place.path("report.md");
    text(&report(runs, &[&runs.first], &["-o", "report.md"]));
    assert_eq!(std::fs::read_to_string(file).unwrap(), printed);
    assert!(
        !printed.contains("<script>alert") || printed.contains("\\<script>alert"),
        "{printed}"
    );
    assert!(!printed.contains(" <img"), "{printed}");

    let found = tables(&printed);
    let table = |title: &str| &found.iter().find(|t| t.0 == title).expect(title).1[1..];
    let run = &told()["runs"][0];
    let metrics = run["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|evaluation| {
            let metrics = evaluation["metrics"].as_array().unwrap().iter();
            metrics.map(move |metric| (evaluation, metric))
        });
    let rows = table("Metrics");
    assert_eq!(rows.len(), metrics.clone().count());
    for ((evaluation, metric), row) in metrics.zip(rows) {
        assert_eq!(
            (&evaluation["text"], &metric["metric"]),
            (&row[0].as_str().into(), &row[2].as_str().into())
        );
        for (figure, cell) in ["mean", "low", "high"].into_iter().zip(&row[4..]) {
            assert_eq!(metric[figure].as_f64(), cell.parse().ok());
        }
    }
    let figures = run["comparisons"][0]["figures"].as_array().unwrap();
    for (figure, row) in figures.iter().zip(table("Comparison: comparison")) {
        let names = ["mean", "sd", "gain", "low", "high", "p"];
        for (name, cell) in names.into_iter().zip(&row[3..]) {
            assert_eq!(figure[name].as_f64(), cell.parse().ok(), "{name}");
        }
    }
}

#[test]
fn the_page_holds_the_figures_and_escapes_what_it_names() {
    let runs = runs();
    let file = runs.place.path("pages/report.html");
    text(&report(runs, &[&runs.first], &["-o", "pages/report.html"]));
    let page = std::fs::read_to_string(file).unwrap();
    for metric in told()["runs"][0]["evaluations"][0]["metrics"]
        .as_array()
        .unwrap()
    {
        let shown = format!("{:.4}", metric["mean"].as_f64().unwrap());
        assert!(page.contains(&shown), "{metric} is not in the page");
    }
    for loaded in [
        "http:",
        "https:",
        "@import",
        "url(",
        "<img",
        "alert(1)</script>",
        "<b>x",
    ] {
        assert!(!page.contains(loaded), "`{loaded}` is in the page");
    }
    for expected in [
        "Content-Security-Policy",
        "{{ 7 * 7 }}",
        "&lt;&#x2f;script&gt;",
        "&lt;b&gt;x",
        "base, seed 2",
        "popularity",
        "Map of the items",
        "Had next",
    ] {
        assert!(page.contains(expected), "no `{expected}` in the page");
    }
    assert!(!page.contains("NaN"));
    assert!(!page.contains("Not shown"), "nothing is missing");
}
