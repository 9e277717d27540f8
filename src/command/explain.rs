//! `portcullis explain`: what would the gate say to this request, and why?
//!
//! Exit code 0 if it would be allowed, 1 if refused, 2 for a wrong question or configuration.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::{Value, json};

use super::denials::Place;
use super::{FAILED, FINE, WRONG, complain, say};
use crate::change::{Change, Exceeded, Known, change, why_no_change};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::denial::{Denial, Reason};
use crate::explain::{BUILT_IN, Question, STAGES, Told, Verdict, handshake, is_only_a_socket};
use crate::limits::Registry;
use crate::policy::parameters::generates;
use crate::snapshot::Snapshot;

/// How many stages stand before the one that asks about parameters.
const MODEL: usize = 7;

/// A question as it was asked.
#[derive(Debug)]
pub struct Asked {
    /// The key's public id.
    pub key_id: String,
    /// The client's address.
    pub ip: IpAddr,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The model, in the body or wherever else the endpoint has it.
    pub model: Option<String>,
    /// How many tokens the answer may have.
    pub max_tokens: Option<u64>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The refusal of a running gate that a record tells of, which the configuration alone does not
    /// decide.
    pub exceeded: Option<Exceeded>,
    /// What is known of the body.
    pub known: Known,
    /// The refusal of its parameters that a record tells of, which the record does not hold.
    pub recorded: Option<Recorded>,
}

/// A refusal of parameters, as its record tells it.
#[derive(Debug)]
pub struct Recorded {
    rule: String,
    hint: String,
}

impl Asked {
    /// The request that a record tells of; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read, or tells too little.
    pub fn in_record(file: &Path) -> Result<Self, String> {
        let text = if file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(file)
        };
        let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
        let record: Value = serde_json::from_str(text.trim()).map_err(|error| {
            format!("{}: this is not one record, a line of JSON: {error}", file.display())
        })?;
        Self::of(&record)
    }

    /// The request whose record the store has.
    ///
    /// # Errors
    /// When there is none, or it tells too little.
    pub fn in_store(place: &Place, id: &str) -> Result<Self, String> {
        let reader = place.open().map_err(|(why, _)| why)?;
        let found = reader.find(id).map_err(|error| format!("the store cannot be read: {error}"))?;
        let record = found.and_then(|line| serde_json::from_str(&line).ok());
        Self::of(&record.ok_or_else(|| format!("the store has no refused request {id}"))?)
    }

    fn of(record: &Value) -> Result<Self, String> {
        let part = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let must = |name: &str| part(name).ok_or_else(|| format!("the record has no {name}"));
        let key_id = part("key_id").ok_or_else(|| {
            let reason = part("reason").unwrap_or_else(|| "no reason".to_owned());
            format!("the record names no key ({reason}): what comes behind the key was never asked")
        })?;
        let ip = must("client_ip")?;
        let ip = ip.parse().map_err(|_| format!("the record's client_ip is no address: '{ip}'"))?;
        let reason = part("reason").and_then(|code| Reason::from_code(&code));
        let met = reason.filter(|reason| Exceeded::is(*reason));
        let exceeded = met.zip(part("rule")).map(|(reason, rule)| Exceeded {
            reason,
            rule,
            bytes: record.get("request_bytes").and_then(Value::as_u64).unwrap_or(0),
        });
        let (method, path, model) = (must("method")?, must("path")?, part("model"));
        let read = |reason| reason == Reason::ModelMissing;
        let of_parameters = reason == Some(Reason::ParameterNotAllowed);
        let recorded = part("rule").zip(part("hint")).filter(|_| of_parameters);
        // No record tells of a handshake, without which a socket's path is none.
        let socket = method == "GET" && reason != Some(Reason::EndpointUnknown) && is_only_a_socket(&path);
        // A session that was not refused may have named none because it said nothing.
        let unread = model.is_none() && reason.map_or(socket, |reason| !read(reason));
        Ok(Self {
            key_id,
            ip,
            method,
            path,
            model,
            max_tokens: record.get("token_ceiling").and_then(Value::as_u64),
            headers: handshake().filter(|_| socket).collect(),
            exceeded,
            known: if unread { Known::Nothing } else { Known::Model },
            recorded: recorded.map(|(rule, hint)| Recorded { rule, hint }),
        })
    }
}

