//! AWS's `credential_process`: keys of a role, for which the session's token is traded at STS.
//!
//! `credential_process = acme credential aws` in a profile of `~/.aws/config`; the manifest's entry has `sts`, the
//! endpoint, and `role_arn`.

use std::time::Duration;

use gatepass::Secret;
use gatepass_core::form::Form;
use serde::Serialize;

use crate::commands::credential::chosen;
use crate::commands::credential::stdio::print;
use crate::commands::credential::token::{Expiry, Token};
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

const LIMIT: Duration = Duration::from_secs(20);
/// No answer is longer: two keys, and a token of a few thousand bytes.
const MOST: usize = 64 * 1024;

/// Version 1 of what `credential_process` prints.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keys<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
}

/// What STS did not do.
#[derive(Debug, PartialEq)]
enum Failure {
    Unreachable,
    Refused(&'static str),
    Unreadable,
}

pub(super) fn run(context: &Context, name: Option<&str>) -> Result<Exit, Trouble> {
    let (_, entry) = chosen(context, name, |entry| entry.sts.is_some())?;
    let (Some(sts), Some(role_arn)) = (&entry.sts, &entry.role_arn) else {
        return Err(Trouble::Usage(String::from("this entry of [credentials] has no `sts` and `role_arn`")));
    };
    let token = Token::of(context, entry, Expiry::Told)?;
    let form = Form::new()
        .with("Action", "AssumeRoleWithWebIdentity")
        .with("Version", "2011-06-15")
        .with("RoleArn", role_arn)
        .with("RoleSessionName", &session_name(token.account.as_deref(), context.app.program()))
        .with("WebIdentityToken", token.text());
    let answer = asked(sts, &form.finish()).and_then(|(status, body)| {
        if status != 200 {
            return Err(refused(status, body.expose()));
        }
        let answer = keys(body.expose(), |keys| serde_json::to_string(&keys).ok());
        answer.flatten().ok_or(Failure::Unreadable)
    });
    match answer {
        Ok(answer) => {
            print(answer);
            Ok(Exit::Done)
        }
        Err(failure) => Ok(failure.say(context)),
    }
}

impl Failure {
    fn say(self, context: &Context) -> Exit {
        let (exit, text) = match self {
            Self::Unreachable => (Exit::TryAgain, "STS cannot be reached or is out of order"),
            Self::Refused(why) => (Exit::Failed, why),
            Self::Unreadable => (Exit::Failed, "the answer of STS cannot be read"),
        };
        context.talk.say(&format!("error: {text}"));
        exit
    }
}

/// Sends the request; the token goes where it was addressed or nowhere.
fn asked(sts: &str, form: &Secret) -> Result<(u16, Secret), Failure> {
    let here = sts.starts_with("http://");
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(LIMIT);
    let client = if here { builder.no_proxy() } else { builder }.build().map_err(|_| Failure::Unreachable)?;
    let request = client
        .post(sts)
        .header("accept", "text/xml")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.expose().clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let whole = async {
        let mut answer = request.send().await.ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                return None;
            }
        }
        Some((answer.status().as_u16(), Secret::new(String::from_utf8(body).ok()?)))
    };
    runtime.ok().and_then(|runtime| runtime.block_on(whole)).ok_or(Failure::Unreachable)
}

