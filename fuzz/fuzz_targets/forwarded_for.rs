//! See `forwarded_for` in `brama_fuzz_targets::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brama_fuzz_targets::run("forwarded_for", data));
