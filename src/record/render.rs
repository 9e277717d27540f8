//! A record as one JSON line for machines, and as one line for people.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{AddressSource, Outcome, Record};
use crate::denial::Denial;

/// Which rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object.
    Json,
    /// One line to read.
    Text,
}

/// The longest path, model or header value that is written.
const LONGEST: usize = 256;

impl Record {
    /// Renders the record behind what is in `out`, without a line's end.
    pub fn render(&self, form: Form, out: &mut String) {
        match form {
            Form::Json => self.json(out),
            Form::Text => self.text(out),
        }
    }

    fn json(&self, out: &mut String) {
        out.push_str("{\"timestamp\":\"");
        timestamp(out, self.begun.wall);
        let level = match self.event() {
            "denied" => "WARN",
            "failed" | "cut" => "ERROR",
            _ => "INFO",
        };
        out.push_str("\",\"level\":\"");
        out.push_str(level);
        out.push_str("\",\"event\":\"");
        out.push_str(self.event());
        out.push_str("\",\"request_id\":\"");
        out.push_str(self.id.as_str());
        out.push('"');
        if let Outcome::Refused(denial) = &self.outcome {
            word(out, "reason", denial.reason.code());
        }
        number(out, "status", u64::from(self.status));
        self.json_caller(out);
        self.json_request(out);
        self.json_upstream(out);
        match &self.outcome {
            Outcome::Refused(denial) => self.json_denial(out, denial),
            Outcome::Cut(why) => word(out, "cause", why),
            Outcome::Open | Outcome::Served => {}
        }
        self.json_headers(out);
        self.json_figures(out);
        word(out, "config", &self.snapshot.digest);
        out.push('}');
    }

    fn json_caller(&self, out: &mut String) {
        if let Some(project) = self.project() {
            word(out, "project", &project.name);
        }
        if let Some(key) = self.key() {
            word(out, "key_id", &key.id);
        }
        if let Some(claimed) = &self.claimed_key_id {
            text(out, "claimed_key_id", claimed.as_bytes());
        }
        if let Some((client, source)) = self.client {
            address(out, "client_ip", client);
            if !matches!(source, AddressSource::Peer) {
                address(out, "peer_ip", self.peer);
            }
            out.push_str(",\"ip_source\":\"");
            source_word(out, source);
            out.push('"');
        } else {
            address(out, "peer_ip", self.peer);
        }
    }

    fn json_request(&self, out: &mut String) {
        text(out, "method", self.method.as_str().as_bytes());
        text(out, "path", up_to_a_key(self.uri.path().as_bytes()));
        if let Some(endpoint) = self.endpoint {
            word(out, "endpoint", endpoint.name);
            word(out, "scope", endpoint.scope.name());
        }
        if let Some(model) = &self.model {
            text(out, "model", up_to_a_key(model.as_bytes()));
        }
        if self.stream {
            out.push_str(",\"stream\":true");
        }
        if let Some(ceiling) = self.token_ceiling {
            number(out, "token_ceiling", ceiling);
        }
    }

    fn json_upstream(&self, out: &mut String) {
        if let Some(upstream) = self.upstream() {
            word(out, "upstream", &upstream.name);
        }
        if let Some(credential) = &self.credential {
            word(out, "credential", credential);
        }
        if let Some(status) = self.upstream_status {
            number(out, "upstream_status", u64::from(status));
        }
        if let Some(id) = &self.upstream_request_id {
            text(out, "upstream_request_id", id.as_bytes());
        }
    }

    fn json_denial(&self, out: &mut String, denial: &Denial) {
        match self.snapshot.rule(denial.rule) {
            Some(rule) => {
                text(out, "rule", rule.path.as_bytes());
                if !rule.at.is_empty() {
                    text(out, "rule_at", rule.at.as_bytes());
                }
            }
            None => word(out, "rule", "built-in"),
        }
        text(out, "hint", self.fill(denial.reason.facts().told_to_operator, denial).as_bytes());
        if let Some(wait) = denial.retry_after {
            number(out, "retry_after_ms", millis(wait));
        }
    }

    fn json_headers(&self, out: &mut String) {
        if self.user_agent.is_none() && self.content_type.is_none() {
            return;
        }
        out.push_str(",\"headers\":{");
        let from = out.len();
        for (name, value) in [("user-agent", &self.user_agent), ("content-type", &self.content_type)] {
            if let Some(value) = value {
                text(out, name, up_to_a_key(value.as_bytes()));
            }
        }
        // Every field is written behind a comma; the first of an object has none.
        out.replace_range(from..=from, "");
        out.push('}');
    }

    fn json_figures(&self, out: &mut String) {
        number(out, "request_bytes", self.request_bytes);
        number(out, "response_bytes", self.response_bytes);
        if let Some(decided) = self.decided {
            number(out, "gate_us", micros(decided));
        }
        if let Some(wait) = self.upstream_wait {
            number(out, "upstream_us", micros(wait));
        }
        if let Some(first) = self.first_byte {
            number(out, "first_byte_us", micros(first));
        }
        number(out, "latency_us", micros(self.begun.elapsed()));
    }

