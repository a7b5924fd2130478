//! libFuzzer over the target `api_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("api_key", data));
