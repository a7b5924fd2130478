//! libFuzzer over the target `tlog_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::fuzz::run("tlog_proof", data));
