//! A record as one JSON line for machines, and as one line for people.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;

use http::{HeaderValue, Method};

use super::{AddressSource, Outcome, Record, RefusedByUpstream};
use crate::ascii;
use crate::clock::Moment;
use crate::denial::Denial;
use crate::provider_key::up_to_a_key;
use crate::usage::Usage;

/// A field's name with all that stands before its value.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

/// A field's name with all that stands before its value, which is a string.
macro_rules! text_key {
    ($name:literal) => {
        concat!(",\"", $name, "\":\"")
    };
}

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
        let event = self.event();
        let level = match event {
            _ if self.alert.is_some() => "\",\"level\":\"ERROR\"",
            "denied" => "\",\"level\":\"WARN\"",
            "failed" | "cut" => "\",\"level\":\"ERROR\"",
            _ => "\",\"level\":\"INFO\"",
        };
        out.push_str("{\"timestamp\":\"");
        timestamp(out, self.begun);
        out.push_str(level);
        word(out, text_key!("event"), event);
        if let Some(alert) = self.alert {
            word(out, text_key!("alert"), alert.word());
        }
        word(out, text_key!("request_id"), self.id.as_str());
        if let Outcome::Refused(denial) = &self.outcome {
            word(out, text_key!("reason"), denial.reason.code());
        }
        number(out, key!("status"), u64::from(self.status));
        self.json_caller(out);
        self.json_request(out);
        self.json_upstream(out);
        match &self.outcome {
            Outcome::Refused(denial) => self.json_denial(out, denial),
            // Of a refusal that was cut off, the cause is told already.
            Outcome::Cut(why) if self.refused_by_upstream.is_some() => word(out, text_key!("cut"), why),
            Outcome::Cut(why) => word(out, text_key!("cause"), why),
            Outcome::Open | Outcome::Served => {}
        }
        if !self.would_deny.is_empty() {
            self.json_would_deny(out);
        }
        self.json_headers(out);
        self.json_figures(out);
        word(out, text_key!("config"), &self.snapshot.digest);
        out.push('}');
    }

    fn json_caller(&self, out: &mut String) {
        if let Some(project) = self.project() {
            word(out, text_key!("project"), &project.name);
        }
        if let Some(key) = self.key() {
            word(out, text_key!("key_id"), &key.id);
        }
        if let Some(claimed) = &self.claimed_key_id {
            text(out, text_key!("claimed_key_id"), claimed);
        }
        let Some((client, source)) = self.client else {
            address(out, text_key!("peer_ip"), self.peer);
            return;
        };
        address(out, text_key!("client_ip"), client);
        if !matches!(source, AddressSource::Peer) {
            address(out, text_key!("peer_ip"), self.peer);
        }
        out.push_str(text_key!("ip_source"));
        match source {
            AddressSource::Peer => out.push_str("peer"),
            AddressSource::ForwardedFor(_) | AddressSource::Forwarded(_) => {
                let _ = write!(out, "{source}");
            }
        }
        out.push('"');
    }

    fn json_request(&self, out: &mut String) {
        match self.method {
            Method::POST => word(out, text_key!("method"), "POST"),
            Method::GET => word(out, text_key!("method"), "GET"),
            _ => text(out, text_key!("method"), up_to_a_key(self.method.as_str())),
        }
        text(out, text_key!("path"), self.shown_path());
        if let Some(endpoint) = self.endpoint {
            word(out, text_key!("endpoint"), endpoint.name);
            word(out, text_key!("scope"), endpoint.scope.name());
        }
        if let Some(model) = &self.model {
            text(out, text_key!("model"), up_to_a_key(model));
        }
        if let Some(model) = &self.upstream_model {
            text(out, text_key!("upstream_model"), model);
        }
        if let Some(earlier) = &self.earlier {
            let mut key = ",\"earlier_models\":[\"";
            for model in &earlier.models {
                text(out, key, up_to_a_key(model));
                key = ",\"";
            }
            out.push(']');
        }
        if self.stream {
            out.push_str(",\"stream\":true");
        }
        if let Some(ceiling) = self.token_ceiling {
            number(out, key!("token_ceiling"), ceiling);
        }
        let tier = self.served.map_or(self.tier, |served| served.instead_of(self.tier));
        if let Some(tier) = tier {
            word(out, text_key!("service_tier"), tier.word());
        } else if self.tier.is_some() {
            // It was not served as it was asked for.
            word(out, text_key!("service_tier"), "default");
        }
    }

    /// The method; one that is no usual one may be anything.
    fn shown_method(&self) -> &str {
        let method = self.method.as_str();
        if matches!(self.method, Method::GET | Method::POST) { method } else { up_to_a_key(method) }
    }

    /// The path. One that a table spells out from end to end holds nothing of a client's own.
    fn shown_path(&self) -> &str {
        let path = self.uri.path();
        if self.endpoint.is_some_and(|endpoint| !endpoint.has_parameters()) {
            path
        } else {
            up_to_a_key(path)
        }
    }

    fn json_upstream(&self, out: &mut String) {
        if let Some(upstream) = self.upstream() {
            word(out, text_key!("upstream"), &upstream.name);
        }
        if let Some(credential) = &self.credential {
            word(out, text_key!("credential"), credential);
            if !self.tried.is_empty() {
                number(out, key!("retries"), u64::try_from(self.tried.len()).unwrap_or(u64::MAX));
                let all: Vec<&str> = self.tried.iter().chain([credential]).map(|id| &**id).collect();
                // Ids are plain: nothing in them needs an escape.
                let _ = write!(out, "{}[\"{}\"]", key!("credentials_tried"), all.join("\",\""));
            }
        }
        if let Some(status) = self.upstream_status {
            number(out, key!("upstream_status"), u64::from(status));
        }
        if let Some(id) = &self.upstream_request_id {
            text(out, text_key!("upstream_request_id"), up_to_a_key(&shown(id)));
        }
        if let Some(refused) = &self.refused_by_upstream {
            json_diagnosis(out, refused);
        }
    }

    fn json_denial(&self, out: &mut String, denial: &Denial) {
        match self.snapshot.rule(denial.rule) {
            Some(rule) => {
                text(out, text_key!("rule"), &rule.path);
                if !rule.at.is_empty() {
                    text(out, text_key!("rule_at"), &rule.at);
                }
            }
            None => word(out, text_key!("rule"), "built-in"),
        }
        text(out, text_key!("hint"), &self.hint(denial));
        if let Some(wait) = denial.retry_after_ms() {
            number(out, key!("retry_after_ms"), wait);
        }
    }

    fn json_would_deny(&self, out: &mut String) {
        out.push_str(key!("would_deny"));
        out.push('[');
        for denial in &self.would_deny {
            out.push_str(if out.ends_with('[') { "{\"reason\":\"" } else { ",{\"reason\":\"" });
            out.push_str(denial.reason.code());
            out.push('"');
            self.json_denial(out, denial);
            out.push('}');
        }
        out.push(']');
    }

    fn json_headers(&self, out: &mut String) {
        if self.user_agent.is_none() && self.content_type.is_none() && self.origin.is_none() {
            return;
        }
        out.push_str(",\"headers\":{");
        // Every field is written behind a comma; the first of an object has none.
        let mut first = true;
        let mut key = |key: &'static str| {
            if std::mem::take(&mut first) { key.get(1..).unwrap_or_default() } else { key }
        };
        if let Some(agent) = &self.user_agent {
            text(out, key(text_key!("user-agent")), up_to_a_key(&shown(agent)));
        }
        if let Some(origin) = &self.origin {
            text(out, key(text_key!("origin")), up_to_a_key(&shown(origin)));
        }
        if let Some(kind) = &self.content_type {
            let key = key(text_key!("content-type"));
            if kind == "application/json" {
                word(out, key, "application/json");
            } else {
                text(out, key, up_to_a_key(&shown(kind)));
            }
        }
        out.push('}');
    }

    fn json_figures(&self, out: &mut String) {
        number(out, key!("request_bytes"), self.request_bytes);
        number(out, key!("response_bytes"), self.response_bytes);
        if let Some(usage) = &self.usage {
            json_usage(out, usage);
        }
        if let Some(session) = &self.session {
            number(out, key!("client_messages"), session.client_messages);
            number(out, key!("upstream_messages"), session.upstream_messages);
            word(out, text_key!("closed_by"), session.closed_by.word());
            number(out, key!("close_code"), u64::from(session.code));
        }
        if let Some(cost) = self.cost {
            out.push_str(key!("cost_usd"));
            let _ = write!(out, "{}", cost.money);
            if cost.estimated {
                out.push_str(",\"estimated\":true");
            }
        }
        if let Some(share) = self.budget_reached {
            number(out, key!("budget_reached_percent"), u64::from(share));
        }
        if let Some(decided) = self.decided {
            number(out, key!("gate_us"), micros(decided));
        }
        if let Some(wait) = self.upstream_wait {
            number(out, key!("upstream_us"), micros(wait));
        }
        if let Some(first) = self.first_byte {
            number(out, key!("first_byte_us"), micros(first));
        }
        number(out, key!("latency_us"), micros(self.latency()));
    }

    fn text(&self, out: &mut String) {
        let mut stamp = String::new();
        timestamp(&mut stamp, self.begun);
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
        let client = self.client.map_or(self.peer, |(client, _)| client);
        let _ = write!(out, "  {client}  {} ", self.shown_method());
        plain(out, self.shown_path().as_bytes(), LONGEST);
        if let Some(model) = &self.model {
            out.push_str("  ");
            plain(out, up_to_a_key(model).as_bytes(), LONGEST);
        }
        if let Some(upstream) = self.upstream() {
            let _ = write!(out, "  via {}", upstream.name);
        }
        let _ = write!(out, "  {:.1} ms  {}", self.latency().as_secs_f64() * 1e3, self.id);
        match &self.outcome {
            Outcome::Refused(denial) => {
                let hint = self.hint(denial);
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
        for denial in &self.would_deny {
            let _ = write!(out, "\n             └ would be {}: ", denial.reason.code());
            plain(out, self.hint(denial).as_bytes(), 600);
        }
        if let Some(refused) = &self.refused_by_upstream {
            let found = &refused.diagnosis;
            let _ = write!(out, "\n             └ {} ({})", found.id(), found.whose());
            if let Some(cause) = found.cause {
                out.push_str(": ");
                plain(out, format!("{}; {}", cause.what, found.mend()).as_bytes(), 600);
            }
            if let Some(excerpt) = &refused.excerpt {
                out.push_str(": ");
                plain(out, excerpt.as_bytes(), LONGEST);
            }
        }
    }
}

thread_local! {
    /// The last second that was written, and its text: calendars are slow, and a busy gate writes
    /// many records in one second.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
}

/// Writes a time as RFC 3339 in UTC, to the millisecond.
fn timestamp(out: &mut String, at: Moment) {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != at.unix_seconds() || text.is_empty() {
            let Ok(stamp) = jiff::Timestamp::from_second(at.unix_seconds()) else { return };
            text.clear();
            let _ = write!(text, "{stamp}");
            text.truncate(text.len().saturating_sub(1));
            *second = at.unix_seconds();
        }
        out.push_str(text);
    });
    // A thousand above, so that there are always three digits behind the first.
    out.push('.');
    let millis = at.unix_millis().rem_euclid(1_000);
    out.push_str(itoa::Buffer::new().format(1_000 + millis).get(1..).unwrap_or_default());
    out.push('Z');
}

