//! libFuzzer over the target `bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("bundle", data));
