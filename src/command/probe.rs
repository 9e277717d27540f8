//! `portcullis probe`: does each upstream accept each of its credentials?
//!
//! Asks every upstream for its list of models, which costs nothing, once for each credential. What
//! this cannot show is told at the end.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{FAILED, FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::diagnosis::Diagnosis;
use crate::limits::Registry;
use crate::probe::{Finding, Probed, Quota, probe};
use crate::snapshot::{Snapshot, Upstream};

/// What nobody is to conclude from a credential that was accepted.
const NOT_PROBED: &str = "Not probed, since only a request that costs can tell: whether the account has credit left, and \
                          whether each model may be used.";

/// What one credential met.
struct One<'s> {
    upstream: &'s Upstream,
    credential: Option<&'s str>,
    probed: Probed,
}

/// Probes one upstream, or all, and tells.
#[must_use]
pub fn run(file: &Path, only: Option<&str>, as_json: bool) -> u8 {
    let loaded = match load(&Sources::at(file), &Registry::new(Moment::now())) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&faults.to_string());
            return WRONG;
        }
    };
    let snapshot = &loaded.snapshot;
    if let Some(name) = only.filter(|name| snapshot.upstream_named(name).is_none()) {
        let known: Vec<&str> = snapshot.upstreams.iter().map(|upstream| &*upstream.name).collect();
        complain(&format!("there is no upstream '{name}'; there are: {}", known.join(", ")));
        return WRONG;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return FAILED;
        }
    };
    let probed = runtime.block_on(all(snapshot, only));
    if as_json {
        let list: Vec<Value> = probed.iter().map(One::as_json).collect();
        say(&format!("{:#}", Value::from(list)));
    } else {
        let mut text = String::new();
        for one in &probed {
            one.tell(&mut text);
        }
        if probed.iter().any(One::leaves_billing_open) {
            let _ = writeln!(text, "\n{NOT_PROBED}");
        }
        say(text.trim_end());
    }
    if probed.iter().all(|one| one.probed.finding.is_fine()) { FINE } else { FAILED }
}

async fn all<'s>(snapshot: &'s Snapshot, only: Option<&str>) -> Vec<One<'s>> {
    let mut probed = Vec::new();
    for upstream in
        snapshot.upstreams.iter().filter(|upstream| only.is_none_or(|name| *upstream.name == *name))
    {
        for credential in upstream.credentials.all() {
            let found = probe(upstream, Some(credential)).await;
            probed.push(One { upstream, credential: Some(&credential.id), probed: found });
        }
        if upstream.keyless {
            probed.push(One { upstream, credential: None, probed: probe(upstream, None).await });
        }
    }
    probed
}

/// The address from which an answer says that the provider saw the request come.
fn address(diagnosis: &Diagnosis) -> Option<&str> {
    diagnosis.named.iter().find(|(name, _)| *name == "address").map(|(_, address)| &**address)
}

