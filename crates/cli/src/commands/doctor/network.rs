//! The way to the issuer, what it says of itself, and its clock beside ours.

use std::time::Duration;

use gatepass::doctor::{Asked, Obstacle, Offers, Timed};
use gatepass::{Dpop, Network, Settings};

use super::finding::Finding;
use super::troubled;
use crate::context::Context;
use crate::manifest::AuthFlow;

/// Longer than that is worth knowing.
const SLOW: Duration = Duration::from_secs(2);

/// What a clock may differ by before anybody notices, in seconds: answers take time, and `Date` has whole seconds.
const CLOSE: u64 = 5;

/// What an issuer of ours and we ourselves forgive, in seconds (`core/time`).
const FORGIVEN: u64 = 60;

/// The proxy in effect, and which variable chose it.
pub(super) fn proxy(context: &Context, network: &Network) -> Finding {
    let Some((name, _)) = &network.proxy else { return Finding::ok("proxy", "none") };
    let value = |name: &str| context.environment.text(name);
    let issuer = context.issuer.as_ref().map_or("https://issuer.invalid", |issuer| issuer.value.as_str());
    if issuer.starts_with("http://") {
        return Finding::ok(
            "proxy",
            format!("none: the issuer is on this machine; {name} is set for others"),
        );
    }
    if !gatepass::doctor::asks_proxy(issuer) {
        return match &network.no_proxy {
            Some((exception, _)) => {
                Finding::ok("proxy", format!("none: {exception} excepts the issuer from {name}"))
            }
            None => Finding::wrong("proxy", format!("none: {name} is set to what is no address of a proxy"))
                .mend(format!("set {name} to http://HOST:PORT, or unset it")),
        };
    }
    let seen = format!("{}, by {name}", without_password(&value(name).unwrap_or_default()));
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let differs = |other: &&str| value(other).is_some_and(|other| Some(other) != value(name));
    match names.into_iter().find(differs) {
        Some(other) => {
            Finding::warning("proxy", format!("{seen}; {other} says otherwise and does not count"))
        }
        None => Finding::ok("proxy", seen),
    }
}

/// The address of a proxy as it may be shown. A password may hold anything that it should not, so everything is left out
/// up to the last `@`; and the scheme is said, by which a report knows a host.
fn without_password(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let host = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{}", host.split(['/', '?', '#']).next().unwrap_or_default())
}

/// Whose certificates are trusted, and which setting says so.
pub(super) fn certificates(network: &Network) -> Finding {
    let named = |name: &str| if name == "ca_file" { "the manifest" } else { name }.to_owned();
    if let Err((wrong, _)) = network.check() {
        let path = network.ca.iter().find(|(name, _)| *name == wrong).map(|(_, path)| path.display());
        let path = path.map(|path| path.to_string()).unwrap_or_default();
        let wrong = named(wrong);
        let seen = format!("{path}, by {wrong}, holds no certificate that can be read: no server is trusted");
        return Finding::wrong("certificates", seen)
            .mend(format!("let {wrong} name a file in PEM format, or nothing"));
    }
    let mut seen: Vec<String> =
        network.ca.iter().map(|(name, path)| format!("{}, by {}", path.display(), named(name))).collect();
    // A variable replaces what the system trusts, the manifest adds to it.
    if network.ca.iter().all(|(name, _)| *name == "ca_file") {
        seen.insert(0, String::from("the system's"));
    }
    Finding::ok("certificates", seen.join("; "))
}

/// The issuer's answer, and what its clock says of ours.
pub(super) fn issuer(
    context: &Context,
    settings: &Settings,
    asked: Option<Timed<Result<Asked, Obstacle>>>,
) -> [Finding; 2] {
    let address = settings.client.issuer.as_str();
    let unknown = || Finding::warning("clock", "not compared: the issuer did not answer");
    let Some(Timed { answer, took }) = asked else {
        return [obstacle(address, Obstacle::Slow), unknown()];
    };
    let Asked { ahead, offers, status } = match answer {
        Ok(asked) => asked,
        Err(found) => return [obstacle(address, found).took(took), unknown()],
    };
    let found = match offers {
        Ok(offers) => offered(context, settings, &offers, took),
        Err(error) => {
            let found = troubled(context, "issuer", error);
            Finding { seen: format!("{address} (status {status}): {}", found.seen), ..found }
        }
    };
    [found.took(took), ahead.map_or_else(|| Finding::warning("clock", NO_DATE), clock)]
}

const NO_DATE: &str = "not compared: the issuer does not say what time it is";

