//! A QR code in a terminal, two modules a character.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code (ISO/IEC 18004 wants four).
const QUIET: isize = 2;

/// The lines of a code, or `None` if it is wider than `columns`.
///
/// With `colours` they are black on white whatever the terminal is; without, light modules are drawn, which is right on
/// a dark terminal, and most readers take the negative too.
pub(crate) fn lines(text: &str, columns: usize, colours: bool) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = isize::try_from(code.width()).ok()?;
    if usize::try_from(width + 2 * QUIET).ok()? > columns {
        return None;
    }
    let light = |x: isize, y: isize| {
        let inside = |at: isize| usize::try_from(at).ok().filter(|at| *at < code.width());
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => code[(x, y)] == Color::Light,
            _ => true,
        }
    };
    let line = |y: isize| -> String {
        let modules = (-QUIET..width + QUIET).map(|x| match (light(x, y), light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        let modules: String = modules.collect();
        if colours { format!("\u{1b}[97;40m{modules}\u{1b}[0m") } else { modules }
    };
    Some((-QUIET..width + QUIET).step_by(2).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_three_corners_and_fits() {
        let lines = lines("https://a.example/activate?user_code=WDJB-MJHT", 80, false).unwrap();
        let width = lines[0].chars().count();
        assert!(width <= 40 && lines.len() == width.div_ceil(2), "{width} {}", lines.len());
        // The finder pattern: a dark ring of seven modules after two light ones.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ "), "{:?}", lines[1]);
        assert!(lines[1].ends_with(" ▄▄▄▄▄ ██"), "{:?}", lines[1]);
    }

    #[test]
    fn one_that_does_not_fit_is_left_out() {
        assert!(lines("https://a.example/activate?user_code=WDJB-MJHT", 20, false).is_none());
    }

    #[test]
    fn colours_say_what_is_light() {
        assert!(lines("x", 80, true).unwrap()[0].starts_with("\u{1b}[97;40m█"));
    }
}
