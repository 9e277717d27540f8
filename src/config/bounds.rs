//! What one connection, and one address, may take of the gate.

use std::time::Duration;

use super::limit::parse_quota;
use super::server::ServerWritten;
use super::work::Work;
use crate::attempts::Tolerance;
use crate::snapshot::{Bounds, FailedKeys};

/// One address may have this share of all connections.
const SHARE: usize = 4;
/// So many it may have in any case.
const FEWEST: usize = 256;
const FAILED_KEYS: Tolerance = Tolerance { failures: 60, per: Duration::from_secs(60) };

impl Work<'_> {
    /// The bounds of connections; `most` is how many there may be in all.
    pub(super) fn bounds(&mut self, written: &ServerWritten, most: usize) -> Bounds {
        let path = "server.max_connections_per_ip";
        let per_ip = self.count(path, written.max_connections_per_ip, 1_000_000);
        if per_ip.is_some_and(|per_ip| per_ip > most) {
            let what = format!("it is more than all connections together, which are {most}");
            self.lint(path, &what, "lower it, or raise server.max_connections");
        }
        Bounds {
            http2: written.http2.unwrap_or(true),
            connections_per_ip: per_ip.unwrap_or_else(|| (most / SHARE).max(FEWEST)),
            write_timeout: self.duration("server.write_timeout", written.write_timeout.as_deref(), 120),
            failed_keys: self.failed_keys(written.failed_keys.as_deref()),
        }
    }

    fn failed_keys(&mut self, written: Option<&str>) -> FailedKeys {
        let path = "server.failed_keys";
        let mut tolerance = FAILED_KEYS;
        match written.map(parse_quota) {
            None => {}
            Some(Some(quota)) => {
                tolerance = Tolerance { failures: quota.amount.get(), per: quota.per };
            }
            Some(None) => {
                let what = "this is not a number of attempts in a stretch of time";
                self.wrong(path, what, "write it like \"60/min\" or \"10/s\"");
            }
        }
        FailedKeys { tolerance, rule: self.rule(path) }
    }
}
