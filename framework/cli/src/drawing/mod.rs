//! Pictures of pages: their geometry is computed here, `charts.html` holds the marks as inline SVG. A page is one file
//! that loads nothing.

pub mod bars;
pub mod curves;
pub mod intervals;
pub mod map;
pub mod radar;
mod scale;

use minijinja::{Environment, Value};

use crate::failure::Failure;

/// Templates that pages share. Names that end in `.html` have all text escaped.
const SHARED: [(&str, &str); 2] = [
    ("charts.html", include_str!("charts.html")),
    ("style.css", include_str!("style.css")),
];

/// Fills the first of `templates`; it may name the others and the shared ones.
///
/// # Errors
/// When a template cannot be filled, which is a fault of the program.
pub fn page(templates: &[(&'static str, &'static str)], content: Value) -> Result<String, Failure> {
    let fault = |error: minijinja::Error| Failure::failed(format!("page: {error:#}"));
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, text) in SHARED.iter().chain(templates) {
        environment.add_template(name, text).map_err(fault)?;
    }
    let name = templates.first().map_or("", |(name, _)| name);
    let template = environment.get_template(name).map_err(fault)?;
    template.render(content).map_err(fault)
}

/// A place in a picture: tenths are fine enough.
fn rounded(x: f64) -> f64 {
    // Adding 0 makes 0 of -0.
    (x * 10.0).round() / 10.0 + 0.0
}
