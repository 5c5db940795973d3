//! A terminal window as SVG: text that can be read and selected, in the reader's own light or dark.

use std::fmt::Write;

/// The issuer that stands for the run's own.
pub(crate) const ISSUER: &str = "http://127.0.0.1:9400";

const WIDTH: usize = 720;
/// The bar with the window's buttons.
const BAR: usize = 38;
/// From the edge to the text.
const MARGIN: usize = 26;
const LINE: usize = 22;
/// Before each command but the first.
const GAP: usize = 10;

/// GitHub's own colours, so that the window sits well on its pages. Text keeps a contrast of at least 4.5 to 1.
const STYLE: &str = "\
    .window{fill:#fff;stroke:#d1d9e0}.bar{fill:#f6f8fa}.rule{stroke:#d1d9e0}.dot{fill:#d1d9e0}\
    text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre;fill:#1f2328}\
    .title,.faint{fill:#59636e}.title{font-size:12px;text-anchor:middle}.prompt,.cursor{fill:#0b5c49}.typed{font-weight:700}\
    .link{fill:#0b5c49}.warning{fill:#9a6700}\
    @media(prefers-color-scheme:dark){\
    .window{fill:#0d1117;stroke:#3d444d}.bar{fill:#151b23}.rule{stroke:#3d444d}.dot{fill:#3d444d}\
    text{fill:#f0f6fc}.title,.faint{fill:#9198a1}.prompt,.cursor,.link{fill:#5fd3b0}.warning{fill:#d29922}}";

/// A command and what it said, without what differs from run to run.
#[derive(Debug)]
pub(crate) struct Exchange {
    typed: String,
    said: Vec<String>,
}

impl Exchange {
    pub(crate) fn new(words: &[&str], said: &str, issuer: &str) -> Self {
        let lines = said.trim_matches('\n').lines().map(|line| normalised(line, issuer));
        Self { typed: format!("gatepass {}", words.join(" ")), said: lines.collect() }
    }
}

/// A line as it would be said by an authority at the usual address, some seconds after the sign-in.
fn normalised(line: &str, issuer: &str) -> String {
    let line = line.replace(issuer, ISSUER);
    // The address of a sign-in: its parameters are another's each time.
    if let Some((address, _)) = line.split_once('?').filter(|_| line.trim_start().starts_with("http")) {
        return format!("{address}?…");
    }
    // A token that is shortened already: all start alike, its end is its own.
    if let Some((start, end)) = line.split_once('…') {
        let count = end.split_once(' ').map_or("", |(_, count)| count);
        return format!("{start}… {count}");
    }
    // Only what a run of some seconds can say: any other lifetime is news, and shown.
    if let Some((before, "1 hour" | "59 minutes")) = line.split_once("expires in ") {
        return format!("{before}expires in 59 minutes");
    }
    match line.split_once("signed in ") {
        Some((before, "1 second ago")) => format!("{before}signed in 12 seconds ago"),
        Some((before, rest)) if rest.ends_with(" seconds ago") => format!("{before}signed in 12 seconds ago"),
        Some(_) | None => line,
    }
}

