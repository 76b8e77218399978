//! Allocator, TLS provider, exit code; nothing else.
fn main() {}
