//! The live view's looks: few colours, none of which says anything alone, and room for forty columns.

use gatepass::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row as Cells, Table, TableState, Wrap};

use crate::qr;
use crate::tui::command;
use crate::tui::model::{Mode, Note, Organization, Row, Session, SignIn, left};
use crate::tui::state::State;

/// Narrower than this, the list has two columns.
const NARROW: u16 = 60;

/// How many columns the text of a sign-in has at least beside a code.
const FORTY: u16 = 40;

/// How wide the names of things are.
const LABEL: usize = 14;

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State, now: Timestamp, colours: bool) {
    let look = Look { colours };
    let area = frame.area();
    let note = state.note.as_ref().map(|note| look.note(note)).unwrap_or_default();
    let note_height = rows(&note, area.width).min(area.height / 3);
    let [header, rule, body, news, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(note_height),
        Constraint::Length(1),
    ])
    .areas(area);

    frame.render_widget(title(state), header);
    frame.render_widget(Line::from("─".repeat(usize::from(area.width))), rule);
    match &state.mode {
        Mode::Help => frame.render_widget(lines(help()), body),
        Mode::Status => frame.render_widget(lines(status(state, now)), body),
        Mode::Organizations { list, at } => organizations(frame, body, list, *at),
        Mode::SignIn(sign_in) => signing_in(frame, body, sign_in, now, look),
        Mode::Home | Mode::Input(_) | Mode::AskSignOut | Mode::Email { .. } => {
            home(frame, body, state, now, look)
        }
    }
    frame.render_widget(lines(note), news);
    foot(frame, footer, state);
}

/// What may be coloured.
#[derive(Clone, Copy)]
struct Look {
    colours: bool,
}

impl Look {
    /// The terminal's own green and red, which its owner has made readable on light or dark.
    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn note(self, note: &Note) -> Vec<Line<'static>> {
        let first = if note.bad {
            Line::from(vec![
                Span::styled("error: ", self.coloured(Color::Red).add_modifier(Modifier::BOLD)),
                Span::raw(note.text.clone()),
            ])
        } else {
            Line::from(note.text.clone())
        };
        let hint = note.hint.iter().map(|hint| Line::from(format!("hint: {hint}")));
        std::iter::once(first).chain(hint).collect()
    }
}

fn lines(lines: Vec<Line<'_>>) -> Paragraph<'_> {
    Paragraph::new(lines).wrap(Wrap { trim: false })
}

fn title(state: &State) -> Line<'_> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Line::from(vec![
        Span::styled(state.wording.title.as_str(), bold),
        Span::raw("  "),
        Span::raw(state.profile.as_str()),
    ])
}

fn home(frame: &mut Frame<'_>, area: Rect, state: &State, now: Timestamp, look: Look) {
    let mut above = Vec::new();
    if let Some(source) = &state.wording.given {
        above.push(Line::from(format!("{source} holds a token, which is used instead of any session")));
    }
    let above_height = rows(&above, area.width);
    // The account in view matters more than a long list of the others.
    let listed = u16::try_from(state.rows.len() + 1).unwrap_or(u16::MAX).min((area.height / 2).max(2));
    let [top, list, _gap, details] = Layout::vertical([
        Constraint::Length(above_height),
        Constraint::Length(if state.rows.is_empty() { 0 } else { listed }),
        Constraint::Length(u16::from(area.height > 8)),
        Constraint::Min(0),
    ])
    .areas(area);
    frame.render_widget(lines(above), top);
    frame.render_stateful_widget(
        accounts(state, now, area.width, look),
        list,
        &mut TableState::new().with_selected(state.at),
    );
    frame.render_widget(lines(account(state, now)), details);
}

