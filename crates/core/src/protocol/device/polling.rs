//! The wait for a person on another device: when to ask, and what an answer means for the next time (RFC 8628 sections
//! 3.4 and 3.5).

use core::time::Duration;

use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::form::Form;
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::kept::Kept;
use crate::name::ClientId;
use crate::protocol::error_body;
use crate::protocol::token_response::{self, TokenResponse};
use crate::secret::Secret;
use crate::text::cut;
use crate::time::Timestamp;
use crate::url::Endpoint;

/// The pause between two requests where the server names none (section 3.2).
const UNSAID_INTERVAL: Duration = Duration::from_secs(5);

/// What `slow_down` adds (section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// No pause that we choose is longer: an interval that is asked for, a pause after lost answers. A `Retry-After` may be.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A device code that is waited for. It is a value like a pending login, so that a popup that closed or a process that
/// ended goes on where it was.
#[derive(Debug)]
pub struct Polling {
    device_code: Secret,
    /// What the server asks for between two requests.
    interval: Duration,
    /// What there is before the next one: longer after an answer that was lost, and nothing at all for the one
    /// repetition with the server's nonce (RFC 9449 section 8).
    gap: Duration,
    next_at: Timestamp,
    expires_at: Timestamp,
}

/// What an answer leads to.
#[derive(Debug)]
pub enum Polled {
    /// Nobody has decided yet, or nobody said so: ask again when it is time.
    Again(Polling),
    /// Tokens, not yet believed.
    Tokens(Kept<TokenResponse>),
    /// The person refused, the code ran out, or the server wants nothing of it.
    Over(Error),
}

impl Polling {
    /// Begins to wait; without an `interval`, as long as section 3.2 says for that.
    pub(super) fn new(
        device_code: Secret,
        interval: Option<Duration>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let interval = interval.unwrap_or(UNSAID_INTERVAL);
        Self { device_code, interval, gap: interval, next_at: now.plus(interval), expires_at }
    }

    /// When the code runs out.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long to wait from now before the next request; nothing means that it is time. All of it has to be slept:
    /// moments here are whole seconds. A code that ran out is [`Error::LoginExpired`], and nothing is sent any more.
    pub fn wait(&self, now: Timestamp) -> Result<Duration, Error> {
        if now >= self.expires_at {
            return Err(Error::LoginExpired);
        }
        // A clock that was set back makes nobody wait longer than one gap.
        Ok(self.next_at.since(now).min(self.gap))
    }

    /// Whether it is time.
    pub fn due(&self, now: Timestamp) -> Result<bool, Error> {
        self.wait(now).map(|wait| wait.is_zero())
    }

