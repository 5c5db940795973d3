//! The last column of a table that is broken between words: put together before words in it are fixed, and broken
//! anew as `gatepass doctor` breaks it.

use super::grid::{Cell, Line, Style};
use super::svg::COLUMNS;
use crate::failure::Failure;

/// Fewer blanks at the beginning of a line are no column.
const LEAST: usize = 12;

/// Lets `fix` see whole lines; refuses a table that is broken otherwise than it would be here.
pub(super) fn whole(
    lines: Vec<Line>,
    fix: impl FnOnce(Vec<Line>) -> Result<Vec<Line>, Failure>,
) -> Result<Vec<Line>, Failure> {
    let Some(column) = lines.iter().filter(|line| goes_on(line)).map(blanks).min() else {
        return fix(lines);
    };
    let joined = join(&lines);
    if broken(&joined, column) != lines {
        return Err(Failure::new("the table's last column is not broken as it should be"));
    }
    Ok(broken(&fix(joined)?, column))
}

/// A line that belongs to the one above it. (A mend is a line of its own.)
fn goes_on(line: &Line) -> bool {
    blanks(line) >= LEAST && !line.text().trim_start().starts_with("mend: ")
}

fn blanks(line: &Line) -> usize {
    line.0.iter().take_while(|cell| cell.character == ' ').count()
}

fn join(lines: &[Line]) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        match joined.last_mut().filter(|_| goes_on(line)) {
            Some(above) => above.0.extend(&line.0[blanks(line) - 1..]),
            None => joined.push(line.clone()),
        }
    }
    joined
}

fn broken(lines: &[Line], column: usize) -> Vec<Line> {
    lines.iter().flat_map(|line| rows(line, column)).collect()
}

fn rows(line: &Line, column: usize) -> Vec<Line> {
    let is_table = line.0.len() > column && !line.text().trim_start().starts_with("mend: ");
    if !is_table {
        return vec![line.clone()];
    }
    let (names, text) = line.0.split_at(column);
    let mut rows = vec![Line(names.to_vec())];
    for word in text.split(|cell| cell.character == ' ') {
        let row = rows.last().map_or(0, |row| row.0.len());
        if row > column && row + 1 + word.len() > COLUMNS {
            rows.push(Line(vec![BLANK; column]));
        } else if row > column {
            rows.last_mut().into_iter().for_each(|row| row.0.push(BLANK));
        }
        rows.last_mut().into_iter().for_each(|row| row.0.extend(word));
    }
    rows
}

const BLANK: Cell = Cell {
    character: ' ',
    style: Style { ink: None, ground: None, bold: false, faint: false, reversed: false },
};

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "one two three four five six seven eight nine ten eleven twelve thirteen";

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line::new(text, Style::default())).collect()
    }

    #[test]
    fn words_are_fixed_in_whole_lines() {
        let end = "$ ";
        let mend =
            "                mend: run it, and then run it once more, and then run it again and again, twice";
        let table = lines(&[
            "ok      issuer  one two three four five six seven eight nine ten eleven twelve",
            "                thirteen",
            mend,
            end,
        ]);
        let same = whole(table.clone(), |joined| {
            assert_eq!(joined[0].text(), format!("ok      issuer  {LONG}"));
            Ok(joined)
        });
        assert_eq!(same.unwrap(), table);
        let fixed = whole(table, |mut joined| {
            joined[0].replace(16..19, "seventeen");
            Ok(joined)
        });
        let expected = "ok      issuer  seventeen two three four five six seven eight nine ten eleven";
        assert_eq!(fixed.unwrap(), lines(&[expected, "                twelve thirteen", mend, end]));
    }

    #[test]
    fn what_is_broken_otherwise_is_refused() {
        let early = lines(&["ok      issuer  one", "                two"]);
        assert!(whole(early, Ok).is_err());
        let plain = lines(&["Account: a", "$ "]);
        assert_eq!(whole(plain.clone(), Ok).unwrap(), plain);
    }
}
