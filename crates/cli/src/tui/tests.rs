//! Every key and command on a clock of our own, and what the view then looks like.

use gatepass::{Error, Secret, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use crate::email::Email;
use crate::tui::draw::draw;
use crate::tui::model::{
    Action, Code, Event, Key, Mode, Organization, Progress, Row, Session, SignIn, SignedOut, Wording,
};
use crate::tui::state::State;
use crate::words::Trouble;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(seconds: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(seconds))
}

fn session(account: &str) -> Session {
    Session {
        account: account.to_owned(),
        subject: String::from("u-1"),
        issuer: String::from("https://login.acme.example"),
        client_id: String::from("acme-cli"),
        scope: String::from("openid email"),
        bound: true,
        refreshes: true,
        signed_in_at: at(0),
        expires_at: Some(at(3600)),
        storage: "sealed",
    }
}

fn acme() -> Organization {
    Organization { id: String::from("org_1"), name: String::from("Acme") }
}

fn row(profile: &str, session: Option<Session>) -> Row {
    Row { profile: profile.to_owned(), session: Ok(session), organization: None }
}

/// Two accounts and a profile that nobody is signed in to.
fn rows() -> Vec<Row> {
    let work = Session { refreshes: false, storage: "keyring", ..session("ada@work.example") };
    let mut rows =
        vec![row("default", Some(session("ada@example.com"))), row("work", Some(work)), row("test", None)];
    rows[0].organization = Some(acme());
    rows
}

/// The view as it stands once the sessions were looked at.
fn view() -> State {
    let wording = Wording { title: String::from("Acme"), organizations: true, ..Wording::default() };
    let mut state = State::new(wording, String::from("default"));
    assert_eq!(state.update(Event::Tick, NOW), Some(Action::Load));
    assert_eq!(state.update(Event::Loaded(Ok(rows())), NOW), None);
    state
}

fn press(state: &mut State, keys: &str) -> Option<Action> {
    let mut last = None;
    for letter in keys.chars() {
        let key = match letter {
            '\n' => Key::Enter,
            '\t' => Key::Tab,
            '\x1b' => Key::Escape,
            '\x08' => Key::Backspace,
            '↓' => Key::Down,
            '↑' => Key::Up,
            letter => Key::Char(letter),
        };
        last = state.update(Event::Key(key), NOW);
    }
    last
}

fn note(state: &State) -> &str {
    state.note.as_ref().map_or("", |note| &note.text)
}

fn profile(name: &str) -> String {
    name.to_owned()
}

/// What a person sees, without the blanks at the ends of lines.
fn seen(state: &State, now: Timestamp, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, now, true)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(width));
    lines
        .map(|cells| {
            cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned() + "\n"
        })
        .collect()
}

#[test]
fn letters_do_what_the_last_row_says() {
    for (keys, action) in [
        ("q", Action::Quit),
        ("r", Action::Refresh { profile: profile("default") }),
        ("g", Action::Organizations { profile: profile("default") }),
        ("l", Action::SignIn { attempt: 1, profile: profile("default"), email: None }),
        ("oy", Action::SignOut { profile: profile("default") }),
        ("↓\nr", Action::Refresh { profile: profile("work") }),
        ("jjk\nr", Action::Refresh { profile: profile("work") }),
        ("↓↓↓↓\nl", Action::SignIn { attempt: 1, profile: profile("test"), email: None }),
        ("↑\nr", Action::Refresh { profile: profile("default") }),
        ("?r", Action::Refresh { profile: profile("default") }),
    ] {
        assert_eq!(press(&mut view(), keys), Some(action), "{keys}");
    }
    for keys in ["", "?", "/st", "o", "l"] {
        let mut state = view();
        press(&mut state, keys);
        assert_eq!(state.update(Event::Key(Key::Suspend), NOW), Some(Action::Suspend), "{keys}");
        assert_eq!(state.update(Event::Key(Key::Interrupt), NOW), Some(Action::Quit), "{keys}");
    }
}

