//! A terminal window as SVG: text that can be read and selected, in the reader's own light or dark.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::grid::{Cell, Line, Style};

/// How wide every terminal of the pictures is.
pub(super) const COLUMNS: usize = 80;

const WIDTH: usize = 720;
/// The bar with the window's buttons.
const BAR: usize = 38;
/// From the edge to the text.
const MARGIN: usize = 24;
/// A cell's width in tenths: with this one, the columns fill the window.
const CELL: usize = (WIDTH - 2 * MARGIN) * 10 / COLUMNS;
/// A cell's height: twice its width, nearly, so that the halves of it are squares.
const ROW: usize = 18;
/// From the top of a row to the line on which letters stand.
const BASE: usize = 14;
/// Between two moments of one window.
const GAP: usize = 20;

/// GitHub's own colours, so that the window sits well on its pages.
const STYLE: &str = "\
    .window,.ground{fill:#fff}.window{stroke:#d1d9e0}.bar{fill:#f6f8fa}.rule{stroke:#d1d9e0}.dot{fill:#d1d9e0}\
    text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}\
    .ink,text{fill:#1f2328}.title,.faint{fill:#59636e}.title{font-size:12px;text-anchor:middle}.bold{font-weight:700}\
    .moment{stroke-dasharray:2 4}";
const DARK: &str = "\
    .window,.ground{fill:#0d1117}.window{stroke:#3d444d}.bar{fill:#151b23}.rule{stroke:#3d444d}.dot{fill:#3d444d}\
    .ink,text{fill:#f0f6fc}.title,.faint{fill:#9198a1}";

/// The terminal's sixteen, on light and on dark. Black and white are themselves on both, as codes are made of them.
const COLOURS: [(&str, &str); 16] = [
    ("#000", "#000"),
    ("#cf222e", "#ff7b72"),
    ("#116329", "#3fb950"),
    ("#9a6700", "#d29922"),
    ("#0969da", "#58a6ff"),
    ("#8250df", "#bc8cff"),
    ("#1b7c83", "#39c5cf"),
    ("#6e7781", "#b1bac4"),
    ("#57606a", "#8b949e"),
    ("#a40e26", "#ffa198"),
    ("#1a7f37", "#56d364"),
    ("#633c01", "#e3b341"),
    ("#0550ae", "#79c0ff"),
    ("#6639ba", "#d2a8ff"),
    ("#3192aa", "#56d4dd"),
    ("#fff", "#fff"),
];

/// The whole picture: what the window shows at one moment or at several, one below the other.
pub(super) fn draw(title: &str, moments: &[Vec<Line>]) -> String {
    let mut page = Page::default();
    let mut y = BAR + MARGIN - 8;
    for (number, lines) in moments.iter().enumerate() {
        if number > 0 {
            let middle = y + GAP / 2;
            let _ = writeln!(
                page.text,
                "<path class=\"rule moment\" d=\"M{MARGIN} {middle}.5H{}\"/>",
                WIDTH - MARGIN
            );
            y += GAP;
        }
        for row in lines.iter().flat_map(|line| line.rows(COLUMNS)) {
            page.row(row, y);
            y += ROW;
        }
    }
    let height = y + MARGIN - 8;
    let (right, bottom, middle) = (WIDTH - 1, height - 1, WIDTH / 2);
    let (shapes, text) = (page.shapes(), &page.text);
    let style = style(&[&shapes, text]);
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" xml:space=\"preserve\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{title}</title>\n<style>{style}</style>\n\
         <rect class=\"window\" x=\".5\" y=\".5\" width=\"{right}\" height=\"{bottom}\" rx=\"10\"/>\n\
         <path class=\"bar\" d=\"M1 {BAR}V10.5A9.5 9.5 0 0 1 10.5 1H709.5A9.5 9.5 0 0 1 719 10.5V{BAR}Z\"/>\n\
         <path class=\"rule\" d=\"M1 {BAR}.5H719\"/>\n\
         <circle class=\"dot\" cx=\"22\" cy=\"19.5\" r=\"6\"/><circle class=\"dot\" cx=\"42\" cy=\"19.5\" r=\"6\"/>\
         <circle class=\"dot\" cx=\"62\" cy=\"19.5\" r=\"6\"/>\n\
         <text class=\"title\" x=\"{middle}\" y=\"24\">gatepass</text>\n{shapes}{text}</svg>\n"
    )
}