fn accounts(state: &State, now: Timestamp, width: u16, look: Look) -> Table<'static> {
    let narrow = width < NARROW;
    let cells = |[account, profile, token, storage]: [String; 4]| {
        if narrow { vec![account, token] } else { vec![account, profile, token, storage] }
    };
    let rows = state.rows.iter().map(|row| {
        let mark = if row.profile == state.profile { "*" } else { " " };
        let style = match &row.session {
            Ok(Some(session)) if session.expires_at.is_some_and(|moment| moment > now) => {
                look.coloured(Color::Green)
            }
            Ok(_) => Style::new(),
            Err(_) => look.coloured(Color::Red),
        };
        let (account, token, storage) = match &row.session {
            Ok(Some(session)) => (session.account.clone(), session.countdown(now), session.storage),
            Ok(None) => (String::from("nobody"), String::from("-"), "-"),
            Err(_) => (String::from("unreadable"), String::from("-"), "-"),
        };
        // Two columns have no room for the profile, by which a person tells two accounts of one address apart.
        let account = if narrow && row.profile != "default" {
            format!("{mark} {account} ({})", row.profile)
        } else {
            format!("{mark} {account}")
        };
        Cells::new(cells([account, row.profile.clone(), token, storage.to_owned()])).style(style)
    });
    let header = cells(["  Account", "Profile", "Token", "Kept"].map(str::to_owned));
    let widths = if narrow {
        vec![Constraint::Fill(1), Constraint::Length(8)]
    } else {
        vec![Constraint::Fill(3), Constraint::Fill(2), Constraint::Length(10), Constraint::Length(10)]
    };
    Table::new(rows, widths)
        .header(Cells::new(header).style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
}

/// The account that commands are about, the most wanted first: what does not fit is left out.
fn account(state: &State, now: Timestamp) -> Vec<Line<'static>> {
    let Some(row) = state.row() else {
        let words =
            if state.is_new() { "looking at the stored sessions" } else { "nobody is signed in; press l" };
        return vec![Line::from(words)];
    };
    match &row.session {
        Ok(Some(session)) => {
            let mut lines = vec![
                named("Account", session.account.clone()),
                named("Token", session.token(now)),
                named("Storage", session.kept()),
                named("Issuer", session.issuer.clone()),
                named("Session", session.bond(now)),
            ];
            if state.wording.organizations {
                lines.insert(2, named("Organization", organization(row.organization.as_ref())));
            }
            lines
        }
        Ok(None) => vec![Line::from(format!("nobody is signed in to `{}`; press l", row.profile))],
        Err(trouble) => {
            let note = state.wording.note(trouble, false);
            let hint = note.hint.map(|hint| Line::from(format!("hint: {hint}")));
            std::iter::once(Line::from(note.text)).chain(hint).collect()
        }
    }
}

fn organization(organization: Option<&Organization>) -> String {
    organization.map_or_else(
        || String::from("none chosen"),
        |Organization { id, name }| if id == name { name.clone() } else { format!("{name} ({id})") },
    )
}

fn named(name: &'static str, value: String) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{name:LABEL$}"), Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(value),
    ])
}

/// `/status`: whether somebody is signed in, and the organization, before all else.
fn status(state: &State, now: Timestamp) -> Vec<Line<'static>> {
    let session: Option<&Session> = state.session();
    let given = state.wording.given.as_ref().map(|source| format!("by a token that {source} holds"));
    let said = given.or_else(|| session.map(|session| format!("signed in as {}", session.account)));
    let mut lines = vec![
        named("Status", said.unwrap_or_else(|| String::from("nobody is signed in"))),
        named("Profile", state.profile.clone()),
    ];
    if state.wording.organizations {
        let chosen = state.row().and_then(|row| row.organization.as_ref());
        lines.insert(1, named("Organization", organization(chosen)));
    }
    match state.row().map(|Row { session, .. }| session) {
        Some(Ok(Some(session))) => lines.extend([
            named("Token", session.token(now)),
            named("Session", session.bond(now)),
            named("Storage", session.kept()),
            named("Issuer", session.issuer.clone()),
            named("Client", session.client_id.clone()),
            named("Subject", session.subject.clone()),
            named("Scope", session.scope.clone()),
        ]),
        Some(Err(trouble)) => lines.push(named("Session", trouble.message())),
        Some(Ok(None)) | None => {}
    }
    lines
}

