//! The stored form, version by version: a change here is a change of what people have on their disks.

use gatepass_core::error::Error;
use gatepass_core::name::{Audience, Scopes};
use gatepass_core::protocol::token_response::TokenType;
use gatepass_core::secret::Secret;
use gatepass_core::session::record::{Access, Generation, Purpose, Record};
use gatepass_core::testing::record;
use gatepass_core::time::Timestamp;

use crate::test;

const ACCESS_1: &str = concat!(
    r#"{"v":1,"generation":42,"issuer":"https://issuer.example","client_id":"client","sub":"user-1","#,
    r#""email":"user@example.com","scope":"openid offline_access","signed_in_at":1000,"bound":true,"#,
    r#""refreshes":true,"auth_time":1000,"access_token":"access-0","token_type":"Bearer","received_at":1000,"#,
    r#""expires_at":4600}"#
);

const ACCESS: &str = concat!(
    r#"{"v":2,"generation":42,"issuer":"https://issuer.example","client_id":"client","sub":"user-1","#,
    r#""email":"user@example.com","scope":"openid offline_access","signed_in_at":1000,"bound":true,"#,
    r#""refreshes":true,"auth_time":1000,"access_tokens":[{"access_token":"access-0","token_type":"Bearer","#,
    r#""received_at":1000,"expires_at":4600}]}"#
);

const REST: &str = concat!(
    r#"{"v":2,"generation":42,"refresh_token":"refresh-0","token_endpoint":"https://issuer.example/token","#,
    r#""revocation_endpoint":"https://issuer.example/revoke","forgives_replay":true,"#,
    r#""key":{"crv":"P-256","kty":"EC","x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","#,
    r#""y":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"},"private_key":"cHJpdmF0ZS1rZXk"}"#
);

#[test]
fn version_1_is_read_and_written_as_version_2() {
    let rest = REST.replace("\"v\":2", "\"v\":1");
    let read = Record::decode(ACCESS_1.as_bytes(), Some(rest.as_bytes())).unwrap();
    let again = read.encode().unwrap();
    assert_eq!((again.access.expose().as_str(), again.rest.expose().as_str()), (ACCESS, REST));
}

#[test]
fn version_2() {
    let encoded = record(Timestamp::from_seconds(1000), true, Generation::from_number(42)).encode().unwrap();
    assert_eq!(encoded.access.expose(), ACCESS);
    assert_eq!(encoded.rest.expose(), REST);
}

#[test]
fn reads_what_it_writes() {
    let read = Record::decode(ACCESS.as_bytes(), Some(REST.as_bytes())).unwrap();
    let again = read.encode().unwrap();
    assert_eq!((again.access.expose().as_str(), again.rest.expose().as_str()), (ACCESS, REST));
    let glance = Record::decode(ACCESS.as_bytes(), None).unwrap();
    assert!(glance.rest.is_none() && glance.encode().is_err(), "half a record is never written");
}

#[test]
fn parts_of_two_generations_or_of_another_version_are_corrupt() {
    let corrupt = |access: &str, rest: &str| Record::decode(access.as_bytes(), Some(rest.as_bytes())).err();
    let other = REST.replace("\"generation\":42", "\"generation\":43");
    assert_eq!(corrupt(ACCESS, &other), Some(Error::StoreCorrupt));
    assert_eq!(corrupt(&ACCESS.replace("\"v\":2", "\"v\":3"), REST), Some(Error::StoreCorrupt));
    assert_eq!(corrupt("", REST), Some(Error::StoreCorrupt));
    assert_eq!(corrupt(&ACCESS[..ACCESS.len() - 1], REST), Some(Error::StoreCorrupt));
}

fn token_for(purpose: Purpose, ends: u64) -> Access {
    let token = Secret::from(format!("for {purpose:?}").as_str());
    let (received_at, expires_at) = (Timestamp::from_seconds(1000), Timestamp::from_seconds(ends));
    Access { purpose, granted: None, token, token_type: TokenType::Bearer, received_at, expires_at }
}

#[test]
fn tokens_for_several_purposes_lie_side_by_side() {
    let purposes = [
        Purpose::default(),
        Purpose { audience: Some(Audience::named("api").unwrap()), scopes: None },
        Purpose { audience: Some(Audience::resource("https://api.example").unwrap()), scopes: None },
        Purpose { audience: None, scopes: Some(Scopes::parse("openid").unwrap()) },
    ];
    let now = Timestamp::from_seconds(2000);
    let mut record = record(Timestamp::from_seconds(1000), false, Generation::from_number(7));
    for purpose in &purposes {
        record.put(token_for(purpose.clone(), 5000), now);
    }
    let encoded = record.encode().unwrap();
    let read =
        Record::decode(encoded.access.expose().as_bytes(), Some(encoded.rest.expose().as_bytes())).unwrap();
    for purpose in &purposes {
        let found = read.find(purpose).unwrap();
        assert!(found.token == token_for(purpose.clone(), 0).token, "{purpose:?}");
    }
    assert_eq!(read.access.len(), purposes.len(), "the one from sign-in was replaced");
}

#[test]
fn tokens_that_have_ended_or_are_too_many_go() {
    let mut record = record(Timestamp::from_seconds(1000), false, Generation::from_number(7));
    let purpose = |number: u64| Purpose {
        audience: Some(Audience::named(&format!("api-{number}")).unwrap()),
        scopes: None,
    };
    for number in 0..40 {
        record.put(token_for(purpose(number), 5000 + number), Timestamp::from_seconds(2000));
    }
    assert_eq!(record.access.len(), 16);
    assert!(record.find(&purpose(39)).is_some() && record.find(&purpose(0)).is_none());
    record.put(token_for(Purpose::default(), 9000), Timestamp::from_seconds(6000));
    assert_eq!(record.access.len(), 1, "the others have ended by then");
}
