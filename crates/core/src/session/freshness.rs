//! When an access token is still good: one pure function.

use core::time::Duration;

use crate::session::record::Access;
use crate::time::{LEEWAY, Timestamp};

/// The life that an access token should still have when it is handed out, unless the caller says otherwise.
pub const MIN_TTL: Duration = Duration::from_secs(30);

/// For how long a token is taken as it came, however short its life: nobody asks the issuer more often than this.
const SHORTEST: Duration = Duration::from_secs(5);

/// Whether `access` is good for `min_ttl` from now; or, where the issuer gives none that lives so long, for the first
/// half of its life. Otherwise each call would refresh.
///
/// The end is reckoned from the moment of receipt by our own clock, so a server's wrong clock does not matter. If our
/// own clock was set back since, to before the receipt, the end means nothing any more and the token counts as stale.
pub fn is_fresh(access: &Access, now: Timestamp, min_ttl: Duration) -> bool {
    let clock_went_back = now.plus(LEEWAY) < access.received_at;
    let lifetime = access.expires_at.since(access.received_at);
    let best = if lifetime > min_ttl { Duration::ZERO } else { (lifetime / 2).max(SHORTEST) };
    !clock_went_back && (access.expires_at > now.plus(min_ttl) || access.received_at.plus(best) > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::token_response::TokenType;
    use crate::secret::Secret;
    use crate::session::record::Purpose;
    use crate::test;

    fn received_at_1000(lifetime: u64) -> Access {
        Access {
            purpose: Purpose::default(),
            granted: None,
            token: Secret::from("t"),
            token_type: TokenType::Bearer,
            received_at: Timestamp::from_seconds(1000),
            expires_at: Timestamp::from_seconds(1000 + lifetime),
        }
    }

    #[test]
    fn ends_min_ttl_early_and_when_the_clock_goes_back() {
        let access = received_at_1000(3600);
        let fresh = |now| is_fresh(&access, Timestamp::from_seconds(now), MIN_TTL);
        assert!(fresh(1000) && fresh(4569) && fresh(941));
        assert!(!fresh(4570) && !fresh(9999) && !fresh(900));
    }

    #[test]
    fn what_the_issuer_gives_at_best_is_fresh_for_a_while() {
        for (lifetime, min_ttl, until) in
            [(0, 30, 1005), (1, 30, 1005), (20, 30, 1010), (30, 30, 1015), (3600, 7200, 2800)]
        {
            let access = received_at_1000(lifetime);
            let fresh = |now| is_fresh(&access, Timestamp::from_seconds(now), Duration::from_secs(min_ttl));
            assert!(fresh(1000) && fresh(until - 1), "{lifetime}");
            assert!(!fresh(until) && !fresh(900), "{lifetime}");
        }
    }
}