fn json_usage(out: &mut String, usage: &Usage) {
    number(out, key!("input_tokens"), usage.input);
    number(out, key!("output_tokens"), usage.output);
    for (key, count) in [
        (key!("cached_tokens"), usage.cached),
        (key!("cache_write_tokens"), usage.cache_writes.saturating_add(usage.long_cache_writes)),
        (key!("reasoning_tokens"), usage.reasoning),
    ] {
        if count > 0 {
            number(out, key, count);
        }
    }
}

fn json_diagnosis(out: &mut String, refused: &RefusedByUpstream) {
    let RefusedByUpstream { diagnosis, excerpt } = refused;
    if let Some(code) = &diagnosis.code {
        text(out, text_key!("upstream_code"), up_to_a_key(code));
    }
    word(out, text_key!("cause"), diagnosis.id());
    word(out, text_key!("whose"), diagnosis.whose());
    if let Some(cause) = diagnosis.cause {
        word(out, text_key!("what"), cause.what);
        text(out, text_key!("mend"), &diagnosis.mend());
    }
    if let Some(excerpt) = excerpt {
        text(out, text_key!("upstream_excerpt"), excerpt);
    }
}

/// A field whose value is one of our own words.
fn word(out: &mut String, key: &'static str, value: &str) {
    out.push_str(key);
    out.push_str(value);
    out.push('"');
}

