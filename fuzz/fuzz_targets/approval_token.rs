//! libFuzzer over the target `approval_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("approval_token", data));
