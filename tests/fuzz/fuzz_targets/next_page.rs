#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::next_page(data));