/// The rules of the classes that are used.
fn style(bodies: &[&str]) -> String {
    let is_used = |colour: usize| {
        let classes = [format!("\"c{colour}\""), format!("\"c{colour} bold\"")];
        classes.iter().any(|class| bodies.iter().any(|body| body.contains(class.as_str())))
    };
    let mut light = STYLE.to_owned();
    let mut dark = DARK.to_owned();
    for (number, (on_light, on_dark)) in COLOURS.iter().enumerate().filter(|(number, _)| is_used(*number)) {
        let _ = write!(light, ".c{number}{{fill:{on_light}}}");
        if on_light != on_dark {
            let _ = write!(dark, ".c{number}{{fill:{on_dark}}}");
        }
    }
    format!("{light}@media(prefers-color-scheme:dark){{{dark}}}")
}

/// What stands in a window.
#[derive(Default)]
struct Page {
    /// What lies behind letters: a path a class.
    grounds: BTreeMap<String, String>,
    /// Blocks, which letters of a font would not fill: a path a class.
    blocks: BTreeMap<String, String>,
    text: String,
}

impl Page {
    fn row(&mut self, row: &[Cell], y: usize) {
        for run in runs(row, |cell| ground(cell.style)) {
            if let Some(class) = ground(run.cells[0].style) {
                quad(self.grounds.entry(class).or_default(), run.column, run.cells.len(), y, ROW);
            }
        }
        for (upper, top) in [(true, y), (false, y + ROW / 2)] {
            let filled = |cell: &Cell| half(cell.character, upper).then(|| ink(cell.style));
            for run in runs(row, filled) {
                if let Some(class) = filled(&run.cells[0]) {
                    quad(self.blocks.entry(class).or_default(), run.column, run.cells.len(), top, ROW / 2);
                }
            }
        }
        // What a font may lack stands alone: a stranger's letter has a width of its own.
        let class = |cell: &Cell| {
            let is_letter = cell.character != ' ' && !is_block(cell.character);
            is_letter.then(|| (letters(cell.style), cell.character.is_ascii()))
        };
        let mut runs: Vec<Run<'_>> = runs(row, class).filter(|run| class(&run.cells[0]).is_some()).collect();
        // Blanks between two words of one kind are part of their text, so that it can be selected as a whole.
        runs.dedup_by(|next, run| {
            let end = run.column + run.cells.len();
            let joined = class(&run.cells[0]) == class(&next.cells[0])
                && row[end..next.column].iter().all(|cell| cell.character == ' ');
            if joined {
                run.cells = &row[run.column..next.column + next.cells.len()];
            }
            joined
        });
        for Run { column, cells } in runs {
            let text: String = cells.iter().map(|cell| cell.character).collect();
            let class = letters(cells[0].style);
            let class = if class == "ink" { String::new() } else { format!(" class=\"{class}\"") };
            // Whatever the font, letters stand in their columns.
            let _ = writeln!(
                self.text,
                "<text{class} x=\"{}\" y=\"{}\" textLength=\"{}\">{}</text>",
                tenths(left(column)),
                y + BASE,
                tenths(cells.len() * CELL),
                escaped(&text)
            );
        }
    }

    fn shapes(&self) -> String {
        let paths = self.grounds.iter().chain(&self.blocks);
        paths.fold(String::new(), |mut all, (class, path)| {
            // Without soft edges, through which the window would shine between two cells.
            let _ = writeln!(all, "<path class=\"{class}\" shape-rendering=\"crispEdges\" d=\"{path}\"/>");
            all
        })
    }
}

/// Cells of one kind beside each other.
struct Run<'a> {
    column: usize,
    cells: &'a [Cell],
}

fn runs<K: PartialEq>(row: &[Cell], kind: impl Fn(&Cell) -> K) -> impl Iterator<Item = Run<'_>> {
    let mut column = 0;
    row.chunk_by(move |one, other| kind(one) == kind(other)).map(move |cells| {
        let run = Run { column, cells };
        column += cells.len();
        run
    })
}

fn is_block(character: char) -> bool {
    half(character, true) || half(character, false)
}

/// Whether one half of a cell is filled.
fn half(character: char, upper: bool) -> bool {
    match character {
        '█' => true,
        '▀' => upper,
        '▄' => !upper,
        _ => false,
    }
}

fn ink(style: Style) -> String {
    if style.reversed { plain(style.ground, "ground") } else { plain(style.ink, "ink") }
}

fn ground(style: Style) -> Option<String> {
    if style.reversed { Some(plain(style.ink, "ink")) } else { style.ground.map(|_| plain(style.ground, "")) }
}

fn plain(colour: Option<u8>, own: &str) -> String {
    colour.map_or_else(|| own.to_owned(), |colour| format!("c{colour}"))
}

fn letters(style: Style) -> String {
    let faint = style.faint && style.ink.is_none() && !style.reversed;
    let ink = if faint { String::from("faint") } else { ink(style) };
    if style.bold { format!("{ink} bold") } else { ink }
}

