//! A report as a page: one file, which loads nothing and reads without its few lines of script.

mod curves;
mod data;
mod figures;
mod items;
mod ran;

use lapidary_core::report::Label;
use minijinja::context;

pub use data::figures as data_figures;

use super::Told;
use crate::drawing;
use crate::failure::Failure;

const TEMPLATES: [(&str, &str); 3] = [
    ("report.html", include_str!("page.html")),
    ("report.css", include_str!("page.css")),
    ("report.js", include_str!("page.js")),
];

/// The whole page.
///
/// # Errors
/// When a template cannot be filled, which is a fault of the program.
pub fn render(told: &[Told]) -> Result<String, Failure> {
    let names = Names(told.len());
    let title = match told {
        [one] => one.report.run.name.clone(),
        several => format!("{} runs", several.len()),
    };
    let content = context! {
        title,
        version => env!("CARGO_PKG_VERSION"),
        several => told.len() > 1,
        ran => ran::view(told, names),
        settings => ran::settings(told),
        data => data::view(told, names),
        curves => curves::view(told, names),
        metrics => figures::metrics(told, names),
        comparisons => figures::comparisons(told, names),
        items => items::view(told, names),
        studies => items::studies(told, names),
        tables => data::tables(told, names),
        missing => data::missing(told, names),
    };
    drawing::page(&TEMPLATES, content)
}

/// What runs are called on a page with so many of them.
#[derive(Clone, Copy)]
struct Names(usize);

impl Names {
    /// A letter for a run, from A; nothing where there is one run.
    fn letter(self, run: usize) -> String {
        if self.0 < 2 {
            return String::new();
        }
        let letter = char::from(b'A' + (run % 26) as u8).to_string();
        match run / 26 {
            0 => letter,
            n => format!("{letter}{n}"),
        }
    }

    /// A name in a run.
    fn of(self, run: usize, name: &str) -> String {
        match self.0 {
            0 | 1 => name.to_owned(),
            _ => format!("{}: {name}", self.letter(run)),
        }
    }

    /// A model in a run.
    fn label(self, run: usize, label: &Label) -> String {
        self.of(run, &label.text)
    }
}
