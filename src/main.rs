//! The `portcullis` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

// Linked in malloc's place, where the standard library finds it. The crate's own allocator asks it for alignment each
// time, which has no short way, at twice the instructions.
#[cfg(target_os = "linux")]
use mimalloc as _;

#[cfg(not(target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything is allocated that is worth one: the allocator asks for pages of 2 MiB, of which a gate
    // would use a tenth, and a sidecar's memory is counted. Where it cannot be had, nothing is lost.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    portcullis::cli::run()
}