/// Answers.
#[must_use]
pub fn run(file: &Path, asked: Result<Asked, String>, as_json: bool) -> u8 {
    let now = Moment::now();
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => {
            complain(&why);
            return WRONG;
        }
    };
    let sources = Sources::at(file);
    let loaded = match load(&sources, &Registry::new(now)) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&faults.to_string());
            return WRONG;
        }
    };
    let snapshot = loaded.snapshot;
    let question = match question(&snapshot, &asked) {
        Ok(question) => question,
        Err(why) => {
            complain(&why);
            return WRONG;
        }
    };
    let mut verdict = asked.known.explain(&snapshot, &question, now);
    let no_model = |told: &Told| told.denial.reason == Reason::ModelMissing;
    if asked.known == Known::Nothing && verdict.denied.as_ref().is_some_and(no_model) {
        // That the question names none says nothing of the request.
        verdict.denied = None;
    }
    let recorded = asked.recorded.as_ref().and_then(|recorded| recorded.told(&snapshot, &question, &verdict));
    let from_record = recorded.is_some();
    if let Some(told) = recorded {
        (verdict.passed, verdict.denied) = (MODEL, Some(told));
    }
    let exceeded = asked.exceeded.as_ref();
    let change = match &verdict.denied {
        Some(told) if from_record => Some(Err(why_no_change(told))),
        None if exceeded.is_none() => None,
        Some(_) | None => Some(change(&sources, &asked.key_id, &question, exceeded, asked.known, now)),
    };
    let text = if as_json {
        format!("{:#}", machine(&verdict, from_record, change.as_ref()))
    } else {
        let mut text = told(&verdict);
        if from_record {
            text.push_str(
                "what else than its model the body asked for is not known: this is the record's refusal, not the \
                 configuration's\n",
            );
        }
        if asked_no_ceiling(&snapshot, &question, &verdict) {
            text.push_str(
                "the project has parameters.max_tokens: say with --max-tokens how many tokens the answer may have\n",
            );
        }
        text + &proposed(&verdict, exceeded, change.as_ref())
    };
    say(text.trim_end_matches('\n'));
    if verdict.denied.is_none() { FINE } else { FAILED }
}

/// Whether the project bounds how long such an answer may be, and nobody said how long it may.
fn asked_no_ceiling(snapshot: &Snapshot, question: &Question, verdict: &Verdict) -> bool {
    let project = snapshot.keys.get(question.key).and_then(|key| snapshot.projects.get(key.project));
    let rules = project.and_then(|project| project.parameters.as_ref());
    let bounded = rules.is_some_and(|rules| rules.max_tokens.is_some());
    bounded
        && question.max_tokens.is_none()
        && verdict.passed >= MODEL
        && verdict.endpoint.is_some_and(generates)
}

impl Recorded {
    /// The refusal, where the request comes as far as its parameters and what refused them is still there.
    fn told(&self, snapshot: &Snapshot, question: &Question, verdict: &Verdict) -> Option<Told> {
        let ceiling = self.rule.ends_with(".max_tokens") && question.max_tokens.is_some();
        let key = snapshot.keys.get(question.key)?;
        let rules = snapshot.projects.get(key.project)?.parameters.as_ref();
        let rule = snapshot.rules.iter().find(|rule| *rule.path == *self.rule);
        let stands = self.rule == BUILT_IN || rule.is_some() && rules.is_some_and(|rules| !rules.observed);
        (verdict.passed > MODEL && !ceiling && stands).then(|| Told {
            denial: Denial::built_in(Reason::ParameterNotAllowed),
            rule: self.rule.clone(),
            at: rule.map_or_else(String::new, |rule| rule.at.to_string()),
            hint: self.hint.clone(),
            message: String::new(),
        })
    }
}

fn question(snapshot: &Snapshot, asked: &Asked) -> Result<Question, String> {
    let key = snapshot.keys.iter().position(|key| *key.id == *asked.key_id).ok_or_else(|| {
        let near =
            snapshot.keys.iter().map(|key| (strsim::damerau_levenshtein(&key.id, &asked.key_id), &key.id));
        let near = near.filter(|(far, _)| *far <= 3).min().map(|(_, id)| format!("; did you mean '{id}'?"));
        format!("there is no key with the id '{}'{}", asked.key_id, near.unwrap_or_default())
    })?;
    let method = Method::from_bytes(asked.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| format!("'{}' is no method", asked.method))?;
    let target: Uri = asked.path.parse().map_err(|_| format!("'{}' is no path", asked.path))?;
    if !asked.path.starts_with('/') {
        return Err(format!("a path begins with a slash, such as /v1/chat/completions: '{}'", asked.path));
    }
    Ok(Question {
        key,
        address: asked.ip,
        method,
        target,
        model: asked.model.clone(),
        max_tokens: asked.max_tokens,
        headers: asked.headers.clone(),
    })
}