#[test]
fn commands_do_what_the_help_says() {
    for (keys, action) in [
        ("/quit\n", Action::Quit),
        ("/refresh\n", Action::Refresh { profile: profile("default") }),
        ("/ref\t\n", Action::Refresh { profile: profile("default") }),
        ("/org\n", Action::Organizations { profile: profile("default") }),
        ("/login\n", Action::SignIn { attempt: 1, profile: profile("default"), email: None }),
        ("/login new\n", Action::SignIn { attempt: 1, profile: profile("new"), email: None }),
        ("/logout\ny", Action::SignOut { profile: profile("default") }),
        ("/logout --forget\n", Action::Forget { profile: profile("default") }),
        ("/quix\x08t\n", Action::Quit),
    ] {
        assert_eq!(press(&mut view(), keys), Some(action), "{keys}");
    }
    let mut state = view();
    assert_eq!(press(&mut state, "/status\n"), None);
    assert!(matches!(state.mode, Mode::Status));
    assert_eq!(press(&mut state, "\x1b/help\n"), None);
    assert!(matches!(state.mode, Mode::Help));
    assert_eq!(press(&mut state, "\x1b/wrong\n"), None);
    assert!(note(&state).contains("there is no such command; there are /status"), "{}", note(&state));
    // The slash goes with the last letter, and an empty line closes.
    press(&mut state, "/q\x08\x08");
    assert!(matches!(state.mode, Mode::Home));
    press(&mut state, "/q");
    state.update(Event::Key(Key::Clear), NOW);
    assert!(matches!(&state.mode, Mode::Input(line) if line.is_empty()));
}

#[test]
fn nobody_is_signed_out_by_accident() {
    for answer in ["n", "\n", "\x1b", "q", "o"] {
        let mut state = view();
        assert_eq!(press(&mut state, &format!("o{answer}")), None);
        assert_eq!(note(&state), "still signed in");
    }
}

#[test]
fn where_nobody_is_signed_in_it_says_what_to_do() {
    for keys in ["r", "o", "g", "/logout\n"] {
        let mut state = view();
        assert_eq!(press(&mut state, &format!("↓↓\n{keys}")), None);
        let note = state.note.unwrap();
        assert_eq!((note.text.as_str(), note.hint.as_deref()), ("nobody is signed in", Some("run `/login`")));
    }
}

#[test]
fn a_failure_is_shown_with_its_hint_and_ends_nothing() {
    let mut state = view();
    press(&mut state, "r");
    assert_eq!(press(&mut state, "r"), None);
    assert_eq!(note(&state), "still refreshing");
    assert_eq!(state.update(Event::Key(Key::Suspend), NOW), None, "it would sleep with the lock");
    let failed = Event::Refreshed(Err(Trouble::Core(Error::Unreachable)));
    assert_eq!(state.update(failed, at(1)), Some(Action::Load), "another process may know more");
    let note = state.note.clone().unwrap();
    assert!(note.bad && note.hint.is_some_and(|hint| hint.contains("network")), "{}", note.text);
    assert!(press(&mut state, "r").is_some(), "and it can be tried again");
    state.update(Event::Refreshed(Ok(false)), at(1));
    assert_eq!(state.note.unwrap().text, "the new session could not be saved");
}

#[test]
fn signing_out_says_what_the_issuer_said() {
    let account = || String::from("ada@example.com");
    for (result, said) in [
        (
            Ok(SignedOut { account: account(), revoked: Ok(()) }),
            "signed out ada@example.com, here and at the issuer",
        ),
        (
            Ok(SignedOut { account: account(), revoked: Err(Trouble::Core(Error::Unreachable)) }),
            "signed out ada@example.com here; not at the issuer: the server cannot be reached or is out of order",
        ),
        (Err(Trouble::Core(Error::StoreLocked)), "the keyring is locked or does not answer"),
    ] {
        let mut state = view();
        press(&mut state, "oy");
        assert_eq!(state.update(Event::SignedOut(result), NOW), Some(Action::Load));
        assert_eq!((note(&state), state.busy), (said, None));
    }
}

#[test]
fn a_session_that_cannot_be_read_is_named_and_can_be_removed() {
    let mut state = view();
    let broken = Row { session: Err(Trouble::Core(Error::StoreCorrupt)), ..row("default", None) };
    state.update(Event::Loaded(Ok(vec![broken])), NOW);
    press(&mut state, "r");
    assert_eq!(state.note.clone().unwrap().text, "the stored session cannot be read");
    assert!(seen(&state, NOW, 80, 24).contains("remove it with `/logout --forget`"));
    assert!(matches!(press(&mut state, "/logout --forget\n"), Some(Action::Forget { .. })));
}