    /// Asks whether the person has decided (section 3.4).
    pub fn request(&self, token_endpoint: &Endpoint, client_id: &ClientId) -> Request {
        let form = Form::new()
            .with("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
            .with("device_code", self.device_code.expose())
            .with("client_id", client_id.as_str());
        Request::post(token_endpoint.clone(), form)
    }

    /// Takes an answer, or `None` where none came; `bound` says that the request carried a proof. A nonce that the
    /// response brings is the caller's to keep: after `use_dpop_nonce` the next request is due at once, and once.
    pub fn answered(mut self, response: Option<&Response>, bound: bool, now: Timestamp) -> Polled {
        let answer = match response {
            None => Err(Error::Unreachable),
            Some(response) => token_response::parse(response, bound).map_err(|error| told(error, response)),
        };
        let gap = match answer {
            Ok(tokens) => return Polled::Tokens(tokens),
            Err(Error::Refused(Refusal::AuthorizationPending)) => self.interval,
            Err(Error::Refused(Refusal::SlowDown)) => {
                // Section 3.5: for this and all later requests. Some servers name the new interval in the answer.
                let named = response.and_then(named_interval).unwrap_or_default();
                self.interval = self.interval.saturating_add(SLOWER).max(named);
                self.interval
            }
            Err(Error::Refused(Refusal::UseDpopNonce))
                if !self.gap.is_zero() && response.is_some_and(|response| response.dpop_nonce.is_some()) =>
            {
                Duration::ZERO
            }
            // Section 3.5: whoever gets no answer asks less often, by doubling. The next answer ends that.
            Err(error) if error.retryable() => {
                let doubled = self.gap.max(self.interval).saturating_mul(2);
                doubled.min(LONGEST_PAUSE.max(self.interval))
            }
            Err(error) => return Polled::Over(error),
        };
        let asked = response.and_then(|response| response.retry_after(now)).unwrap_or_default();
        self.gap = gap.max(asked);
        self.next_at = now.plus(self.gap);
        // Nothing will be asked before the code runs out, so nothing is to be waited for.
        if self.next_at >= self.expires_at {
            return Polled::Over(Error::LoginExpired);
        }
        Polled::Again(self)
    }

    /// Adds these fields to an object.
    pub fn write(&self, writer: Writer) -> Writer {
        writer
            .text("device_code", self.device_code.expose())
            .number("interval", self.interval.as_secs())
            .number("gap", self.gap.as_secs())
            .number("next_at", self.next_at.seconds())
            .number("expires_at", self.expires_at.seconds())
    }

    /// Reads them again.
    pub fn read(object: &Object) -> Result<Self, Error> {
        let seconds = |field| object.seconds(field)?.ok_or_else(|| object.blame(field));
        Ok(Self {
            device_code: object.required(Field::DeviceCode).map(Secret::from)?,
            interval: Duration::from_secs(seconds(Field::Interval)?),
            gap: Duration::from_secs(seconds(Field::Gap)?),
            next_at: Timestamp::from_seconds(seconds(Field::NextAt)?),
            expires_at: Timestamp::from_seconds(seconds(Field::ExpiresAt)?),
        })
    }
}

/// Pending and `slow_down` count under any status: servers in the field say 429 with the second.
fn told(error: Error, response: &Response) -> Error {
    match error_body::code(response, Message::TokenResponse) {
        Some(refusal @ (Refusal::AuthorizationPending | Refusal::SlowDown)) => Error::Refused(refusal),
        _ => error,
    }
}

/// Zero and what is no number count as unsaid: never a request right after the other.
pub(super) fn interval(body: &Object) -> Result<Option<Duration>, Error> {
    let seconds = body.numeral(Field::Interval)?.and_then(rounded_up).filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE)))
}

fn named_interval(response: &Response) -> Option<Duration> {
    let body = Object::parse(response.body.expose(), Message::TokenResponse).ok()?;
    interval(&body).ok()?
}

/// Whole seconds, a fraction counted as one: a pause is never cut short. What does not fit is longer than any cap.
pub(super) fn rounded_up(text: &str) -> Option<u64> {
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = cut(text, b'.');
    if !plain(whole) || !fraction.is_none_or(plain) {
        return None;
    }
    let more = fraction.is_some_and(|digits| digits.bytes().any(|digit| digit != b'0'));
    Some(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(u64::from(more)))
}

#[cfg(test)]
mod tests {
    use crate::test;
    use alloc::string::String;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn answer(status: u16, body: &str) -> Response {
        Response::new(status, &|_| None, body.into())
    }

