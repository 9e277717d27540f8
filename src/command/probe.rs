//! `portcullis probe`: does each upstream accept each of its credentials?
//!
//! Asks every upstream for its list of models, which costs nothing, once for each credential. What
//! this cannot show is whether the account has credit left: that is told by a real request only.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{FAILED, FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::diagnosis::Diagnosis;
use crate::limits::Registry;
use crate::probe::{Account, Finding, probe};
use crate::snapshot::{Snapshot, Upstream};

/// What one credential met.
struct Probed<'s> {
    upstream: &'s Upstream,
    credential: Option<&'s str>,
    finding: Finding,
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
        let list: Vec<Value> = probed.iter().map(Probed::as_json).collect();
        say(&format!("{:#}", Value::from(list)));
    } else {
        let mut text = String::new();
        for one in &probed {
            one.tell(&mut text);
        }
        text.push_str(
            "not asked, since only a paid request tells: whether credit is left, and what each model allows",
        );
        say(text.trim_end());
    }
    if probed.iter().all(|one| one.finding.is_fine()) { FINE } else { FAILED }
}

async fn all<'s>(snapshot: &'s Snapshot, only: Option<&str>) -> Vec<Probed<'s>> {
    let mut probed = Vec::new();
    for upstream in
        snapshot.upstreams.iter().filter(|upstream| only.is_none_or(|name| *upstream.name == *name))
    {
        for credential in upstream.credentials.all() {
            let finding = probe(upstream, Some(credential)).await;
            probed.push(Probed { upstream, credential: Some(&credential.id), finding });
        }
        if upstream.keyless {
            let finding = probe(upstream, None).await;
            probed.push(Probed { upstream, credential: None, finding });
        }
    }
    probed
}

/// The address that the provider saw, where its refusal names one.
fn seen_address(diagnosis: &Diagnosis) -> Option<&str> {
    diagnosis.named.iter().find(|(name, _)| *name == "address").map(|(_, address)| &**address)
}

fn tell_account(out: &mut String, account: &Account) {
    let told: Vec<String> = account.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !told.is_empty() {
        let _ = writeln!(out, "    the account:   {}", told.join(", "));
    }
}

fn listed(account: &Account) -> Value {
    account
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl Probed<'_> {
    fn tell(&self, out: &mut String) {
        let mark = if self.finding.is_fine() { "✓" } else { "✗" };
        let _ =
            write!(out, "{mark} {} / {}: ", self.upstream.name, self.credential.unwrap_or("no credential"));
        match &self.finding {
            Finding::Accepted { models, account } => {
                let models = models.map(|models| format!("; {models} models")).unwrap_or_default();
                let _ = writeln!(out, "accepted{models}");
                tell_account(out, account);
            }
            Finding::Unreachable(why) => {
                let _ = writeln!(out, "no answer from {}:{}: {why}", self.upstream.host, self.upstream.port);
            }
            Finding::Refused { status, diagnosis, excerpt, account } => {
                let _ = writeln!(out, "refused with {}: {}", status.as_u16(), diagnosis.id());
                if let Some(cause) = diagnosis.cause {
                    let _ = writeln!(out, "    what happened: {}", cause.what);
                    let _ = writeln!(out, "    whose it is:   {}", cause.whose.word());
                    let _ = writeln!(out, "    mend:          {}", diagnosis.mend());
                }
                if let Some(address) = seen_address(diagnosis) {
                    let _ = writeln!(out, "    it saw us at:  {address}");
                }
                if let Some(excerpt) = excerpt {
                    let _ = writeln!(out, "    it said:       {excerpt}");
                }
                tell_account(out, account);
            }
        }
    }

    fn as_json(&self) -> Value {
        let (mut told, more) = (
            json!({
                "upstream": &*self.upstream.name,
                "credential": self.credential,
                "accepted": self.finding.is_fine(),
            }),
            match &self.finding {
                Finding::Accepted { models, account } => {
                    json!({ "models": models, "account": listed(account) })
                }
                Finding::Unreachable(why) => json!({ "unreachable": why }),
                Finding::Refused { status, diagnosis, excerpt, account } => json!({
                    "address": seen_address(diagnosis),
                    "account": listed(account),
                    "status": status.as_u16(),
                    "cause": diagnosis.id(),
                    "whose": diagnosis.whose(),
                    "retry": diagnosis.retry(),
                    "mend": diagnosis.mend(),
                    "upstream_code": diagnosis.code,
                    "excerpt": excerpt,
                }),
            },
        );
        if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
            told.extend(more);
        }
        told
    }
}
