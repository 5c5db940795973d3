//! When an access token is still good: one pure function.

use core::time::Duration;

use crate::session::record::Access;
use crate::time::{LEEWAY, Timestamp};

/// The life that an access token should still have when it is handed out, unless the caller says otherwise.
pub const MIN_TTL: Duration = Duration::from_secs(30);

/// Whether `access` is good for `min_ttl` from now.
///
/// The end is reckoned from the moment of receipt by our own clock, so a server's wrong clock does not matter. If our
/// own clock was set back since, to before the receipt, the end means nothing any more and the token counts as stale.
pub fn is_fresh(access: &Access, now: Timestamp, min_ttl: Duration) -> bool {
    let clock_went_back = now.plus(LEEWAY) < access.received_at;
    !clock_went_back && access.expires_at > now.plus(min_ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::token_response::TokenType;
    use crate::secret::Secret;
    use crate::session::record::Purpose;
    use crate::test;

    #[test]
    fn ends_min_ttl_early_and_when_the_clock_goes_back() {
        let at = Timestamp::from_seconds;
        let access = Access {
            purpose: Purpose::default(),
            granted: None,
            token: Secret::from("t"),
            token_type: TokenType::Bearer,
            received_at: at(1000),
            expires_at: at(4600),
        };
        let fresh = |now| is_fresh(&access, at(now), MIN_TTL);
        assert!(fresh(1000) && fresh(4569) && fresh(941));
        assert!(!fresh(4570) && !fresh(9999) && !fresh(900));
    }
}
