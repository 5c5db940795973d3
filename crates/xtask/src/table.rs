//! Small aligned tables.

use std::fmt;

/// Rows of as many cells as there are headings. Columns of numbers stand right, all others left.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned)] }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> =
            (0..N).map(|at| self.rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
        let numeric = |at: usize| {
            self.rows[1..]
                .iter()
                .all(|row| row[at].is_empty() || row[at].starts_with(|c: char| c.is_ascii_digit()))
        };
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            let line = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                if numeric(at) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            f.write_str(line.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns() {
        let mut table = Table::new(["part", "raw"]);
        table.row(["a".to_owned(), "1000".to_owned()]);
        assert_eq!(table.to_string(), "part   raw\na     1000");
    }
}