/// The whole picture.
pub(crate) fn draw(exchanges: &[Exchange]) -> String {
    let mut body = String::new();
    let mut y = BAR + MARGIN + 6;
    for exchange in exchanges {
        put(&mut body, y, &format!("{PROMPT}<tspan class=\"typed\">{}</tspan>", escaped(&exchange.typed)));
        y += LINE;
        for line in &exchange.said {
            if !line.is_empty() {
                put(&mut body, y, &coloured(line));
            }
            // An empty line is a pause, not a whole line: the picture is small.
            y += if line.is_empty() { LINE / 2 } else { LINE };
        }
        y += GAP;
    }
    put(&mut body, y, PROMPT);
    let _ = writeln!(
        body,
        "<rect class=\"cursor\" x=\"{}\" y=\"{}\" width=\"8\" height=\"17\"/>",
        MARGIN + 17,
        y - 13
    );
    let height = y + MARGIN - 4;
    let (right, bottom, middle) = (WIDTH - 1, height - 1, WIDTH / 2);
    let commands: Vec<&str> = exchanges.iter().map(|exchange| exchange.typed.as_str()).collect();
    let title = escaped(&format!("A terminal: {}", commands.join(", ")));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" xml:space=\"preserve\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"window\" x=\".5\" y=\".5\" width=\"{right}\" height=\"{bottom}\" rx=\"10\"/>\n\
         <path class=\"bar\" d=\"M1 {BAR}V10.5A9.5 9.5 0 0 1 10.5 1H709.5A9.5 9.5 0 0 1 719 10.5V{BAR}Z\"/>\n\
         <path class=\"rule\" d=\"M1 {BAR}.5H719\"/>\n\
         <circle class=\"dot\" cx=\"22\" cy=\"19.5\" r=\"6\"/><circle class=\"dot\" cx=\"42\" cy=\"19.5\" r=\"6\"/>\
         <circle class=\"dot\" cx=\"62\" cy=\"19.5\" r=\"6\"/>\n\
         <text class=\"title\" x=\"{middle}\" y=\"24\">gatepass</text>\n{body}</svg>\n"
    )
}

const PROMPT: &str = "<tspan class=\"prompt\">$ </tspan>";

fn put(body: &mut String, y: usize, content: &str) {
    let _ = writeln!(body, "<text x=\"{MARGIN}\" y=\"{y}\">{content}</text>");
}

/// A line that was said: names and waiting stand back, addresses to open stand out.
fn coloured(line: &str) -> String {
    let class = |name: &str, text: &str| format!("<tspan class=\"{name}\">{}</tspan>", escaped(text));
    if line.starts_with("warning:") {
        return class("warning", line);
    }
    if line.trim_start().starts_with("http") {
        return class("link", line);
    }
    if line.starts_with("your browser") || line.starts_with("open this") || line.starts_with("waiting") {
        return class("faint", line);
    }
    // `Account: …`: a name in front of what it names.
    match line.split_once(": ") {
        Some((name, value)) if name.starts_with(char::is_uppercase) && !name.contains(' ') => {
            format!("{}{}", class("faint", &format!("{name}: ")), escaped(value))
        }
        _ => escaped(line),
    }
}

/// Text as XML has it; what cannot stand in XML at all is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push(' '),
            control if control.is_control() => {}
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "http://127.0.0.1:37213";

    #[test]
    fn normalises_what_differs_from_run_to_run() {
        for (said, shown) in [
            ("  http://127.0.0.1:37213/authorize?a=1&b=2", "  http://127.0.0.1:9400/authorize?…"),
            ("signed in to http://127.0.0.1:37213 as a@b", "signed in to http://127.0.0.1:9400 as a@b"),
            ("eyJhbGciOiJF…bSGdnQ (696 characters)", "eyJhbGciOiJF… (696 characters)"),
            ("Token:   expires in 1 hour", "Token:   expires in 59 minutes"),
            ("Session: bound, signed in 1 second ago", "Session: bound, signed in 12 seconds ago"),
            ("Token:   expires in 5 minutes", "Token:   expires in 5 minutes"),
            ("really?", "really?"),
        ] {
            assert_eq!(normalised(said, RUN), shown);
        }
    }

    #[test]
    fn escapes_everything_that_was_said() {
        assert_eq!(escaped("a<b>&\"c\"\t\u{1b}d"), "a&lt;b&gt;&amp;&quot;c&quot; d");
        let exchanges = [
            Exchange::new(&["login"], "</text>&\n\nName: <v>\n  http://x\n", RUN),
            Exchange::new(&["<"], "", RUN),
        ];
        let svg = draw(&exchanges);
        assert!(svg.contains("\">&lt;/text&gt;&amp;</text>"), "{svg}");
        assert!(svg.contains("<tspan class=\"faint\">Name: </tspan>&lt;v&gt;</text>"), "{svg}");
        assert!(
            svg.contains("<title id=\"title\">A terminal: gatepass login, gatepass &lt;</title>"),
            "{svg}"
        );
        let count = |tag: &str| svg.matches(tag).count();
        assert_eq!((count("<text "), count("<tspan")), (count("</text>"), count("</tspan>")));
    }
}