fn help() -> Vec<Line<'static>> {
    let commands = command::NAMES.map(|(name, key, what)| (format!("{key} /{name}"), what));
    let moving = (String::from("arrows Enter"), "show another account");
    commands
        .into_iter()
        .chain([moving])
        .map(|(key, what)| {
            let bold = Style::new().add_modifier(Modifier::BOLD);
            Line::from(vec![Span::styled(format!("{key:12} "), bold), Span::raw(what)])
        })
        .collect()
}

fn organizations(frame: &mut Frame<'_>, area: Rect, list: &[Organization], at: usize) {
    let none = String::from("none");
    let names = std::iter::once(none).chain(list.iter().map(|one| organization(Some(one))));
    let rows = names.map(|name| Cells::new([name]));
    let table = Table::new(rows, [Constraint::Fill(1)])
        .header(Cells::new(["Organization"]).style(Style::new().add_modifier(Modifier::BOLD)))
        .highlight_symbol("> ")
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(at));
}

fn signing_in(frame: &mut Frame<'_>, area: Rect, sign_in: &SignIn, now: Timestamp, look: Look) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut above: Vec<Line<'_>> = Vec::new();
    if let Some(account) = &sign_in.confirm {
        above.push(Line::from(vec![Span::raw("somebody signed in as "), Span::styled(account, bold)]));
        above.push(Line::from("is that you? y keeps the session, n does not"));
    } else if sign_in.finishing {
        above.push(Line::from("an answer has come; finishing"));
    } else if sign_in.address.is_none() && sign_in.code.is_none() {
        above.push(Line::from("asking the issuer how to sign in"));
    } else {
        return waiting(frame, area, sign_in, now, look);
    }
    frame.render_widget(lines(above), area);
}

/// Both ways at once: a code for another device, and the address for a browser.
fn waiting(frame: &mut Frame<'_>, area: Rect, sign_in: &SignIn, now: Timestamp, look: Look) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut above: Vec<Line<'_>> = Vec::new();
    let mut area = area;
    if let Some(code) = &sign_in.code {
        area = beside_qr(frame, area, &code.whole, look);
        above.push(Line::from(format!("on any device, open {}", code.address)));
        above.push(Line::from(vec![Span::raw("and compare this code: "), Span::styled(&code.code, bold)]));
    }
    above.push(Line::from(format!("waiting for you, {} left", left(sign_in.until.unwrap_or(now), now))));
    if let Some(words) = &sign_in.words {
        above.push(Line::from(vec![
            Span::raw("compare these words with the page: "),
            Span::styled(words, bold),
        ]));
    }
    if let Some(address) = &sign_in.address {
        above.push(match sign_in.typed.len() {
            0 if sign_in.words.is_some() => Line::from("or type the code that the page shows, and Enter"),
            0 => Line::from("browser elsewhere? paste the address it ends at"),
            length => Line::from(format!("{length} characters; Enter hands them in")),
        });
        let opened = "your browser should open now; or open this:";
        above.push(Line::from(if sign_in.opened { opened } else { "open this address in a browser:" }));
        let above_height = Constraint::Length(rows(&above, area.width));
        let [_, bottom] = Layout::vertical([above_height, Constraint::Min(0)]).areas(area);
        // Last and without a margin: it may be long, and is copied.
        frame.render_widget(address_rows(address, bottom), bottom);
    }
    frame.render_widget(lines(above), area);
}

/// Draws a QR code at the right where there is room for it; gives what is left.
fn beside_qr(frame: &mut Frame<'_>, area: Rect, text: &str, look: Look) -> Rect {
    let room = usize::from(area.width.saturating_sub(FORTY));
    let Some(code) = qr::lines(text, room, false).filter(|code| code.len() <= usize::from(area.height))
    else {
        return area;
    };
    let width = code.first().map_or(0, |line| Span::raw(line.as_str()).width());
    let width = Constraint::Length(u16::try_from(width).unwrap_or(0));
    let [rest, _, right] = Layout::horizontal([Constraint::Min(0), Constraint::Length(1), width]).areas(area);
    let code: Vec<Line<'_>> = code.into_iter().map(Line::from).collect();
    let style = if look.colours { Style::new().fg(Color::White).bg(Color::Black) } else { Style::new() };
    frame.render_widget(Paragraph::new(code).style(style), right);
    rest
}

