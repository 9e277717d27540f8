//! A record as people read it: in a list, as a whole, or as a report for a provider's support.

use std::fmt::Write as _;

use serde_json::Value;

use crate::printable::in_a_line;

/// A record, read back from its line.
#[derive(Debug)]
pub struct Receipt {
    value: Value,
    /// The same for people: each text in one line, and none that drives a terminal.
    shown: Value,
}

impl Receipt {
    /// Reads a record's line.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let shown = shown(&value);
        value.is_object().then_some(Self { value, shown })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.shown.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.shown.get(name).and_then(Value::as_u64)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.shown.get("headers").and_then(|headers| headers.get(name)).and_then(Value::as_str)
    }

    fn would_deny(&self) -> impl Iterator<Item = (&str, &str, &str, &str)> {
        let all = self.shown.get("would_deny").and_then(Value::as_array).into_iter().flatten();
        all.map(|one| {
            let part = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
            (part("reason"), part("rule"), part("rule_at"), part("hint"))
        })
    }

    /// One line for a list, and below it what mends it.
    #[must_use]
    pub fn in_a_list(&self) -> String {
        let part = |name| self.text(name).unwrap_or("-");
        let when = part("timestamp").replace('T', " ");
        let reason = self.text("reason").or_else(|| self.text("cause")).unwrap_or_default();
        let who = match (self.text("project"), self.text("key_id")) {
            (Some(project), Some(key)) => format!("{project}/{key}"),
            _ => self.text("claimed_key_id").map_or_else(|| "-".to_owned(), |id| format!("({id})")),
        };
        let client = self.text("client_ip").or_else(|| self.text("peer_ip")).unwrap_or("-");
        let status = self.number("status").unwrap_or_default();
        let mut out = format!(
            "{}  {:<6} {status} {reason}  {who}  {client}  {} {}",
            when.get(..19).unwrap_or(&when),
            part("event"),
            part("method"),
            part("path"),
        );
        if let Some(model) = self.text("model") {
            let _ = write!(out, "  {model}");
        }
        let _ = write!(out, "  {}", part("request_id"));
        if let Some(hint) = self.text("hint").or_else(|| self.text("mend")) {
            let _ = write!(out, "\n    └ {hint}{}", behind(self.text("rule_at")));
        }
        for (reason, _, at, hint) in self.would_deny() {
            let _ = write!(out, "\n    └ would be {reason}: {hint}{}", behind(Some(at)));
        }
        out
    }

    /// Everything that is known, for the operator.
    #[must_use]
    pub fn whole(&self) -> String {
        let mut out = Lines::default();
        let status = self.number("status").filter(|status| *status != 0).map(|status| status.to_string());
        out.line(
            "request",
            &[self.text("request_id"), self.text("event"), status.as_deref(), self.text("reason")],
        );
        out.line("alert", &[self.text("alert")]);
        out.line("when", &[self.text("timestamp")]);
        let named = |word: &str, name: &str| self.text(name).map(|value| format!("{word} {value}"));
        let project = named("project", "project");
        let key = named("key", "key_id").or_else(|| named("claimed key", "claimed_key_id"));
        out.line("who", &[project.as_deref(), key.as_deref()]);
        let source =
            self.text("ip_source").filter(|source| *source != "peer").map(|source| format!("by {source}"));
        let via = self.text("client_ip").and_then(|_| named("through", "peer_ip"));
        let client = self.text("client_ip").or_else(|| self.text("peer_ip"));
        out.line("from", &[client, source.as_deref(), via.as_deref(), self.header("user-agent")]);
        let stream = self.shown.get("stream").map(|_| "streamed");
        let scope = named("scope", "scope");
        out.line(
            "asked",
            &[self.text("method"), self.text("path"), self.text("model"), stream, scope.as_deref()],
        );
        out.line("rule", &[self.text("rule"), self.text("rule_at")]);
        out.line("mend", &[self.text("hint")]);
        for (reason, rule, at, hint) in self.would_deny() {
            out.line("observed", &[Some(reason), Some(rule), Some(at)]);
            out.line("", &[Some(hint)]);
        }
        let answered = self.number("upstream_status").map(|status| format!("answered {status}"));
        let credential = named("credential", "credential");
        let id = named("its id", "upstream_request_id");
        out.line(
            "upstream",
            &[self.text("upstream"), credential.as_deref(), answered.as_deref(), id.as_deref()],
        );
        let whose = named("to be mended by the", "whose");
        out.line("cause", &[self.text("cause"), self.text("upstream_code"), whose.as_deref()]);
        out.line("", &[self.text("what")]);
        out.line("", &[self.text("mend")]);
        out.line("excerpt", &[self.text("upstream_excerpt")]);
        let bytes = |word: &str, name: &str| self.number(name).map(|bytes| format!("{bytes} bytes {word}"));
        let (sent, got) = (bytes("in", "request_bytes"), bytes("out", "response_bytes"));
        let took = self.number("latency_us").map(|us| format!("{}.{:03} ms", us / 1000, us % 1000));
        out.line("figures", &[sent.as_deref(), got.as_deref(), took.as_deref()]);
        out.line("config", &[self.text("config")]);
        out.text
    }

    /// Whether anything of it went to a provider.
    #[must_use]
    pub fn reached_the_provider(&self) -> bool {
        self.text("credential").is_some()
    }

    /// What a provider's support wants to know, and nothing of the house: no name of a project or
    /// key, no address, no rule.
    #[must_use]
    pub fn for_support(&self) -> String {
        let mut out = Lines::default();
        out.line("time (UTC)", &[self.text("timestamp")]);
        out.line("your request id", &[self.text("upstream_request_id").or(Some("none was sent"))]);
        out.line("our request id", &[self.text("request_id")]);
        out.line("request", &[self.text("method"), self.text("path")]);
        out.line("model", &[self.text("model")]);
        let answered = self.number("upstream_status").map(|status| status.to_string());
        out.line("status", &[answered.as_deref().or(Some("no answer")), self.text("upstream_code")]);
        out.line("SDK", &[self.header("user-agent")]);
        let stream = if self.shown.get("stream").is_some() { "streamed" } else { "not streamed" };
        let bytes = self.number("request_bytes").map(|bytes| format!("{bytes} bytes"));
        let ceiling = self.number("token_ceiling").map(|tokens| format!("at most {tokens} tokens of output"));
        out.line("shape", &[self.header("content-type"), bytes.as_deref(), Some(stream), ceiling.as_deref()]);
        let waited = self.number("upstream_us").map(|us| format!("{} ms until the answer began", us / 1000));
        out.line("timing", &[waited.as_deref()]);
        let retries = self.number("retries").unwrap_or_default();
        let tried = match retries {
            0 => "sent once by a gateway, without a retry of its own".to_owned(),
            _ => format!("sent {} times by a gateway, each time with another credential", retries + 1),
        };
        out.line("tried", &[Some(&tried)]);
        out.line("we believe", &[self.text("what").or_else(|| self.text("cause"))]);
        out.text
    }

    /// The record's line, for machines.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }
}

fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => in_a_line(text).into_owned().into(),
        Value::Array(all) => all.iter().map(shown).collect(),
        Value::Object(all) => {
            Value::Object(all.iter().map(|(name, value)| (name.clone(), shown(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn behind(at: Option<&str>) -> String {
    at.filter(|at| !at.is_empty()).map_or_else(String::new, |at| format!("  ({at})"))
}

/// Lines of a name and what is known under it.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Adds a line, if anything is known.
    fn line(&mut self, name: &str, parts: &[Option<&str>]) {
        let known: Vec<&str> = parts.iter().flatten().copied().filter(|part| !part.is_empty()).collect();
        if !known.is_empty() {
            let _ = writeln!(self.text, "{name:<16} {}", known.join("  "));
        }
    }
}
