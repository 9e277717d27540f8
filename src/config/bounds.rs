//! What one connection, and one address, may take of the gate.

use std::time::Duration;

use super::limit::parse_quota;
use super::server::ServerWritten;
use super::value::Size;
use super::work::Work;
use crate::attempts::Tolerance;
use crate::snapshot::{Bounds, FailedKeys};

/// One address may have this share of all connections.
const SHARE: usize = 4;
/// So many it may have in any case.
const FEWEST: usize = 256;
const UPLOAD_RATE: u64 = 1 << 10;
const FASTEST: u64 = 1 << 30;
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
            upload_rate: self.upload_rate(written.min_upload_rate.as_ref()),
            upload_rate_rule: self.rule("server.min_upload_rate"),
            failed_keys: self.failed_keys(written.failed_keys.as_deref()),
        }
    }

    fn upload_rate(&mut self, written: Option<&Size>) -> u64 {
        let Some(size) = written else { return UPLOAD_RATE };
        size.bytes().filter(|bytes| (1..=FASTEST).contains(bytes)).unwrap_or_else(|| {
            let what = "this is not a size between 1 B and 1 GiB, for each second";
            self.wrong("server.min_upload_rate", what, "write it like \"1 KiB\", or in bytes like 1024");
            UPLOAD_RATE
        })
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
