#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gatepass_core::testing::fuzz::metadata_others(bytes));
