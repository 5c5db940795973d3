//! What a terminal shows: rows of cells, read from the escapes by which tmux describes them.

use std::ops::Range;

use crate::failure::Failure;

/// How a cell looks. Colours are the terminal's sixteen; none is its owner's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) ink: Option<u8>,
    pub(super) ground: Option<u8>,
    pub(super) bold: bool,
    pub(super) faint: bool,
    pub(super) reversed: bool,
}

/// A character and its looks. Everything that Gatepass prints is one column wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) character: char,
    pub(super) style: Style,
}

/// A line as it was written, however many rows of the screen it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<Cell>);

impl Line {
    /// A line in one style.
    pub(super) fn new(text: &str, style: Style) -> Self {
        Self(text.chars().map(|character| Cell { character, style }).collect())
    }

    /// Without the blanks at its end.
    pub(super) fn text(&self) -> String {
        let text: String = self.0.iter().map(|cell| cell.character).collect();
        text.trim_end().to_owned()
    }

    /// Puts other words where some stand (bytes of `text`), in the style of the first letter that goes.
    pub(super) fn replace(&mut self, bytes: Range<usize>, words: &str) {
        let text = self.text();
        let count = |end: usize| text.get(..end).unwrap_or_default().chars().count();
        let cells = count(bytes.start)..count(bytes.end);
        let style = self.0.get(cells.start).map(|cell| cell.style).unwrap_or_default();
        self.0.splice(cells, Self::new(words, style).0);
    }

    /// The rows that it takes on a screen.
    pub(super) fn rows(&self, columns: usize) -> impl Iterator<Item = &[Cell]> {
        // A line without cells takes a row as well.
        let empty = self.0.is_empty().then_some(&[][..]);
        empty.into_iter().chain(self.0.chunks(columns))
    }

    /// Blanks at the end that nobody sees are no part of a line.
    fn trim(&mut self) {
        let seen = |cell: &Cell| cell.character != ' ' || cell.style.ground.is_some() || cell.style.reversed;
        let length = self.0.iter().rposition(seen).map_or(0, |last| last + 1);
        self.0.truncate(length);
    }
}

/// Reads what `tmux capture-pane -e` says, without the empty rows at its end. What is not known is refused: it would
/// be drawn wrong.
pub(super) fn read(captured: &str) -> Result<Vec<Line>, Failure> {
    let mut style = Style::default();
    let mut lines = Vec::new();
    for text in captured.lines() {
        let mut line = Line::default();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\u{1b}' => {
                    // ECMA-48 section 8.3.117: select graphic rendition.
                    let escape: String =
                        characters.by_ref().take_while(|character| *character != 'm').collect();
                    let words = escape.strip_prefix('[').ok_or_else(|| unknown(&escape))?;
                    style.select(words).ok_or_else(|| unknown(&escape))?;
                }
                control if control.is_control() => return Err(unknown(&control.to_string())),
                character => line.0.push(Cell { character, style }),
            }
        }
        line.trim();
        lines.push(line);
    }
    let length = lines.iter().rposition(|line| !line.0.is_empty()).map_or(0, |last| last + 1);
    lines.truncate(length);
    Ok(lines)
}

fn unknown(escape: &str) -> Failure {
    Failure::new(format!("the drawing of terminals does not know the escape {escape:?}"))
}

impl Style {
    /// Does what the numbers of one escape say; none if one of them is not known.
    fn select(&mut self, words: &str) -> Option<()> {
        let mut numbers =
            words.split(';').map(|word| if word.is_empty() { Ok(0) } else { word.parse::<u8>() });
        while let Some(number) = numbers.next() {
            match number.ok()? {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                7 => self.reversed = true,
                22 => (self.bold, self.faint) = (false, false),
                27 => self.reversed = false,
                colour @ 30..=37 => self.ink = Some(colour - 30),
                colour @ 90..=97 => self.ink = Some(colour - 90 + 8),
                38 => self.ink = Some(indexed(&mut numbers)?),
                39 => self.ink = None,
                colour @ 40..=47 => self.ground = Some(colour - 40),
                colour @ 100..=107 => self.ground = Some(colour - 100 + 8),
                48 => self.ground = Some(indexed(&mut numbers)?),
                49 => self.ground = None,
                _ => return None,
            }
        }
        Some(())
    }
}

/// One of the sixteen by its number: `5;n`.
fn indexed<E>(numbers: &mut impl Iterator<Item = Result<u8, E>>) -> Option<u8> {
    let kind = numbers.next()?.ok()?;
    let colour = numbers.next()?.ok()?;
    (kind == 5 && colour < 16).then_some(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(escape: &str) -> Option<Style> {
        let mut style = Style::default();
        style.select(escape).map(|()| style)
    }

    #[test]
    fn reads_colours_and_kinds() {
        let plain = Style::default();
        for (escape, expected) in [
            ("", plain),
            ("1;32", Style { bold: true, ink: Some(2), ..plain }),
            ("97;40", Style { ink: Some(15), ground: Some(0), ..plain }),
            ("38;5;15;48;5;0", Style { ink: Some(15), ground: Some(0), ..plain }),
            ("7;2;31;107", Style { reversed: true, faint: true, ink: Some(1), ground: Some(15), ..plain }),
            ("1;7;33;44;22;27;39;49", plain),
            ("1;0", plain),
        ] {
            assert_eq!(style(escape), Some(expected), "{escape}");
        }
        for escape in ["4", "38;5;16", "38;2;1;2;3", "38", "256", "x"] {
            assert_eq!(style(escape), None, "{escape}");
        }
    }

    #[test]
    fn reads_lines_and_what_is_seen_of_their_ends() {
        let lines = read("a \u{1b}[7mb \u{1b}[0m  \n\u{1b}[32mc\nd  \n\n \n").unwrap();
        let texts: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(texts, ["a b", "c", "d"]);
        assert_eq!(lines[0].0.len(), 4, "a reversed blank is seen");
        let green = Style { ink: Some(2), ..Style::default() };
        assert_eq!(
            lines[1..],
            [Line::new("c", green), Line::new("d", green)],
            "a style holds beyond its line"
        );
        for bad in ["\u{1b}]8;;x\u{7}m", "\u{e}x", "\u{1b}[4mx"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn replaces_and_wraps() {
        let green = Style { ink: Some(2), ..Style::default() };
        let mut line = Line::new("ä ", Style::default());
        line.0.extend(Line::new("five", green).0);
        line.0.extend(Line::new(" b", Style::default()).0);
        line.replace(3..7, "six");
        let expected: Vec<Cell> =
            [Line::new("ä ", Style::default()), Line::new("six", green), Line::new(" b", Style::default())]
                .into_iter()
                .flat_map(|line| line.0)
                .collect();
        assert_eq!(line.0, expected);
        let rows: Vec<usize> = line.rows(3).map(<[Cell]>::len).collect();
        assert_eq!(rows, [3, 3, 1]);
        assert_eq!(Line::default().rows(3).count(), 1);
    }
}