/// A field whose value came from outside.
fn text(out: &mut String, key: &'static str, value: &str) {
    out.push_str(key);
    escaped(out, value);
    out.push('"');
}

fn number(out: &mut String, key: &'static str, value: u64) {
    out.push_str(key);
    out.push_str(itoa::Buffer::new().format(value));
}

fn address(out: &mut String, key: &'static str, value: IpAddr) {
    out.push_str(key);
    match value {
        IpAddr::V4(four) => {
            let mut dot = "";
            for part in four.octets() {
                out.push_str(dot);
                out.push_str(itoa::Buffer::new().format(part));
                dot = ".";
            }
        }
        IpAddr::V6(six) => {
            let _ = write!(out, "{six}");
        }
    }
    out.push('"');
}

/// A header's value as text.
fn shown(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(plain) => Cow::Borrowed(plain),
        Err(_) => String::from_utf8_lossy(value.as_bytes()),
    }
}

/// Writes text as the inside of a JSON string in plain ASCII, up to a length.
fn escaped(out: &mut String, value: &str) {
    let held = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or(value);
    let (plain, rest) = held.split_at_checked(ascii::plain_until(held.as_bytes(), 0)).unwrap_or((held, ""));
    out.push_str(plain);
    for character in rest.chars() {
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
    if held.len() < value.len() {
        out.push_str("...");
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_written_is_one_plain_json_string(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let value = String::from_utf8_lossy(&bytes);
            let mut out = String::from("\"");
            escaped(&mut out, &value);
            out.push('"');
            prop_assert!(out.bytes().all(|b| matches!(b, 0x20..=0x7e)));
            let read: String = serde_json::from_str(&out).unwrap();
            let held = value.get(..value.floor_char_boundary(LONGEST)).unwrap();
            prop_assert_eq!(read, if held.len() < value.len() { format!("{held}...") } else { held.to_owned() });
        }

        #[test]
        fn times_are_written_as_the_calendar_says(millis in 0u64..4_102_444_800_000) {
            let wall = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis);
            let mut out = String::new();
            timestamp(&mut out, Moment::now().dated(wall));
            prop_assert_eq!(out, format!("{:.3}", jiff::Timestamp::try_from(wall).unwrap()));
        }
    }

    #[test]
    fn addresses_are_written_as_usual() {
        for given in ["10.1.2.3", "255.0.0.10", "2001:db8::1"] {
            let mut out = String::new();
            address(&mut out, text_key!("peer_ip"), given.parse().unwrap());
            assert_eq!(out, format!(",\"peer_ip\":\"{given}\""));
        }
    }
}
