//! Where clients connect, and what one connection, and one address, may take.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::attempts::Tolerance;
use crate::denial::RuleId;

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address with a port.
    Tcp(SocketAddr),
    /// The file of a Unix socket.
    Unix(PathBuf),
    /// Whatever sockets systemd hands over.
    Systemd,
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(file) => write!(f, "unix:{}", file.display()),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

/// What one connection, and one address, may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// How many connections an address may have at once.
    pub connections_per_ip: usize,
    /// How long a client may leave untaken what was written.
    pub write_timeout: Duration,
    /// How many bytes of a body that goes on while it arrives must come in each second that it is waited for.
    pub upload_rate: u64,
    /// The line that says so.
    pub upload_rate_rule: RuleId,
    /// How many keys may be tried from an address that are none.
    pub failed_keys: FailedKeys,
}

/// How many keys may be tried from an address that are none.
#[derive(Clone, Copy, Debug)]
pub struct FailedKeys {
    /// How many, and in which time.
    pub tolerance: Tolerance,
    /// The line that says so.
    pub rule: RuleId,
}
