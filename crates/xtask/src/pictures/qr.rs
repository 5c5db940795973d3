//! QR codes on a screen: recognised, and exchanged for one that leads nowhere.

use qrcode::{Color, EcLevel, QrCode};

use super::grid::{Line, Style};
use crate::failure::Failure;

/// Light modules around a code.
const QUIET: usize = 2;

/// White on black, whatever the terminal is.
const STYLE: Style = Style { ink: Some(15), ground: Some(0), bold: false, faint: false, reversed: false };

/// Exchanges the code of one text for that of another; it must stand there as it should, module by module.
pub(super) fn exchange(lines: &mut Vec<Line>, real: &str, shown: &str) -> Result<(), Failure> {
    let expected = draw(real)?;
    let at = lines.windows(expected.len()).position(|lines| lines == expected);
    let at = at.ok_or_else(|| Failure::new("the QR code on the screen is not that of the address"))?;
    lines.splice(at..at + expected.len(), draw(shown)?);
    Ok(())
}

/// Two modules a character.
fn draw(text: &str) -> Result<Vec<Line>, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Failure::new(format!("no QR code: {error}")))?;
    let width = code.width();
    let light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        inside(x).zip(inside(y)).is_none_or(|at| code[at] == Color::Light)
    };
    let whole = width + 2 * QUIET;
    let line = |y: usize| -> Line {
        let modules = (0..whole).map(|x| match (light(x, y), light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        Line::new(&modules.collect::<String>(), STYLE)
    };
    Ok((0..whole).step_by(2).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_a_code_that_is_right_and_no_other() {
        let around = Line::new("around", Style::default());
        let mut lines = vec![around.clone()];
        lines.extend(draw("http://127.0.0.1:1/a").unwrap());
        lines.push(around);
        let before = lines.clone();
        exchange(&mut lines, "http://127.0.0.1:1/a", "http://127.0.0.1:2/b").unwrap();
        assert_eq!(lines[1..lines.len() - 1], draw("http://127.0.0.1:2/b").unwrap());
        assert_eq!((&lines[0], lines.last()), (&before[0], before.last()));

        let mut broken = before;
        broken[4].0[9].character = if broken[4].0[9].character == '█' { ' ' } else { '█' };
        assert!(exchange(&mut broken, "http://127.0.0.1:1/a", "x").is_err());
        assert!(exchange(&mut lines, "http://127.0.0.1:1/a", "x").is_err(), "it is gone");
    }
}
