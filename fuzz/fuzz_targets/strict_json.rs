//! libFuzzer over the target `strict_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("strict_json", data));
