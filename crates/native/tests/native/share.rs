//! Tokens for somebody else's key.

use gatepass::{Error, Scopes, Share};

use crate::issuer::State;
use crate::rig::Rig;

#[test]
fn a_session_that_is_bound_to_no_key_shares_nothing() {
    let rig = Rig::new(State::default());
    rig.sign_in();
    let asked = rig.issuer.with(|state| state.asked);
    let share =
        Share { scopes: Scopes::parse("openid").unwrap(), audience: None, thumbprint: "x".repeat(43) };
    assert_eq!(rig.gatepass.share(share).wait().unwrap().unwrap_err(), Error::NotBound);
    assert_eq!(rig.issuer.with(|state| state.asked), asked, "the issuer is not asked");
}