#[test]
fn other_processes_are_looked_at_again_in_time() {
    let mut state = view();
    assert_eq!(state.update(Event::Tick, at(9)), None);
    assert_eq!(state.update(Event::Tick, at(10)), Some(Action::Load));
    assert_eq!(state.update(Event::Tick, at(30)), None, "one look at a time");
    press(&mut state, "↓↓");
    let mut moved = rows();
    moved.insert(0, row("another", None));
    state.update(Event::Loaded(Ok(moved)), at(30));
    assert_eq!(state.rows[state.at].profile, "test", "the cursor stays on its account");
    assert_eq!(state.update(Event::Tick, at(39)), None);
}

#[test]
fn the_account_of_the_view_is_switched_for_the_view_alone() {
    let mut state = view();
    press(&mut state, "↓");
    assert_eq!(state.profile, "default");
    press(&mut state, "\n");
    assert_eq!(state.profile, "work");
    assert!(note(&state).contains("other terminals keep theirs"));
}

#[test]
fn organizations_are_chosen_and_taken_back() {
    let mut state = view();
    let list = || Ok(vec![Organization { id: profile("org_0"), name: profile("Zero") }, acme()]);
    press(&mut state, "g");
    state.update(Event::Organizations(list()), NOW);
    assert!(matches!(state.mode, Mode::Organizations { at: 2, .. }), "the cursor is on the chosen one");
    let choose = press(&mut state, "↑\n");
    let zero = Organization { id: profile("org_0"), name: profile("Zero") };
    assert_eq!(
        choose,
        Some(Action::Choose { profile: profile("default"), organization: Some(zero.clone()) })
    );
    assert_eq!(state.update(Event::Chosen(Ok(Some(zero))), NOW), Some(Action::Load));
    assert_eq!(note(&state), "organization: Zero");
    press(&mut state, "g");
    state.update(Event::Organizations(list()), NOW);
    let none = Some(Action::Choose { profile: profile("default"), organization: None });
    assert_eq!(press(&mut state, "↑↑↑↑\n"), none);
    state.update(Event::Chosen(Ok(None)), NOW);
    // An answer that comes late takes nobody away from what they do.
    press(&mut state, "g/sta");
    state.update(Event::Organizations(list()), NOW);
    assert!(matches!(&state.mode, Mode::Input(line) if line == "sta"));
    state.update(Event::Organizations(Ok(Vec::new())), NOW);
    assert_eq!(note(&state), "this account belongs to no organization");
}

const ADDRESS: &str = "https://login.acme.example/authorize?client_id=acme-cli&state=s";

fn signing_in() -> State {
    let mut state = view();
    press(&mut state, "l");
    let open = Progress::Open { address: ADDRESS.to_owned(), words: None, opened: false, until: at(300) };
    assert_eq!(state.update(Event::SignIn(1, open), NOW), None);
    state
}

fn mode(state: &State) -> &SignIn {
    let Mode::SignIn(sign_in) = &state.mode else { panic!("{:?}", state.mode) };
    sign_in
}

#[test]
fn an_e_mail_address_comes_first_where_the_manifest_wants_it() {
    let begun = |email: Option<&str>| {
        let email = email.map(|email| Email::parse(email).unwrap());
        Some(Action::SignIn { attempt: 1, profile: profile("work"), email })
    };
    let asked = || {
        let mut state = view();
        state.wording.email_first = true;
        assert_eq!(press(&mut state, "/login work\n"), None);
        assert!(seen(&state, NOW, 40, 12).contains("Email:    Enter alone: without one"));
        state
    };
    assert_eq!(press(&mut asked(), "ada@work.examplx\x08e\n"), begun(Some("ada@work.example")));
    assert_eq!(press(&mut asked(), "\n"), begun(None));
    let mut state = asked();
    assert_eq!(press(&mut state, "ada\n"), None);
    assert!(note(&state).contains("not an e-mail address"));
    assert_eq!(press(&mut state, "@work.example\n"), begun(Some("ada@work.example")));
    let mut state = asked();
    assert_eq!(press(&mut state, "ada\x1b"), None);
    assert!(matches!(state.mode, Mode::Home) && state.profile == "default");
}

