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
pub mod schema;
pub mod scopes;
pub mod serve;
pub mod stand_in;
pub mod usage;

use std::process::ExitCode;

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

/// Prints to the standard output; a reader that left is no failure.
pub fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}

/// Prints to the standard error.
pub fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
