//! The program itself: what it refuses, what it says when it is ready, and what it never says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::*;

fn command(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass-authority"));
    command
        .env_remove("GATEPASS_JWT_SECRET")
        .env_remove("TOWER_JWT_SECRET")
        .env_remove("GATEPASS_TEST_CLOCK_FILE");
    command.args(["--listen", "127.0.0.1:0", "--db"]).arg(folder.path().join("gatepass.sqlite"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A started program; ended when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(command: &mut Command) -> (Self, String) {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line)
    }

    /// Ends it as a service manager does, and returns all that it said.
    fn end(mut self) -> (ExitStatus, String) {
        let status = Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(status.success());
        let status = self.0.wait().unwrap();
        let mut talk = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
        (status, talk)
    }
}

#[test]
fn bad_secrets_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret, words) in [
        ("GATEPASS_JWT_SECRET", "short", "fewer than 35 characters"),
        ("TOWER_JWT_SECRET", "<your-secure-random-string-minimum-35-characters>", "placeholder"),
        ("TOWER_JWT_SECRET", "abababababababababababababababababababab", "different characters"),
        ("GATEPASS_JWT_SECRET", "", "set GATEPASS_JWT_SECRET"),
    ] {
        let output = command(&folder).env(name, secret).output().unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(talk.contains(words), "{talk}");
        assert!(secret.is_empty() || !talk.contains(secret), "{talk}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_start_that_cannot_work_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap().to_string();
    let nowhere = folder.path().join("www").display().to_string();
    for (more, words) in [
        (["--listen", &busy], format!("cannot listen on {busy}: ")),
        (["--www", &nowhere], format!("`--www`: there is no such folder: {nowhere}")),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass-authority"));
        command.arg("--dev").arg("--db").arg(folder.path().join("gatepass.sqlite")).args(more);
        let output = command.output().unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && talk.contains(&words), "{talk}");
    }
}

#[tokio::test]
async fn a_run_says_nothing_that_opens_anything() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (program, line) = Program::start(command(&folder).arg("--json").env("TOWER_JWT_SECRET", SECRET));
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["event"], "ready");
    let issuer = ready["issuer"].as_str().unwrap();
    assert_eq!(issuer, format!("http://{}", ready["listen"].as_str().unwrap()));
    let world = World::elsewhere(issuer, Arc::clone(&folder));
    let code = world.code("").await;
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let tokens = world.token(&redemption(&code), None).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    let replay = world.token(&redemption(&code), None).await;
    replay.refused("invalid_grant", "used before");
    let browser = Browser::new(&world);
    for (id, uri) in [
        ("dashbord%0AGET", "https://a.example/"),
        ("gatepass-cli", "https://a.example/cb?key=theirs"),
        ("gatepass-cli", ""),
    ] {
        let page = browser.get(&format!("/authorize?client_id={id}&redirect_uri={uri}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.html);
        assert!(
            page.has("The server's log says which.") || page.has("The server&#39;s log"),
            "{}",
            page.html
        );
        assert!(!page.has("dashbord") && !page.has("a.example"), "{}", page.html);
    }
    let (status, talk) = program.end();
    assert!(status.success(), "{talk}");
    assert!(talk.contains(r#"GET /authorize 400 client=- reason=UnknownClient("dashbord\nGET")"#), "{talk}");
    let uri = r#"reason=UnknownRedirectUri("https://a.example/cb") of "gatepass-cli""#;
    assert!(talk.contains(uri) && !talk.contains("theirs"), "{talk}");
    // It does say who asked for what and what came of it.
    assert!(talk.contains("POST /oauth/token 200 client=gatepass-cli reason=-"), "{talk}");
    assert!(talk.contains("POST /oauth/token 400 client=gatepass-cli reason=CodeReplayed"), "{talk}");
    for secret in [
        code,
        parameter(&link, "token").unwrap(),
        tokens.text("access_token"),
        tokens.text("refresh_token"),
        tokens.text("id_token"),
        SECRET.to_owned(),
        EMAIL.to_owned(),
        VERIFIER.to_owned(),
    ] {
        assert!(!talk.contains(&secret), "{secret} in {talk}");
    }
}

/// The clock can be moved in programs built for tests, and in no other.
#[tokio::test]
async fn the_clock_file_counts_in_test_builds_only() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let clock = folder.path().join("clock");
    let (_program, line) =
        Program::start(command(&folder).arg("--dev").env("GATEPASS_TEST_CLOCK_FILE", &clock));
    let world = World::elsewhere(line.trim_end(), Arc::clone(&folder));
    let code = world.code("").await;
    std::fs::write(&clock, "60\n").unwrap();
    let answer = world.token(&redemption(&code), None).await;
    if cfg!(feature = "testing") {
        answer.refused("invalid_grant", "has expired");
    } else {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}