/// Finds the keys in `AssumeRoleWithWebIdentityResponse`.
fn keys<T>(xml: &str, reader: impl FnOnce(Keys<'_>) -> T) -> Option<T> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let root = document.root_element();
    let credentials =
        below(root, "AssumeRoleWithWebIdentityResult").and_then(|it| below(it, "Credentials"))?;
    let text = |name| below(credentials, name)?.text().map(str::trim).filter(|text| !text.is_empty());
    let expiration = text("Expiration")?;
    expiration.parse::<jiff::Timestamp>().ok()?;
    Some(reader(Keys {
        version: 1,
        access_key_id: text("AccessKeyId")?,
        secret_access_key: text("SecretAccessKey")?,
        session_token: text("SessionToken")?,
        expiration,
    }))
}

/// Says why, in words of ours alone.
fn refused(status: u16, xml: &str) -> Failure {
    if status == 429 || status >= 500 {
        return Failure::Unreachable;
    }
    let document = roxmltree::Document::parse(xml).ok();
    let code = document.as_ref().and_then(|document| below(document.root_element(), "Error"));
    let code = code.and_then(|error| below(error, "Code")).and_then(|code| code.text());
    Failure::Refused(match code {
        Some("AccessDenied") => "STS refuses: the role does not trust this account (AccessDenied)",
        Some("ExpiredTokenException") => "STS refuses: the token has expired (ExpiredTokenException)",
        Some("InvalidIdentityToken") => {
            "STS refuses: it does not know the issuer or the audience of the token (InvalidIdentityToken)"
        }
        Some("IDPRejectedClaim") => {
            "STS refuses: a claim of the token does not fit the role (IDPRejectedClaim)"
        }
        Some("IDPCommunicationError") => "STS refuses: it cannot ask the issuer (IDPCommunicationError)",
        _ => "STS refuses",
    })
}

fn below<'a, 'input>(node: roxmltree::Node<'a, 'input>, name: &str) -> Option<roxmltree::Node<'a, 'input>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// By this name the session stands in the account's log: who it is, in 2 to 64 characters of `[\w+=,.@-]`.
fn session_name(account: Option<&str>, program: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name: String = account.unwrap_or(program).chars().filter(|c| known(*c)).take(64).collect();
    if name.len() < 2 { format!("{program}-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult>
        <SubjectFromWebIdentityToken>ada</SubjectFromWebIdentityToken>
        <Credentials>
          <SessionToken>s&amp;t</SessionToken><SecretAccessKey>k/+=</SecretAccessKey>
          <Expiration>2026-11-21T12:00:00Z</Expiration><AccessKeyId>ASIA1</AccessKeyId>
        </Credentials>
      </AssumeRoleWithWebIdentityResult>
    </AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn finds_the_keys_where_they_belong() {
        let json = keys(ANSWER, |keys| serde_json::to_value(&keys).unwrap()).unwrap();
        let expected = serde_json::json!({
            "Version": 1, "AccessKeyId": "ASIA1", "SecretAccessKey": "k/+=", "SessionToken": "s&t",
            "Expiration": "2026-11-21T12:00:00Z",
        });
        assert_eq!(json, expected);
        for (from, to) in [
            ("<AccessKeyId>ASIA1</AccessKeyId>", ""),
            ("ASIA1", " "),
            ("2026-11-21T12:00:00Z", "tomorrow"),
            ("Credentials>", "Other>"),
            ("</Credentials>", ""),
            ("<AssumeRole", "<!DOCTYPE x [<!ENTITY a 'b'>]><AssumeRole"),
        ] {
            assert_eq!(keys(&ANSWER.replacen(from, to, 2), |_| ()), None, "{from} -> {to}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let error = |code: &str| {
            refused(
                403,
                &format!(
                    "<ErrorResponse><Error><Code>{code}</Code><Message>x</Message></Error></ErrorResponse>"
                ),
            )
        };
        assert!(matches!(error("AccessDenied"), Failure::Refused(why) if why.contains("trust")));
        assert_eq!(error("<b>"), Failure::Refused("STS refuses"));
        assert_eq!(refused(503, ""), Failure::Unreachable);
    }

    #[test]
    fn a_session_has_a_name_that_sts_takes() {
        assert_eq!(session_name(Some("ada lovelace+x@acme.example"), "acme"), "adalovelace+x@acme.example");
        assert_eq!(session_name(Some("§7"), "acme"), "acme-7");
        assert_eq!(session_name(None, "acme"), "acme");
        assert_eq!(session_name(Some(&"a".repeat(99)), "acme").len(), 64);
    }
}
