//! Notices that the configuration changed, and takes the new one as a whole or not at all.
//!
//! Files are looked at every second instead of being watched: that works on every file system and
//! mount, also where a secret is swapped by renaming a folder, and costs a few system calls. A
//! change is taken up once it has stood still for a second, so that a file half written is not.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::config::{Faults, Loaded, Sources};
use crate::run::Gate;
use crate::snapshot::Snapshot;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(1);

/// What a file looked like.
type Look = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Watches the files of a configuration.
#[derive(Debug)]
pub struct Watch {
    sources: Sources,
    referred: Vec<PathBuf>,
    in_force: Look,
    last: Look,
}

impl Watch {
    /// Watches what a configuration was loaded from.
    #[must_use]
    pub fn new(sources: Sources, loaded: &Loaded) -> Self {
        let mut watch =
            Self { sources, referred: loaded.files.clone(), in_force: Look::new(), last: Look::new() };
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
            Some((meta.modified().ok()?, meta.len()))
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
        let outcome = gate.reload(&self.sources);
        if let Ok(loaded) = &outcome {
            self.referred.clone_from(&loaded.files);
        }
        // Whatever came of it, these files have been judged; only another change is news.
        self.in_force = self.look();
        self.last.clone_from(&self.in_force);
        match outcome {
            Ok(loaded) => taken(gate, loaded, why),
            Err(faults) => refused(&faults, why),
        }
    }
}

fn taken(gate: &Gate, loaded: Loaded, why: &'static str) {
    let before = gate.shared.snapshot.load_full();
    for setting in needs_restart(&before, &loaded.snapshot) {
        tracing::warn!(setting, "setting_needs_a_restart");
    }
    let (from, to) = (before.digest.to_string(), loaded.snapshot.digest.to_string());
    gate.put_in_force(loaded);
    tracing::info!(why, from, to, "configuration_reloaded");
}

fn refused(faults: &Faults, why: &'static str) {
    for fault in &faults.0 {
        let at = fault.place.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, path = %fault.path, what = %fault.what, mend = %fault.mend, "configuration_fault");
    }
    tracing::error!(why, faults = faults.0.len() as u64, "configuration_kept: the new one has mistakes");
}

fn needs_restart(before: &Snapshot, after: &Snapshot) -> Vec<&'static str> {
    let mut settings = Vec::new();
    if before.store != after.store {
        settings.push("store");
    }
    let (before, after) = (&before.server, &after.server);
    if before.listen != after.listen {
        settings.push("server.listen");
    }
    if before.admin_listen != after.admin_listen {
        settings.push("admin.listen");
    }
    if before.workers != after.workers {
        settings.push("server.workers");
    }
    settings
}
