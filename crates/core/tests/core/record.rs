//! The stored form, version by version: a change here is a change of what people have on their disks.

use gatepass_core::error::Error;
use gatepass_core::session::record::{Generation, Record};
use gatepass_core::testing::record;
use gatepass_core::time::Timestamp;

const ACCESS: &str = concat!(
    r#"{"v":1,"generation":42,"issuer":"https://issuer.example","client_id":"client","sub":"user-1","#,
    r#""email":"user@example.com","scope":"openid offline_access","signed_in_at":1000,"bound":true,"#,
    r#""refreshes":true,"auth_time":1000,"access_token":"access-0","token_type":"Bearer","received_at":1000,"#,
    r#""expires_at":4600}"#
);

const REST: &str = concat!(
    r#"{"v":1,"generation":42,"refresh_token":"refresh-0","token_endpoint":"https://issuer.example/token","#,
    r#""revocation_endpoint":"https://issuer.example/revoke","forgives_replay":true,"#,
    r#""key":{"crv":"P-256","kty":"EC","x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","#,
    r#""y":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"},"private_key":"cHJpdmF0ZS1rZXk"}"#
);

#[test]
fn version_1() {
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
    assert_eq!(corrupt(&ACCESS.replace("\"v\":1", "\"v\":2"), REST), Some(Error::StoreCorrupt));
    assert_eq!(corrupt("", REST), Some(Error::StoreCorrupt));
    assert_eq!(corrupt(&ACCESS[..ACCESS.len() - 1], REST), Some(Error::StoreCorrupt));
}
