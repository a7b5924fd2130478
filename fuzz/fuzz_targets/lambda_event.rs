//! libFuzzer over the target `lambda_event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("lambda_event", data));