impl One<'_> {
    fn leaves_billing_open(&self) -> bool {
        match &self.probed.finding {
            Finding::Unreachable { .. } | Finding::NotGranted(_) => false,
            finding @ (Finding::Accepted { .. } | Finding::Refused { .. }) => !finding.tells_of_billing(),
        }
    }

    fn tell(&self, out: &mut String) {
        let finding = &self.probed.finding;
        let mark = if finding.is_fine() { "✓" } else { "✗" };
        let _ =
            write!(out, "{mark} {} / {}: ", self.upstream.name, self.credential.unwrap_or("no credential"));
        match finding {
            Finding::Accepted { models: Some(models), .. } => {
                let s = if *models == 1 { "" } else { "s" };
                let _ = writeln!(out, "accepted; {models} model{s}");
            }
            Finding::Accepted { models: None, .. } => {
                let _ = writeln!(out, "accepted");
            }
            Finding::Unreachable { why, mend } => {
                let _ = writeln!(out, "no answer from {}:{}: {why}", self.upstream.host, self.upstream.port);
                line(out, "mend", *mend);
            }
            Finding::NotGranted(why) => {
                let _ = writeln!(out, "not granted: {why}");
            }
            Finding::Refused { status, diagnosis, excerpt, .. } => {
                let _ = writeln!(out, "refused with {}: {}", status.as_u16(), diagnosis.id());
                if let Some(cause) = diagnosis.cause {
                    line(out, "about", Some(cause.about.word()));
                    line(out, "what happened", Some(cause.what));
                    line(out, "whose it is", Some(cause.whose.word()));
                    line(out, "mend", Some(&diagnosis.mend()));
                }
                line(out, "it said", excerpt.as_deref());
            }
        }
        self.tell_account(out);
    }

    fn tell_account(&self, out: &mut String) {
        let Probed { finding, seen } = &self.probed;
        if let Some(account) = finding.account() {
            line(out, "organization", account.organization.as_deref());
            line(out, "project", account.project.as_deref());
            line(out, "workspace", account.workspace.as_deref());
            line(out, "region", account.region.as_deref());
            for quota in &account.quotas {
                line(out, "left", Some(&left(quota)));
            }
        }
        if let Finding::Refused { diagnosis, .. } = finding {
            line(out, "seen from", address(diagnosis));
        }
        if let Some(seen) = seen {
            let country = seen.country.as_ref().map(|country| format!(" in {country}"));
            let edge = seen.edge.as_ref().map(|edge| format!(", by its edge at {edge}"));
            let (country, edge) = (country.unwrap_or_default(), edge.unwrap_or_default());
            line(out, "seen from", Some(&format!("{}{country}{edge}", seen.address)));
        }
    }

    fn as_json(&self) -> Value {
        let Probed { finding, seen } = &self.probed;
        let billing = if finding.tells_of_billing() { "refused" } else { "not_probed" };
        let mut told = json!({
            "upstream": &*self.upstream.name,
            "credential": self.credential,
            "accepted": finding.is_fine(),
            "billing": billing,
        });
        let more = match finding {
            Finding::Accepted { models, .. } => json!({ "models": models }),
            Finding::Unreachable { why, mend } => json!({ "unreachable": why, "mend": mend }),
            Finding::NotGranted(why) => json!({ "not_granted": why }),
            Finding::Refused { status, diagnosis, excerpt, .. } => json!({
                "status": status.as_u16(),
                "cause": diagnosis.id(),
                "about": diagnosis.cause.map(|cause| cause.about.word()),
                "whose": diagnosis.whose(),
                "retry": diagnosis.retry(),
                "mend": diagnosis.mend(),
                "upstream_code": diagnosis.code,
                "address": address(diagnosis),
                "excerpt": excerpt,
            }),
        };
        extend(&mut told, more);
        if let Some(account) = finding.account() {
            extend(
                &mut told,
                json!({
                    "organization": account.organization,
                    "project": account.project,
                    "workspace": account.workspace,
                    "region": account.region,
                    "quotas": account.quotas.iter().map(quota_as_json).collect::<Vec<Value>>(),
                }),
            );
        }
        if let Some(seen) = seen {
            let (address, country, edge) = (seen.address.to_string(), &seen.country, &seen.edge);
            extend(
                &mut told,
                json!({ "seen_from": { "address": address, "country": country, "edge": edge } }),
            );
        }
        told
    }
}

fn extend(told: &mut Value, more: Value) {
    if let (Value::Object(told), Value::Object(more)) = (told, more) {
        told.extend(more);
    }
}

/// A line below what was found, if there is something to say.
fn line(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        let name = format!("{name}:");
        let _ = writeln!(out, "    {name:<14} {value}");
    }
}

fn left(quota: &Quota) -> String {
    let Quota { of, limit, remaining, reset } = quota;
    let limit = limit.as_ref().map(|limit| format!(" of {limit}")).unwrap_or_default();
    let reset = reset.as_ref().map(|reset| format!(", full again: {reset}")).unwrap_or_default();
    format!("{remaining}{limit} {of}{reset}")
}

fn quota_as_json(quota: &Quota) -> Value {
    let number = |text: &String| text.parse::<u64>().map_or_else(|_| Value::from(text.as_str()), Value::from);
    json!({
        "of": quota.of,
        "limit": quota.limit.as_ref().map(number),
        "remaining": number(&quota.remaining),
        "reset": quota.reset,
    })
}