/// How many rows lines take that are wrapped at words, counted by the wrapping itself.
fn rows(lines: &[Line<'_>], width: u16) -> u16 {
    let width = usize::from(width.max(1));
    let rows = lines.iter().map(|line| {
        let mut rows = 1;
        let mut used = 0;
        for word in line.to_string().split(' ') {
            let length = Span::raw(word).width();
            let needed = if used == 0 { length } else { used + 1 + length };
            if needed > width && used > 0 {
                rows += 1;
                used = length;
            } else {
                used = needed;
            }
            // A word that is longer than a row is cut.
            rows += used.saturating_sub(1) / width;
            used -= used.saturating_sub(1) / width * width;
        }
        rows
    });
    u16::try_from(rows.sum::<usize>()).unwrap_or(u16::MAX)
}

/// An address over whole rows; what does not fit is said to be missing.
fn address_rows(address: &str, area: Rect) -> Paragraph<'_> {
    let (width, height) = (usize::from(area.width.max(1)), usize::from(area.height));
    let letters: Vec<char> = address.chars().collect();
    let mut rows: Vec<String> = letters.chunks(width).map(|row| row.iter().collect()).collect();
    if rows.len() > height {
        rows.truncate(height.saturating_sub(1));
        rows.push(String::from("… (p shows all of it)"));
    }
    Paragraph::new(rows.into_iter().map(Line::from).collect::<Vec<_>>())
}

/// The last row: a line to type in, a question, or the keys.
fn foot(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let keys: &[&str] = match &state.mode {
        Mode::Input(line) => {
            let names: Vec<String> =
                command::beginning(line).filter(|name| name != line).map(|name| format!("/{name}")).collect();
            return typed(frame, area, &format!("> /{line}"), &names.join(" "));
        }
        Mode::Email { line, .. } => {
            return typed(frame, area, &format!("Email: {line}"), "Enter alone: without one");
        }
        Mode::AskSignOut => {
            let account = state.session().map_or("", |session| session.account.as_str());
            frame.render_widget(Line::from(format!("sign out? y/n  {account}")), area);
            return;
        }
        Mode::Home if state.busy.is_some() => {
            frame.render_widget(Line::from(format!("{}, one moment", state.busy.unwrap_or_default())), area);
            return;
        }
        Mode::Home => {
            if state.wording.organizations {
                &["l sign in", "o sign out", "r refresh", "g organization", "/ command", "? help", "q quit"]
            } else {
                &["l sign in", "o sign out", "r refresh", "/ command", "? help", "q quit"]
            }
        }
        Mode::Help | Mode::Status => &["Esc back"],
        Mode::Organizations { .. } => &["up down", "Enter choose", "Esc back"],
        Mode::SignIn(SignIn { confirm: Some(_), .. }) => &["y keep", "n give up"],
        Mode::SignIn(SignIn { words: Some(_), .. }) => &["1 device code", "2 address", "Esc give up"],
        Mode::SignIn(_) => &["d device code", "p address", "Esc give up"],
    };
    frame.render_widget(Line::from(fitting(keys, area.width)), area);
}

/// A line that is typed, with the cursor at its end.
fn typed(frame: &mut Frame<'_>, area: Rect, line: &str, hint: &str) {
    let column = u16::try_from(Span::raw(line).width()).unwrap_or(u16::MAX);
    frame.render_widget(Line::from(format!("{line}   {hint}")), area);
    frame.set_cursor_position(Position::new(area.x + column.min(area.width.saturating_sub(1)), area.y));
}

/// As many keys as fit; the last two stay longest.
fn fitting(keys: &[&str], width: u16) -> String {
    let mut keys = keys.to_vec();
    let line = |keys: &[&str]| keys.join("  ");
    while keys.len() > 1 && line(&keys).chars().count() > usize::from(width) {
        keys.remove(keys.len().saturating_sub(3));
    }
    line(&keys)
}
