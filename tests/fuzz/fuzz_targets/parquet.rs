#![no_main]

// The crates that read such files panic on some that are damaged, which the reader makes an error of. libFuzzer's own hook
// would end the process before; a panic that nobody catches still does.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| targets::parquet(data)
);
