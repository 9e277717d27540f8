//! The commands, one file each.

pub mod check;
pub mod demo;
pub mod denials;
pub mod explain;
pub mod health;
pub mod init;
pub mod key;
pub mod learn;
pub mod plan;
pub mod prices;
pub mod probe;
pub mod scopes;
pub mod serve;
pub mod stand_in;
pub mod usage;

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::printable::{printable, without_keys};

/// All is well.
pub const FINE: u8 = 0;
/// Something was refused or failed.
pub const FAILED: u8 = 1;
/// The command or the configuration is wrong.
pub const WRONG: u8 = 2;

/// What a command tells its shell.
#[must_use]
pub fn exit(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// Whether something could not be said. A command goes on all the same: what it does is more than what it prints.
static UNSAID: AtomicBool = AtomicBool::new(false);

/// Prints to the standard output, and lets nothing drive the terminal; a reader that left is no failure, and any other
/// is the command's: see `told`.
pub fn say(text: &str) {
    match try_to_say(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            if !UNSAID.swap(true, Ordering::AcqRel) {
                complain(&format!("the output cannot be written: {error}"));
            }
        }
        Ok(()) | Err(_) => {}
    }
}

/// Prints to the standard output what must not be lost.
///
/// # Errors
/// When it was not taken, by whatever reader.
pub fn try_to_say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(printable(text).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The exit code of a command whose words were heard; one that failed anyway has its own.
#[must_use]
pub fn told(code: u8) -> u8 {
    if code == FINE && UNSAID.load(Ordering::Acquire) { FAILED } else { code }
}

/// Prints to the standard error, without whole keys: what was complained of may be one.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(&without_keys(text)));
}