fn told(verdict: &Verdict) -> String {
    let mut out = String::new();
    for (at, stage) in STAGES.iter().enumerate() {
        let mark = match at {
            at if at < verdict.passed => "✓",
            at if at == verdict.passed && verdict.denied.is_some() => "✗",
            _ => "–",
        };
        let _ = write!(out, "{mark} {stage}");
        for told in verdict.would_deny.iter().filter(|told| stage_of(told) == *stage) {
            let place = if told.at.is_empty() { String::new() } else { format!(" ({})", told.at) };
            let _ = write!(
                out,
                "\n    only observed: would be {} by {}{place}",
                told.denial.reason.code(),
                told.rule
            );
        }
        if let (Some(told), true) = (&verdict.denied, at == verdict.passed) {
            let place = if told.at.is_empty() { String::new() } else { format!(" ({})", told.at) };
            let _ = write!(out, "\n    reason  {}", told.denial.reason.code());
            let _ = write!(out, "\n    rule    {}{place}", told.rule);
            if !told.message.is_empty() {
                let _ = write!(out, "\n    client  {}", told.message);
            }
            let _ = write!(out, "\n    mend    {}", told.hint);
        }
        out.push('\n');
    }
    if verdict.denied.is_some() {
        return out;
    }
    if if_its_model_is(verdict) {
        let _ = writeln!(
            out,
            "allowed, if its model is, while the limits last: it was refused before its body was read, so name the model \
             with --model"
        );
    } else {
        let upstream = verdict.upstream.as_deref().unwrap_or("?");
        let _ = writeln!(out, "allowed; it goes to upstream '{upstream}', while the limits last");
    }
    out
}

/// Whether the stages were only asked as far as the body, whose model nobody knows.
const fn if_its_model_is(verdict: &Verdict) -> bool {
    verdict.denied.is_none() && verdict.passed < STAGES.len()
}

/// The stage that a rule belongs to. Addresses are looked at twice: by the gate, and by the key.
fn stage_of(told: &Told) -> &'static str {
    let reason = told.denial.reason;
    let of_a_project = reason == Reason::AddressNotAllowed && told.rule.starts_with("projects.");
    if of_a_project { "origin" } else { reason.facts().stage }
}

/// The change that would help, or why there is none.
fn proposed(
    verdict: &Verdict,
    exceeded: Option<&Exceeded>,
    change: Option<&Result<Change, String>>,
) -> String {
    let mut out = String::new();
    if let (None, Some(exceeded)) = (&verdict.denied, exceeded) {
        let _ = writeln!(
            out,
            "the record was refused with {}, which was decided by what the gate had met before",
            exceeded.reason.code()
        );
    }
    match change {
        None => {}
        Some(Err(why)) => {
            let _ = writeln!(out, "\nno change of the configuration is proposed: {why}");
        }
        Some(Ok(change)) => {
            let only = if change.if_its_model_is { ", if its model is allowed" } else { "" };
            let _ = writeln!(out, "\nthis change of the configuration would let it pass{only}:\n");
            change.files.iter().for_each(|file| out.push_str(&file.diff));
            if change.files.iter().any(|file| file.hidden) {
                let _ = writeln!(out, "\nwhat may be a secret is shown as stars: make this change by hand");
            }
            for broken in &change.breaks {
                let _ = writeln!(out, "\nbut with it the configuration would be refused: {broken}");
            }
        }
    }
    out
}

fn machine(verdict: &Verdict, from_record: bool, change: Option<&Result<Change, String>>) -> Value {
    let stages: Vec<Value> = STAGES
        .iter()
        .enumerate()
        .map(|(at, stage)| {
            let state = match at {
                at if at < verdict.passed => "passed",
                at if at == verdict.passed && verdict.denied.is_some() => "refused",
                _ => "not reached",
            };
            json!({ "stage": stage, "state": state })
        })
        .collect();
    let refusal = |told: &Told| {
        json!({
            "reason": told.denial.reason.code(),
            "rule": told.rule,
            "rule_at": told.at,
            "message": told.message,
            "hint": told.hint,
        })
    };
    let denied = verdict.denied.as_ref().map(refusal);
    let would_deny: Vec<Value> = verdict.would_deny.iter().map(refusal).collect();
    let proposed = change.and_then(|change| change.as_ref().ok());
    let files = proposed.map(|change| {
        change
            .files
            .iter()
            .map(|file| json!({ "file": file.file, "diff": file.diff, "hidden": file.hidden }))
            .collect::<Vec<_>>()
    });
    json!({
        "change": files,
        "no_change_because": change.and_then(|change| change.as_ref().err()),
        "breaks": proposed.map_or(&[][..], |change| &change.breaks),
        "allowed": verdict.denied.is_none(),
        "if_its_model_is": if_its_model_is(verdict) || proposed.is_some_and(|change| change.if_its_model_is),
        "endpoint": verdict.endpoint.map(|endpoint| endpoint.name),
        "upstream": verdict.upstream.as_deref(),
        "stages": stages,
        "denied": denied,
        "denied_in_record": from_record,
        "would_deny": would_deny,
    })
}
