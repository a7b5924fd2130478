//! libFuzzer over the target `cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("cursor", data));