#[test]
fn an_address_is_taken_by_paste_or_by_hand_and_never_shown() {
    let pasted = "http://127.0.0.1:9/callback?code=quiet";
    let mut state = signing_in();
    let action = state.update(Event::Pasted(Secret::from(pasted)), NOW);
    assert_eq!(action, Some(Action::Paste(Secret::from(pasted))));

    assert_eq!(press(&mut state, pasted), None);
    assert_eq!(mode(&state).typed.len(), pasted.len());
    let seen = seen(&state, NOW, 80, 24);
    assert!(seen.contains("38 characters") && !seen.contains("quiet"), "{seen}");
    assert!(!format!("{state:?}").contains("quiet"));
    assert_eq!(press(&mut state, "\n"), Some(Action::Paste(Secret::from(pasted))));
    assert_eq!(press(&mut state, "\n"), None, "and it is gone");

    let wrong = Progress::Refused(Trouble::Core(Error::StateMismatch));
    state.update(Event::SignIn(1, wrong), NOW);
    assert!(note(&state).contains("belongs to no login of ours"));
    assert_eq!(mode(&state).address.as_deref(), Some(ADDRESS), "the wait goes on");

    let mut home = view();
    assert_eq!(home.update(Event::Pasted(Secret::from(pasted)), NOW), None);
    assert!(note(&home).contains("while you sign in"));
}

#[test]
fn a_dashboard_shows_words_and_takes_a_code_of_any_letters() {
    let mut state = view();
    press(&mut state, "l");
    let words = Some(String::from("lusab-babad-gutih"));
    let open = Progress::Open { address: ADDRESS.to_owned(), words, opened: true, until: at(300) };
    state.update(Event::SignIn(1, open), NOW);
    let shown = seen(&state, NOW, 80, 24);
    assert!(shown.contains("lusab-babad-gutih") && shown.contains("type the code"), "{shown}");
    assert_eq!(press(&mut state, "dpcf-ghjk\n"), Some(Action::Paste(Secret::from("dpcf-ghjk"))));
    assert_eq!(press(&mut state, "1"), Some(Action::DeviceCode));
}

#[test]
fn a_sign_in_ends_once_however_it_ends() {
    let mut state = signing_in();
    assert_eq!(state.update(Event::SignIn(1, Progress::Stranger), NOW), None);
    assert!(note(&state).contains("still waiting"));
    assert_eq!(press(&mut state, "d"), Some(Action::DeviceCode));
    state.update(Event::SignIn(1, Progress::Finishing), NOW);
    assert!(seen(&state, NOW, 80, 24).contains("finishing"));
    assert_eq!(state.update(Event::SignIn(1, Progress::Done(Ok(()))), NOW), Some(Action::Load));
    assert!(matches!(state.mode, Mode::Home));
    assert_eq!(note(&state), "signed in");

    let mut state = signing_in();
    assert_eq!(
        state.update(Event::SignIn(1, Progress::Done(Err(Trouble::Core(Error::LoginExpired)))), NOW),
        Some(Action::Load)
    );
    assert!(note(&state).contains("before the time was up"));

    // One that is given up says no more, unless it came to a session all the same.
    let mut state = signing_in();
    assert_eq!(press(&mut state, "\x1b"), Some(Action::GiveUp));
    assert_eq!(state.update(Event::SignIn(1, Progress::Stranger), NOW), None);
    assert_eq!(
        state.update(Event::SignIn(1, Progress::Done(Err(Trouble::Core(Error::LoginExpired)))), NOW),
        None
    );
    assert_eq!(note(&state), "the sign-in is given up");
    press(&mut state, "l");
    assert_eq!(state.update(Event::SignIn(1, Progress::Done(Ok(()))), NOW), Some(Action::Load));
    assert!(note(&state).contains("after all"));
    assert!(matches!(state.mode, Mode::SignIn(_)), "the new one goes on");
}

#[test]
fn whose_session_it_is_is_asked() {
    for (key, kept) in [("y", true), ("n", false), ("\x1b", false)] {
        let mut state = signing_in();
        state.update(Event::SignIn(1, Progress::Confirm(String::from("eve@example.com"))), NOW);
        assert!(seen(&state, NOW, 80, 24).contains("eve@example.com"));
        assert_eq!(press(&mut state, "x\n"), None);
        assert_eq!(press(&mut state, key), Some(Action::Keep(kept)));
    }
}

#[test]
fn the_address_alone_can_be_copied() {
    let mut state = signing_in();
    assert_eq!(state.printed(), None);
    press(&mut state, "p");
    assert_eq!(state.printed(), Some(ADDRESS));
    assert_eq!(press(&mut state, "\x1b"), None, "whatever is pressed leads back, and no more");
    assert!(state.printed().is_none() && mode(&state).address.is_some());
    press(&mut state, "p");
    state.update(Event::SignIn(1, Progress::Done(Ok(()))), NOW);
    assert_eq!(state.printed(), None);
}

