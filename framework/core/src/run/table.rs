//! Small tables for people and spreadsheets.

use crate::error::{Error, Result};

/// A table of text cells: every row is as long as the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Setting`] when it has more or fewer cells than there are columns.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> Result<()> {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        if cells.len() != self.head.len() {
            return Err(Error::setting(
                format!("table, row {}", self.rows.len() + 1),
                format!("{} cells for {} columns", cells.len(), self.head.len()),
            ));
        }
        self.rows.push(cells);
        Ok(())
    }

    /// As comma-separated values with a header line.
    ///
    /// # Errors
    /// When the cells cannot be encoded.
    pub fn csv(&self) -> Result<String> {
        let failed = |e: &dyn std::fmt::Display| Error::setting("table", e.to_string());
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in self.lines() {
            writer.write_record(row).map_err(|e| failed(&e))?;
        }
        let bytes = writer.into_inner().map_err(|e| failed(&e))?;
        String::from_utf8(bytes).map_err(|e| failed(&e))
    }

    /// As a Markdown table, padded so that it also reads well in a terminal. Columns of numbers align right.
    pub fn markdown(&self) -> String {
        let escape = |cell: &String| cell.replace('|', "\\|").replace(['\n', '\r'], " ");
        let lines: Vec<Vec<String>> = self
            .lines()
            .map(|row| row.iter().map(escape).collect())
            .collect();
        let columns: Vec<Column> = (0..self.head.len())
            .map(|i| Column::of(lines.iter().filter_map(|row| row.get(i))))
            .collect();
        let mut out = String::new();
        for (number, row) in lines.iter().enumerate() {
            let cells: Vec<_> = columns
                .iter()
                .zip(row)
                .map(|(c, cell)| c.pad(cell))
                .collect();
            out += &format!("| {} |\n", cells.join(" | "));
            if number == 0 {
                let rules: Vec<_> = columns.iter().map(Column::rule).collect();
                out += &format!("|{}|\n", rules.join("|"));
            }
        }
        out
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.head).chain(&self.rows)
    }
}

struct Column {
    width: usize,
    numeric: bool,
}

impl Column {
    /// The column of these cells, of which the first is the head.
    fn of<'a>(cells: impl Iterator<Item = &'a String> + Clone) -> Self {
        let number = |cell: &String| {
            let digits = |c: char| c.is_ascii_digit();
            let sign = |c: char| matches!(c, '+' | '-' | '−' | '.' | '±');
            cell.starts_with(|c| digits(c) || sign(c)) && cell.contains(digits)
        };
        let mut body = cells.clone().skip(1).filter(|cell| !cell.is_empty());
        Self {
            width: cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .max(3),
            numeric: body.clone().next().is_some() && body.all(number),
        }
    }

    fn pad(&self, cell: &str) -> String {
        match self.numeric {
            true => format!("{cell:>width$}", width = self.width),
            false => format!("{cell:<width$}", width = self.width),
        }
    }

    fn rule(&self) -> String {
        let dashes = "-".repeat(self.width + 1);
        match self.numeric {
            true => format!("{dashes}:"),
            false => format!("{dashes}-"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["method", "ndcg@10"]);
        table.row(["base", "0.0512 ± 0.0011"]).unwrap();
        table.row(["refined, a|b", "0.06"]).unwrap();
        table
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(
            table().csv().unwrap(),
            "method,ndcg@10\nbase,0.0512 ± 0.0011\n\"refined, a|b\",0.06\n"
        );
    }

    #[test]
    fn markdown_is_aligned_and_escaped() {
        assert_eq!(
            table().markdown(),
            "| method        |         ndcg@10 |\n\
             |---------------|----------------:|\n\
             | base          | 0.0512 ± 0.0011 |\n\
             | refined, a\\|b |            0.06 |\n"
        );
    }

    #[test]
    fn a_short_row_is_refused() {
        let error = table().row(["only one"]).unwrap_err();
        assert_eq!(error.to_string(), "table, row 3: 1 cells for 2 columns");
    }
}