fn left(column: usize) -> usize {
    MARGIN * 10 + column * CELL
}

/// Adds a rectangle to a path.
fn quad(path: &mut String, column: usize, columns: usize, y: usize, height: usize) {
    let width = tenths(columns * CELL);
    let _ = write!(path, "M{} {y}h{width}v{height}h-{width}z", tenths(left(column)));
}

fn tenths(number: usize) -> String {
    match number % 10 {
        0 => format!("{}", number / 10),
        rest => format!("{}.{rest}", number / 10),
    }
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { ink: None, ground: None, bold: false, faint: false, reversed: false };

    fn drawn(parts: &[(&str, Style)]) -> String {
        let cells = parts.iter().flat_map(|(text, style)| Line::new(text, *style).0).collect();
        draw("<a>", &[vec![Line(cells)]])
    }

    #[test]
    fn letters_stand_in_their_columns_and_are_escaped() {
        let svg = drawn(&[("a<b  &\"c\" ⠹ d", PLAIN)]);
        assert!(svg.contains("<title id=\"title\">&lt;a&gt;</title>"), "{svg}");
        let text = "<text x=\"24\" y=\"68\" textLength=\"75.6\">a&lt;b  &amp;&quot;c&quot;</text>\n\
                    <text x=\"108\" y=\"68\" textLength=\"8.4\">⠹</text>\n\
                    <text x=\"124.8\" y=\"68\" textLength=\"8.4\">d</text>\n";
        assert!(svg.contains(text), "{svg}");
    }

    #[test]
    fn a_long_line_takes_rows_and_a_moment_a_rule() {
        let long = Line::new(&"x".repeat(COLUMNS + 1), PLAIN);
        let svg = draw("", &[vec![long.clone(), Line::default()], vec![long]]);
        for y in [68, 86, 142, 160] {
            assert!(svg.contains(&format!("y=\"{y}\"")), "{y} {svg}");
        }
        assert!(svg.contains("<path class=\"rule moment\" d=\"M24 118.5H696\"/>"), "{svg}");
    }

    #[test]
    fn colours_have_rules_on_light_and_dark() {
        let green = Style { ink: Some(2), ..PLAIN };
        let svg = drawn(&[
            ("a", green),
            ("b", Style { bold: true, ..green }),
            ("c", Style { reversed: true, ..green }),
            ("d", Style { reversed: true, ..PLAIN }),
            ("e", Style { faint: true, ..PLAIN }),
        ]);
        for text in ["c2\" x=\"24\"", "c2 bold\" x=\"32.4\"", "ground\" x=\"40.8\"", "faint\" x=\"57.6\""] {
            assert!(svg.contains(&format!("<text class=\"{text}")), "{text} {svg}");
        }
        let path =
            |class, d: &str| format!("<path class=\"{class}\" shape-rendering=\"crispEdges\" d=\"{d}\"/>");
        assert!(svg.contains(&path("c2", "M40.8 54h8.4v18h-8.4z")), "{svg}");
        assert!(svg.contains(&path("ink", "M49.2 54h8.4v18h-8.4z")), "{svg}");
        let (light, dark) = svg.split_once("@media(prefers-color-scheme:dark)").unwrap();
        assert!(light.contains(".c2{fill:#116329}") && dark.contains(".c2{fill:#3fb950}"), "{svg}");
        assert!(!svg.contains(".c1{"), "{svg}");
    }

    #[test]
    fn blocks_are_rectangles_black_and_white_on_both() {
        let code = Style { ink: Some(15), ground: Some(0), ..PLAIN };
        let svg = drawn(&[("█▀▄ █", code)]);
        let path =
            |class, d: &str| format!("<path class=\"{class}\" shape-rendering=\"crispEdges\" d=\"{d}\"/>");
        assert!(svg.contains(&path("c0", "M24 54h42v18h-42z")), "{svg}");
        // The upper halves, then the lower ones.
        let upper = "M24 54h16.8v9h-16.8zM57.6 54h8.4v9h-8.4z";
        let lower = "M24 63h8.4v9h-8.4zM40.8 63h8.4v9h-8.4zM57.6 63h8.4v9h-8.4z";
        assert!(svg.contains(&path("c15", &format!("{upper}{lower}"))), "{svg}");
        let (light, dark) = svg.split_once("@media").unwrap();
        assert!(light.contains(".c0{fill:#000}") && light.contains(".c15{fill:#fff}"), "{svg}");
        assert!(!dark.contains(".c0{") && !dark.contains(".c15{"), "{svg}");
    }
}