fn offered(context: &Context, settings: &Settings, offers: &Offers, took: Duration) -> Finding {
    let address = settings.client.issuer.as_str();
    if let Err(error) = offers.login {
        let found = troubled(context, "issuer", error);
        return Finding { seen: format!("{address}: {}", found.seen), ..found };
    }
    let all = [
        (offers.binds_keys, "DPoP (ES256)"),
        (offers.device, "device code"),
        (offers.push && !offers.requires_push, "PAR"),
        (offers.requires_push, "PAR (required)"),
        (offers.revocation, "revocation"),
        (offers.names_itself, "iss in answers"),
    ];
    let list = |wanted: bool| {
        let names = all.iter().filter(|(has, _)| *has == wanted).map(|(_, name)| *name);
        names.filter(|name| wanted || !name.starts_with("PAR")).collect::<Vec<_>>().join(", ")
    };
    let mut seen = format!("{address} answered in {} ms", took.as_millis());
    for (word, names) in [("offers", list(true)), ("not", list(false))] {
        if !names.is_empty() {
            seen.push_str(&format!("; {word} {names}"));
        }
    }
    if settings.client.dpop == Dpop::Required && !offers.binds_keys {
        return Finding::wrong("issuer", format!("{seen}; the manifest requires DPoP"))
            .mend("`dpop = \"preferred\"` in the manifest signs in without, or turn it on at the issuer");
    }
    if context.app.login.flow == AuthFlow::DeviceCode && !offers.device {
        return Finding::wrong("issuer", format!("{seen}; the manifest signs in by device code"))
            .mend("run `login` with --auth-flow pkce, or turn device codes on at the issuer");
    }
    if took > SLOW {
        Finding::warning("issuer", format!("{seen}, which is slow"))
    } else {
        Finding::ok("issuer", seen)
    }
}

fn obstacle(address: &str, found: Obstacle) -> Finding {
    let (what, mend) = match found {
        Obstacle::Trust => ("no certificate of any authority can be read", "install ca-certificates"),
        Obstacle::Name => ("its name is not known here", "check the spelling, the network and the VPN"),
        Obstacle::Nobody => ("nobody listens at its address", "start it, or check the port"),
        Obstacle::Certificate => (
            "its certificate is not trusted here",
            "let SSL_CERT_FILE name the certificate of its authority, in PEM format",
        ),
        Obstacle::Proxy => {
            ("the proxy does not let us through", "check the proxy, or let NO_PROXY name the issuer")
        }
        Obstacle::Slow => ("it did not answer in time", "check the network, the VPN and the proxy"),
        _ => ("the connection broke", "check the network; does it speak https?"),
    };
    Finding::wrong("issuer", format!("{address}: {what}")).mend(mend)
}

fn clock(ahead: i64) -> Finding {
    let apart = ahead.unsigned_abs();
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    if apart <= CLOSE {
        return Finding::ok("clock", "agrees with the issuer's");
    }
    let seen = format!("this machine's is {apart} seconds {way} the issuer's");
    let mend = "set this machine's clock: timedatectl set-ntp true";
    if apart <= FORGIVEN {
        return Finding::warning("clock", seen).mend(mend);
    }
    let breaks = "proofs of the session's key (DPoP iat) and ID tokens (iat, exp) are refused";
    Finding::wrong("clock", format!("{seen}: {breaks}")).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::State;

    #[test]
    fn no_part_of_a_password_is_in_a_proxys_address() {
        for address in [
            "http://proxy.example:3128",
            "http://ada:pw@proxy.example:3128/",
            "http://ada:s3c/ret@proxy.example:3128",
            "http://ada:s3c#r?e@t@proxy.example:3128",
            "ada:s3c/ret@proxy.example:3128",
            "proxy.example:3128",
        ] {
            assert_eq!(without_password(address), "http://proxy.example:3128", "{address}");
        }
        assert_eq!(without_password("socks5://a:b@[::1]:1"), "socks5://[::1]:1");
    }

    #[test]
    fn a_clock_is_judged_by_what_it_breaks() {
        for (ahead, state, word) in [
            (0, State::Ok, "agrees"),
            (-5, State::Ok, "agrees"),
            (6, State::Warning, "6 seconds behind"),
            (-60, State::Warning, "60 seconds ahead of"),
            (-61, State::Wrong, "refused"),
            (i64::MIN, State::Wrong, "ahead of"),
        ] {
            let finding = clock(ahead);
            assert_eq!(finding.state, state, "{ahead}");
            assert!(finding.seen.contains(word), "{}", finding.seen);
        }
    }
}
