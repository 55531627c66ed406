//! The tables of `API.md`.

const PAGE: &str = include_str!("../API.md");

/// A line of a table of the page.
pub(crate) struct Row<'a> {
    pub section: &'a str,
    /// What is described, as it is written: `lapidary.write(name, text)`.
    pub head: &'a str,
    /// Its plain names: `lapidary.write`.
    pub names: Vec<String>,
    pub text: String,
    /// The cells right of the names, as they are written.
    pub cells: &'a str,
}

/// All of them.
pub(crate) fn rows() -> Vec<Row<'static>> {
    let mut section = "";
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        let cells = line
            .strip_prefix("| `")
            .and_then(|row| row.strip_suffix(" |"));
        let Some((head, text)) = cells.and_then(|row| row.split_once(" | ")) else {
            continue;
        };
        let head = line.get(2..2 + head.len() + 1).unwrap_or(head);
        rows.push(Row {
            section,
            head,
            names: names(head),
            text: about(text),
            cells: text,
        });
    }
    rows
}

/// What stands right of the names; where that is a default and its meaning, the meaning first.
fn about(cells: &str) -> String {
    match cells.split_once(" | ") {
        Some((default, meaning)) => format!("{meaning} (default: {default})"),
        None => cells.trim_end_matches(" |").to_owned(),
    }
}

/// The names in a cell: each code span up to its arguments; one that begins with a dot belongs to the first one's value.
fn names(head: &str) -> Vec<String> {
    signatures(head).into_iter().map(|s| s.name).collect()
}

/// A function or field as a code span writes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Signature<'a> {
    /// `model:recommend`
    pub name: String,
    /// What follows it: `(user, { k = 10 })`; nothing of a field.
    pub arguments: &'a str,
}

/// All code spans of a cell.
pub(crate) fn signatures(cell: &str) -> Vec<Signature<'_>> {
    let mut found: Vec<Signature<'_>> = Vec::new();
    for span in cell.split('`').skip(1).step_by(2) {
        let end = span.find(|c: char| !(c.is_alphanumeric() || "_.:".contains(c)));
        let (name, arguments) = span.split_at(end.unwrap_or(span.len()));
        let owner = found
            .first()
            .and_then(|first| first.name.split(['.', ':']).next());
        let name = match (name.starts_with(['.', ':']), owner) {
            (true, Some(owner)) => format!("{owner}{name}"),
            _ => name.to_owned(),
        };
        if !name.is_empty() {
            found.push(Signature { name, arguments });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_page_has_a_name() {
        let rows = rows();
        assert!(rows.len() > 100, "{}", rows.len());
        for row in &rows {
            assert!(!row.text.is_empty(), "{}", row.head);
        }
        let known: Vec<&String> = rows.iter().flat_map(|row| &row.names).collect();
        for name in [
            "lapidary.refine",
            "model:explain",
            "data.users",
            "t:matmul",
            "learning_rate",
        ] {
            assert!(
                known.iter().any(|k| *k == name),
                "{name} is not among {known:?}"
            );
        }
    }
}
