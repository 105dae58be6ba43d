//! See `jwk_set` in `brama_fuzz_targets::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brama_fuzz_targets::run("jwk_set", data));
