//! `portcullis plan`: what would another configuration change?
//!
//! Exit code 0 if nobody would lose anything, 1 if somebody would, 2 for a wrong configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::denials::{Place, moment};
use super::{FAILED, FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::limits::Registry;
use crate::plan::{Change, Effect, Plan};
use crate::printable::in_a_line;
use crate::snapshot::Snapshot;
use crate::store::read::{Failed, Filter, Reader};

/// Replays what was decided since a time in milliseconds since 1970.
#[must_use]
pub fn run(place: &Place, file: &Path, since: i64, as_json: bool) -> u8 {
    let now = Moment::now();
    let loaded = match load(&Sources::at(file), &Registry::new(now)) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&faults.to_string());
            return WRONG;
        }
    };
    let reader = match place.open() {
        Ok(reader) => reader,
        Err((why, code)) => {
            complain(&why);
            return code;
        }
    };
    let new = loaded.snapshot;
    let plan = match replayed(&reader, in_force(place, &new, &reader, now).as_deref(), &new, since, now) {
        Ok(plan) => plan,
        Err(error) => {
            complain(&format!("the store cannot be read: {error}"));
            return FAILED;
        }
    };
    if as_json {
        say(&serde_json::to_string_pretty(&plan).unwrap_or_default());
    } else {
        say(told(&plan).trim_end());
    }
    if plan.takes_away() { FAILED } else { FINE }
}

/// What is in force, as far as files tell: nothing where the store was named in the place of its configuration, or
/// where that reads as the new one and the last that was refused was so by another.
fn in_force(place: &Place, new: &Snapshot, reader: &Reader, now: Moment) -> Option<Arc<Snapshot>> {
    if place.store.is_some() {
        return None;
    }
    let old = load(&Sources::at(&place.config), &Registry::new(now)).ok()?.snapshot;
    if old.digest != new.digest {
        return Some(old);
    }
    let last = reader.list(&Filter::default(), 1).ok()?.pop();
    let digest = last.and_then(|kept| {
        let record: serde_json::Value = serde_json::from_str(&kept.line).ok()?;
        record.get("config")?.as_str().map(str::to_owned)
    });
    digest.is_none_or(|digest| *digest == *old.digest).then_some(old)
}

fn replayed(
    reader: &Reader,
    old: Option<&Snapshot>,
    new: &Arc<Snapshot>,
    since: i64,
    now: Moment,
) -> Result<Plan, Failed> {
    let decided = reader.decisions(None, since)?;
    let projects: BTreeSet<&String> = decided.iter().map(|one| &one.project).collect();
    let peak = |project: &&String| Ok(((*project).clone(), reader.peak(project, since)?));
    let peaks = projects.iter().map(peak).collect::<Result<Vec<_>, Failed>>()?;
    Ok(Plan::make(&decided, &peaks, old, new, now))
}

fn told(plan: &Plan) -> String {
    let mut out = String::new();
    for change in &plan.changes {
        tell(&mut out, change);
    }
    for one in &plan.too_tight {
        let _ = writeln!(
            out,
            "too tight   project {} sent {} requests in the time for which {} allows fewer ({})",
            one.project, one.seen, one.limit, one.rule_at
        );
    }
    if plan.judged == 0 {
        out.push_str("the store holds no decision that can be judged again");
        return out;
    }
    let _ = write!(out, "{} requests judged again: ", plan.judged);
    let counts = [
        (Effect::Loses, "would be denied that passed"),
        (Effect::Gains, "would pass that were denied"),
        (Effect::Differs, "would be denied for another reason"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .map(|(effect, what)| (plan.count(*effect), what))
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    out.push_str(&if counts.is_empty() { "all as before".to_owned() } else { counts.join(", ") });
    out.push_str(match (plan.takes_away(), plan.parameters_not_judged.is_empty()) {
        (true, _) => "\n",
        (false, true) => "; nobody would lose anything\n",
        (false, false) => "; nobody would lose anything, as far as was judged\n",
    });
    if !plan.not_judged.is_empty() {
        let parts: Vec<String> =
            plan.not_judged.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let _ = writeln!(out, "not judged, since no configuration alone decides them: {}", parts.join(", "));
    }
    for rule in &plan.parameters_not_judged {
        let _ = writeln!(out, "not judged: {rule}, since what requests asked for is not kept");
    }
    out
}

fn tell(out: &mut String, change: &Change) {
    let Change { effect, project, key_id, before, after, rule, rule_at, count, examples } = change;
    let word = match effect {
        Effect::Loses => "would lose",
        Effect::Gains => "would gain",
        Effect::Differs => "differs",
    };
    let _ = write!(out, "{word:<10}  {count} × {project}/{key_id}: {before} → {after}");
    if !rule.is_empty() {
        let _ = write!(out, " by {rule}");
    }
    if !rule_at.is_empty() {
        let _ = write!(out, " ({rule_at})");
    }
    out.push('\n');
    for one in examples {
        let model = if one.model.is_empty() { String::new() } else { format!("  {}", in_a_line(&one.model)) };
        let _ = writeln!(
            out,
            "              {} × {} {}{model}  from {}, last {}",
            one.count,
            one.method,
            in_a_line(&one.path),
            one.client_ip,
            moment(one.last_ms)
        );
    }
}
