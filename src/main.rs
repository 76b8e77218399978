//! Allocator, TLS provider, exit code; nothing else.
use std::process::ExitCode;

use tikv_jemalloc_ctl::{Access as _, AsName as _};
use tikv_jemallocator::Jemalloc;

/// Of those measured, the one that gives memory back (docs/performance.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    give_back();
    // It fails only if there is one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    teleport_operator::cli::main(std::env::args())
}

/// Has freed memory given back at once. The allocator would keep it for ten seconds of use, and for ever while the process
/// rests, which it does most of the time.
fn give_back() {
    /// All arenas that there are, in the allocator's own language.
    const ALL: &str = "arena.4096";
    for of in ["arenas", ALL] {
        for pages in ["dirty_decay_ms", "muzzy_decay_ms"] {
            // Memory that is kept is no reason not to run.
            let _ = format!("{of}.{pages}\0").as_str().name().write(0_isize);
        }
    }
}
