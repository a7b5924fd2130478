//! libFuzzer over the target `entry`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("entry", data));
