#![no_main]

use url::Url;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatepass_core::testing::fuzz::url(bytes, &|text| {
        let url = Url::parse(text).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    });
});
