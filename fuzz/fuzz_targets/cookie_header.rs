//! See `cookie_header` in `brama_fuzz_targets::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brama_fuzz_targets::run("cookie_header", data));