#[test]
fn a_manifest_has_words_of_its_own() {
    let mut state = view();
    let own = vec![String::from("Session expired. {hint}")];
    state.wording.errors.insert(String::from("session_ended"), own);
    state.update(Event::Refreshed(Err(Trouble::Core(Error::SessionEnded))), NOW);
    assert_eq!(note(&state), "Session expired. run `/login`");
}

#[test]
fn the_token_counts_down() {
    let state = view();
    for (now, token) in [
        (0, "1:00:00 left"),
        (1, "59:59 left"),
        (3551, "0:49 left"),
        (3600, "expired; the next use refreshes it"),
    ] {
        let seen = seen(&state, at(now), 80, 24);
        assert!(seen.contains(token), "{token}\n{seen}");
    }
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    let mut state = view();
    state.update(Event::Refreshed(Err(Trouble::Core(Error::Unreachable))), NOW);
    for colours in [true, false] {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &state, NOW, colours)).unwrap();
        let coloured = |cell: &ratatui::buffer::Cell| cell.fg != Color::Reset || cell.bg != Color::Reset;
        assert_eq!(terminal.backend().buffer().content().iter().any(coloured), colours);
    }
}

#[test]
fn what_servers_say_moves_no_cursor() {
    let mut state = view();
    let evil = "a\u{1b}[2J\r\n\u{9b}31m@example.com";
    state.update(Event::Loaded(Ok(vec![row("default", Some(session(evil)))])), NOW);
    for keys in ["", "/status\n", "\x1bo"] {
        press(&mut state, keys);
        assert!(!seen(&state, NOW, 80, 24).replace('\n', "").contains(char::is_control), "{keys}");
    }
}

#[test]
fn no_size_is_too_small() {
    for keys in ["", "?", "/st", "o", "/status\n", "l"] {
        for (width, height) in [(1, 1), (3, 2), (10, 5), (40, 3), (200, 60)] {
            let mut state = signing_in();
            press(&mut state, "\x1b");
            press(&mut state, keys);
            seen(&state, NOW, width, height);
        }
    }
}

/// Holds a picture against its file; the message of a failure is what the file would have to hold.
macro_rules! looks {
    ($file:literal, $seen:expr) => {
        let seen = $seen;
        assert!(seen == include_str!(concat!("snapshots/", $file, ".txt")), "{}:\n{seen}", $file);
    };
}

#[test]
fn the_accounts_as_they_look() {
    let mut state = view();
    looks!("home-80x24", seen(&state, NOW, 80, 24));
    looks!("home-40x12", seen(&state, NOW, 40, 12));
    press(&mut state, "o");
    looks!("sign-out-40x12", seen(&state, NOW, 40, 12));
    press(&mut state, "\x1br");
    state.update(Event::Refreshed(Err(Trouble::Core(Error::Unreachable))), NOW);
    looks!("trouble-40x12", seen(&state, NOW, 40, 12));
    state.wording.given = Some(String::from("ACME_TOKEN"));
    press(&mut state, "/log");
    looks!("input-80x24", seen(&state, NOW, 80, 24));
}

#[test]
fn the_panels_as_they_look() {
    let mut state = view();
    press(&mut state, "?");
    looks!("help-40x12", seen(&state, NOW, 40, 12));
    press(&mut state, "/status\n");
    looks!("status-80x24", seen(&state, NOW, 80, 24));
    press(&mut state, "\x1bg");
    state.update(Event::Organizations(Ok(vec![acme()])), NOW);
    looks!("organizations-40x12", seen(&state, NOW, 40, 12));
}

#[test]
fn a_sign_in_as_it_looks() {
    let mut state = signing_in();
    looks!("sign-in-80x24", seen(&state, at(1), 80, 24));
    let code = String::from("ABCD-EFGH");
    let address = String::from("https://login.acme.example/activate");
    let whole = format!("{address}?user_code={code}");
    state.update(Event::SignIn(1, Progress::Code(Code { code, address, whole, until: at(600) })), NOW);
    looks!("device-code-40x12", seen(&state, at(2), 40, 12));
    looks!("device-code-80x24", seen(&state, at(2), 80, 24));
    // An address that does not fit pushes nothing else away.
    let address = format!("{ADDRESS}{}", "&more=x".repeat(100));
    state
        .update(Event::SignIn(1, Progress::Open { address, words: None, opened: true, until: at(300) }), NOW);
    looks!("long-address-40x12", seen(&state, at(2), 40, 12));
}