    fn text(&self, out: &mut String) {
        let mut stamp = String::new();
        timestamp(&mut stamp, self.begun.wall);
        let _ = write!(out, "{} {:<9} {}", stamp.get(11..23).unwrap_or(&stamp), self.event(), self.status);
        if let Some(reason) = self.reason() {
            let _ = write!(out, " {}", reason.code());
        }
        out.push_str("  ");
        match (self.project(), self.key()) {
            (Some(project), Some(key)) => {
                let _ = write!(out, "{}/{}", project.name, key.id);
            }
            _ => out.push('-'),
        }
        let _ = write!(out, "  {}  {} ", self.client.map_or(self.peer, |(client, _)| client), self.method);
        plain(out, up_to_a_key(self.uri.path().as_bytes()), LONGEST);
        if let Some(model) = &self.model {
            out.push_str("  ");
            plain(out, up_to_a_key(model.as_bytes()), LONGEST);
        }
        if let Some(upstream) = self.upstream() {
            let _ = write!(out, "  via {}", upstream.name);
        }
        let _ = write!(out, "  {:.1} ms  {}", self.begun.elapsed().as_secs_f64() * 1e3, self.id);
        match &self.outcome {
            Outcome::Refused(denial) => {
                let hint = self.fill(denial.reason.facts().told_to_operator, denial);
                out.push_str("\n             └ ");
                plain(out, hint.as_bytes(), 600);
                if let Some(rule) = self.snapshot.rule(denial.rule).filter(|rule| !rule.at.is_empty()) {
                    let _ = write!(out, "  ({})", rule.at);
                }
            }
            Outcome::Cut(why) => {
                let _ = write!(out, "\n             └ {why}");
            }
            Outcome::Open | Outcome::Served => {}
        }
    }
}

/// The words for how an address was found.
fn source_word(out: &mut String, source: AddressSource) {
    let _ = match source {
        AddressSource::Peer => out.write_str("peer"),
        AddressSource::ForwardedFor(hop) => write!(out, "x-forwarded-for[{hop}]"),
        AddressSource::Forwarded(hop) => write!(out, "forwarded[{hop}]"),
    };
}

fn timestamp(out: &mut String, wall: std::time::SystemTime) {
    if let Ok(stamp) = jiff::Timestamp::try_from(wall) {
        let _ = write!(out, "{stamp:.3}");
    }
}

fn name(out: &mut String, name: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
}

/// A field whose value is one of our own words.
fn word(out: &mut String, field: &str, value: &str) {
    name(out, field);
    out.push('"');
    out.push_str(value);
    out.push('"');
}

/// A field whose value came from outside.
fn text(out: &mut String, field: &str, value: &[u8]) {
    name(out, field);
    out.push('"');
    escaped(out, value);
    out.push('"');
}

fn number(out: &mut String, field: &str, value: u64) {
    name(out, field);
    out.push_str(itoa::Buffer::new().format(value));
}

fn address(out: &mut String, field: &str, value: IpAddr) {
    name(out, field);
    let _ = write!(out, "\"{value}\"");
}

/// Writes bytes as the inside of a JSON string in plain ASCII, up to a length.
fn escaped(out: &mut String, bytes: &[u8]) {
    let ordinary = |b: u8| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\';
    let held = bytes.get(..LONGEST).unwrap_or(bytes);
    if held.iter().all(|b| ordinary(*b)) {
        out.push_str(std::str::from_utf8(held).unwrap_or_default());
    } else {
        for character in String::from_utf8_lossy(held).chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                ' '..='~' => out.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
        }
    }
    if held.len() < bytes.len() {
        out.push_str("...");
    }
}

/// What stands before the secret of a project key that a client put where no key belongs.
pub(super) fn up_to_a_key(bytes: &[u8]) -> &[u8] {
    let prefix = crate::project_key::PREFIX.as_bytes();
    let found = bytes.windows(prefix.len()).position(|here| here == prefix);
    found.and_then(|at| bytes.get(..at + prefix.len())).unwrap_or(bytes)
}

/// Writes bytes for a person's eye: what is not plain ASCII becomes a question mark.
pub(super) fn plain(out: &mut String, bytes: &[u8], longest: usize) {
    let held = bytes.get(..longest).unwrap_or(bytes);
    out.extend(held.iter().map(|b| if matches!(b, 0x20..=0x7e) { char::from(*b) } else { '?' }));
    if held.len() < bytes.len() {
        out.push_str("...");
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_written_is_one_plain_json_string(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = String::from("\"");
            escaped(&mut out, &bytes);
            out.push('"');
            prop_assert!(out.bytes().all(|b| matches!(b, 0x20..=0x7e)));
            let read: String = serde_json::from_str(&out).unwrap();
            let held = String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(&bytes)).into_owned();
            prop_assert!(read.starts_with(&held));
        }
    }
}
