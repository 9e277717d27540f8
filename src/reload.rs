//! Notices that the configuration changed, and takes the new one as a whole or not at all.
//!
//! Files are looked at every second instead of being watched: that works on every file system and
//! mount, also where a secret is swapped by renaming a folder, and costs a few system calls. A
//! change is taken up once it has stood still for a second, so that a file half written is not.
//!
//! Caveat: a file that was first named by a configuration that was refused is not watched yet.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Fault, Faults, Loaded, LogSettings, Sources};
use crate::run::Gate;
use crate::snapshot::{Listen, Server, StoreSettings};

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(1);

/// What files looked like: device, inode, the second and nanosecond of the last change, length. Behind a link
/// that is swapped another file can be found with the same date and length, but not with the same inode and
/// time of change, which nobody can set.
type Look = Vec<(PathBuf, Option<[u64; 5]>)>;

/// Watches the files of a configuration.
#[derive(Debug)]
pub struct Watch {
    sources: Sources,
    started: Started,
    referred: Vec<PathBuf>,
    in_force: Look,
    last: Look,
}

impl Watch {
    /// Watches what a configuration was loaded from, with which a gate is started.
    #[must_use]
    pub fn new(sources: Sources, loaded: &Loaded) -> Self {
        let mut watch = Self {
            sources,
            started: Started::with(loaded),
            referred: loaded.files.clone(),
            in_force: Look::new(),
            last: Look::new(),
        };
        watch.in_force = watch.look();
        watch.last.clone_from(&watch.in_force);
        watch
    }

    fn look(&self) -> Look {
        let mut paths = self.sources.files();
        paths.extend(self.referred.iter().cloned());
        paths.sort();
        paths.dedup();
        let seen = |path: &PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            let (seconds, nanos) = (meta.ctime().cast_unsigned(), meta.ctime_nsec().cast_unsigned());
            Some([meta.dev(), meta.ino(), seconds, nanos, meta.len()])
        };
        paths.into_iter().map(|path| (path.clone(), seen(&path))).collect()
    }

    /// Whether the files differ from those in force and have stood still since the last look.
    pub fn changed(&mut self) -> bool {
        let now = self.look();
        let settled = now == self.last && now != self.in_force;
        self.last = now;
        settled
    }

    /// Loads anew and puts it in force, or tells why the old configuration stays.
    pub fn apply(&mut self, gate: &Gate, why: &'static str) {
        let before = self.look();
        let changed = differing(&self.in_force, &before);
        let outcome = gate.reload(&self.sources);
        if let Ok(loaded) = &outcome {
            self.referred.clone_from(&loaded.files);
        }
        // Whatever came of it, these files have been judged; only another change is news.
        self.last = self.look();
        self.in_force = judged(&before, &self.last);
        match outcome {
            Ok(loaded) => taken(gate, loaded, &self.started, (why, &changed)),
            Err(faults) => refused(&faults, (why, &changed)),
        }
    }
}

/// The files that are in one look as they are not in the other, also those that came or went.
fn differing(one: &Look, other: &Look) -> String {
    let only = |these: &Look, those: &Look| {
        these.iter().filter(|seen| !those.contains(seen)).map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let mut all = only(one, other);
    all.extend(only(other, one));
    all.sort();
    all.dedup();
    all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What the files looked like when they were read: for those that were known, as before the reading, so that
/// what changed meanwhile is still a change.
fn judged(before: &Look, after: &Look) -> Look {
    let earlier = |path: &PathBuf| before.iter().find(|(known, _)| known == path).map(|(_, seen)| *seen);
    after.iter().map(|(path, seen)| (path.clone(), earlier(path).unwrap_or(*seen))).collect()
}

fn taken(gate: &Gate, loaded: Loaded, started: &Started, (why, changed): (&str, &str)) {
    let before = gate.shared.snapshot.load_full();
    for setting in started.differs_from(&loaded) {
        tracing::warn!(setting, "setting_needs_a_restart");
    }
    tell_lints(&loaded.lints);
    let (from, to) = (before.digest.to_string(), loaded.snapshot.digest.to_string());
    gate.put_in_force(loaded);
    tracing::info!(why, changed, from, to, "configuration_reloaded");
}

/// Logs what a configuration in force probably does not mean, as at the start so at each reload.
pub fn tell_lints(lints: &[Fault]) {
    for lint in lints {
        let at = place(lint);
        tracing::warn!(at, path = %lint.path, what = %lint.what, mend = %lint.mend, "configuration_lint");
    }
}

fn place(fault: &Fault) -> String {
    fault.place.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn refused(faults: &Faults, (why, changed): (&str, &str)) {
    let (mistakes, lints) = faults.mistakes_and_lints();
    for fault in mistakes {
        let at = place(fault);
        tracing::error!(at, path = %fault.path, what = %fault.what, mend = %fault.mend, "configuration_fault");
    }
    tell_lints(lints);
    tracing::error!(
        why,
        changed,
        faults = mistakes.len() as u64,
        "configuration_kept: the new one has mistakes"
    );
}

/// What a gate was started with and keeps until it is started anew, whatever is loaded meanwhile.
#[derive(Debug)]
struct Started {
    store: Option<StoreSettings>,
    listen: (Vec<Listen>, u32),
    admin_listen: Option<SocketAddr>,
    workers: usize,
    log: LogSettings,
}

impl Started {
    fn with(loaded: &Loaded) -> Self {
        let snapshot = &loaded.snapshot;
        let Server { listen, socket_mode, admin_listen, workers, .. } = &snapshot.server;
        Self {
            store: snapshot.store.clone(),
            listen: (listen.clone(), *socket_mode),
            admin_listen: *admin_listen,
            workers: *workers,
            log: loaded.log,
        }
    }

    /// The settings of a configuration that are not as what runs.
    fn differs_from(&self, loaded: &Loaded) -> Vec<&'static str> {
        let loaded = Self::with(loaded);
        let settings = [
            (self.store != loaded.store, "store"),
            (self.listen != loaded.listen, "server.listen"),
            (self.admin_listen != loaded.admin_listen, "admin.listen"),
            (self.workers != loaded.workers, "server.workers"),
            (self.log != loaded.log, "log"),
        ];
        settings.into_iter().filter(|(differs, _)| *differs).map(|(_, setting)| setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named_also_where_it_came_or_went() {
        let look = |list: &[(&str, u64)]| -> Look {
            list.iter().map(|(path, length)| (PathBuf::from(path), Some([0, 0, 0, 0, *length]))).collect()
        };
        let (one, other) = (look(&[("a", 1), ("b", 1), ("c", 1)]), look(&[("b", 2), ("c", 1), ("d", 1)]));
        assert_eq!(differing(&one, &other), "a, b, d");
        assert_eq!(differing(&one, &one), "");
    }

    #[test]
    fn what_changes_while_it_is_read_is_still_a_change() {
        let look = |list: &[(&str, u64)]| -> Look {
            list.iter().map(|(path, length)| (PathBuf::from(path), Some([0, 0, 0, 0, *length]))).collect()
        };
        let before = look(&[("gone", 1), ("known", 1)]);
        let after = look(&[("known", 2), ("new", 7)]);
        assert_eq!(judged(&before, &after), look(&[("known", 1), ("new", 7)]));
        assert_eq!(judged(&after, &after), after);
    }
}
