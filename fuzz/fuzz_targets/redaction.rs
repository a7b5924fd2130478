//! libFuzzer over the target `redaction`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("redaction", data));
