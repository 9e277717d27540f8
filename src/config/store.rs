//! `[store]`: where denials, decisions and usage are kept, and how much of them; what gates share is in `share.rs`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::share::OnFailureWritten;
use super::value::{Size, duration};
use super::work::Work;
use crate::snapshot::StoreSettings;

/// Keeps denials, decisions and usage in embedded databases, for `portcullis denials`, `plan`, `learn`
/// and `usage`. Without this section nothing is kept but the log.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Store"))]
pub(super) struct StoreWritten {
    /// The database's file. A path that does not begin with / is taken from the configuration's folder.
    pub(super) path: Option<String>,
    /// How large it may become; the oldest goes first. Default: "256 MiB".
    pub(super) max_size: Option<Size>,
    /// How long anything is kept. Default: "30d".
    pub(super) max_age: Option<String>,
    /// How long usage and money are kept, in a file of their own beside it; after 40 days by day only.
    /// Default: "400d".
    pub(super) usage_max_age: Option<String>,
    /// A Redis or Valkey server by which several gates share their limits: `redis://HOST:PORT`, or `rediss://` with
    /// TLS; behind it perhaps the number of a database. `redis+sentinel://HOST:PORT,HOST:PORT/NAME` is the primary that
    /// these Sentinels name, `redis+cluster://HOST:PORT,HOST:PORT` a cluster with these nodes and perhaps others;
    /// `rediss+…` with TLS.
    pub(super) url: Option<String>,
    /// The server's user, if it is not the default one.
    pub(super) user: Option<String>,
    /// The server's password: `"env:NAME"` or `"file:/path"`.
    pub(super) password: Option<String>,
    /// The user at the Sentinels, if it is not the default one.
    pub(super) sentinel_user: Option<String>,
    /// The Sentinels' own password, if they want one: `"env:NAME"` or `"file:/path"`.
    pub(super) sentinel_password: Option<String>,
    /// A file with the authority of the servers' certificates, in addition to the public ones.
    pub(super) ca_file: Option<String>,
    /// What the names of keys at the server begin with. Gates with the same prefix share their limits.
    /// Default: "portcullis".
    pub(super) prefix: Option<String>,
    /// What becomes of requests while the server cannot be reached and what this gate has leased is used up: "deny", or
    /// "local" for this gate's share of what was left; one word for all limits, or one for each kind as in
    /// `{ rates = "local", money = "deny" }`, which is the default.
    pub(super) on_failure: Option<OnFailureWritten>,
}

const MAX_SIZE: u64 = 256 << 20;
/// A database that is nearly empty takes this much.
const SMALLEST: u64 = 1 << 20;
const MAX_AGE: Duration = Duration::from_hours(30 * 24);
const USAGE_MAX_AGE: Duration = Duration::from_hours(400 * 24);
/// A budget of a month must be able to look back to its beginning.
const SHORTEST_USAGE_AGE: Duration = Duration::from_hours(40 * 24);
const LONGEST_AGE: Duration = Duration::from_hours(10 * 366 * 24);

impl Work<'_> {
    /// Compiles `[store]`; nothing if it is not there.
    pub(super) fn store(&mut self, written: Option<&StoreWritten>) -> Option<StoreSettings> {
        let written = written?;
        if written.url.is_some() && written.path.is_none() {
            return None;
        }
        let path = self.store_path(written.path.as_deref());
        let max_size = written.max_size.as_ref().map_or(Some(MAX_SIZE), Size::bytes);
        let max_size = max_size.filter(|bytes| *bytes >= SMALLEST).unwrap_or_else(|| {
            self.wrong(
                "store.max_size",
                "this is not a size of 1 MiB or more",
                "write it like \"256 MiB\", or in bytes like 268435456",
            );
            MAX_SIZE
        });
        let max_age = written.max_age.as_deref().map_or(Some(MAX_AGE), duration);
        let in_range = |age: &Duration| *age >= Duration::from_hours(1) && *age <= LONGEST_AGE;
        let max_age = max_age.filter(in_range).unwrap_or_else(|| {
            self.wrong(
                "store.max_age",
                "this is not a time of an hour or more",
                "write it like \"30d\" or \"12h\"",
            );
            MAX_AGE
        });
        let usage_max_age = written.usage_max_age.as_deref().map_or(Some(USAGE_MAX_AGE), duration);
        let in_range = |age: &Duration| *age >= SHORTEST_USAGE_AGE && *age <= LONGEST_AGE;
        let usage_max_age = usage_max_age.filter(in_range).unwrap_or_else(|| {
            self.wrong(
                "store.usage_max_age",
                "this is not a time of 40 days or more",
                "write it like \"400d\"; a month's budget is counted from what is kept",
            );
            USAGE_MAX_AGE
        });
        Some(StoreSettings { path: path?, max_size, max_age, usage_max_age })
    }

    fn store_path(&mut self, written: Option<&str>) -> Option<PathBuf> {
        let Some(text) = written.filter(|text| !text.is_empty()) else {
            if self.holds_wrong("store") {
                return None;
            }
            let mend = "write path = \"/var/lib/portcullis/store.db\", or remove [store]";
            self.wrong("store", "the store has no path", mend);
            return None;
        };
        Some(self.sources.folder().join(text))
    }
}