    fn begun() -> Polling {
        let interval = Some(Duration::from_secs(5));
        let device_code = Secret::from("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
        Polling::new(device_code, interval, NOW, NOW.plus(Duration::from_secs(1800)))
    }

    fn pending(code: &str) -> Response {
        answer(400, &Writer::new().text("error", code).finish())
    }

    fn again(polled: Polled) -> Polling {
        match polled {
            Polled::Again(polling) => polling,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn slow_down_lasts_and_a_lost_answer_does_not() {
        let mut polling = begun();
        let steps: [(Option<Response>, u64); 8] = [
            (Some(pending("authorization_pending")), 5),
            (Some(pending("slow_down")), 10),
            (Some(pending("authorization_pending")), 10),
            (None, 20),
            (Some(answer(503, "")), 40),
            (Some(answer(429, r#"{"error":"slow_down"}"#)), 15),
            (Some(answer(400, r#"{"error":"temporarily_unavailable"}"#)), 30),
            (Some(pending("authorization_pending")), 15),
        ];
        for (response, gap) in steps {
            polling = again(polling.answered(response.as_ref(), false, NOW));
            assert_eq!(polling.wait(NOW), Ok(Duration::from_secs(gap)));
        }
        for _ in 0..6 {
            polling = again(polling.answered(None, false, NOW));
        }
        assert_eq!(polling.wait(NOW), Ok(LONGEST_PAUSE));
    }

    #[test]
    fn honours_the_interval_of_a_slow_down() {
        let slower = answer(200, r#"{"error":"slow_down","interval":25}"#);
        let polling = again(begun().answered(Some(&slower), false, NOW));
        assert_eq!(polling.wait(NOW), Ok(Duration::from_secs(25)));
    }

    #[test]
    fn honours_retry_after() {
        let header = |name: &str| (name == "retry-after").then(|| String::from("90"));
        let busy = Response::new(429, &header, alloc::vec::Vec::new());
        let polling = again(begun().answered(Some(&busy), false, NOW));
        assert_eq!(polling.wait(NOW), Ok(Duration::from_secs(90)));
    }

    #[test]
    fn a_nonce_is_answered_at_once_and_once() {
        let header = |name: &str| (name == "dpop-nonce").then(|| String::from("n"));
        let wanted = || Response::new(400, &header, br#"{"error":"use_dpop_nonce"}"#.to_vec());
        let polling = again(begun().answered(Some(&wanted()), true, NOW));
        assert_eq!(polling.due(NOW), Ok(true));
        let over = polling.answered(Some(&wanted()), true, NOW);
        assert!(matches!(over, Polled::Over(Error::Refused(Refusal::UseDpopNonce))), "{over:?}");
        let over = begun().answered(Some(&pending("use_dpop_nonce")), true, NOW);
        assert!(matches!(over, Polled::Over(Error::Refused(Refusal::UseDpopNonce))), "{over:?}");
    }

    #[test]
    fn ends_by_the_server_and_by_the_clock() {
        for (code, refusal) in [
            ("expired_token", Refusal::ExpiredToken),
            ("access_denied", Refusal::AccessDenied),
            ("made_up", Refusal::Other),
        ] {
            let over = begun().answered(Some(&pending(code)), false, NOW);
            assert!(matches!(over, Polled::Over(Error::Refused(said)) if said == refusal), "{over:?}");
        }
        let end = begun().expires_at();
        assert_eq!(begun().wait(end), Err(Error::LoginExpired));
        let late = end.minus(Duration::from_secs(3));
        let over = begun().answered(Some(&pending("authorization_pending")), false, late);
        assert!(matches!(over, Polled::Over(Error::LoginExpired)), "{over:?}");
    }

    #[test]
    fn tokens_are_read_and_bound() {
        let tokens = answer(200, r#"{"access_token":"t","token_type":"Bearer"}"#);
        let polled = begun().answered(Some(&tokens), false, NOW);
        assert!(matches!(&polled, Polled::Tokens(tokens) if tokens.access_token == Secret::from("t")));
        let polled = begun().answered(Some(&tokens), true, NOW);
        assert!(matches!(polled, Polled::Over(Error::NotBound)), "{polled:?}");
    }

    #[test]
    fn leaves_and_comes_back() {
        let polling = again(begun().answered(Some(&pending("slow_down")), false, NOW));
        let text = polling.write(Writer::new()).finish();
        let back = Polling::read(&Object::parse(text.as_bytes(), Message::PendingLogin).unwrap()).unwrap();
        assert_eq!(back.write(Writer::new()).finish(), text);
        // A clock that went back by a day does not stop it.
        let yesterday = NOW.minus(Duration::from_secs(86400));
        assert_eq!(back.wait(yesterday), Ok(Duration::from_secs(10)));
    }
}
