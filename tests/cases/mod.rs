//! A way to meet each refusal through a real socket: one row or more for every reason.

mod table;

use portcullis::denial::Reason;
use portcullis::dialect::Dialect;
use serde_json::Value;

use crate::common::client::request;
use crate::common::{Answer, OK, Running, Setup, Upstream};

pub(crate) use table::all;

/// A chat request in one dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) dialect: Dialect,
    pub(crate) name: &'static str,
    pub(crate) upstream: &'static str,
    pub(crate) path: &'static str,
    pub(crate) list: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) model: &'static str,
    pub(crate) body: &'static str,
    /// Where the dialect's SDK puts its key, and what it puts before it.
    pub(crate) slot: (&'static str, &'static str),
}

/// The three dialects.
pub(crate) const ROUTES: [Route; 3] = [
    Route {
        dialect: Dialect::OpenAi,
        name: "openai",
        upstream: "openai",
        path: "/v1/chat/completions",
        list: "/v1/models",
        endpoint: "chat",
        model: "gpt-4o-mini",
        body: r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#,
        slot: ("authorization", "Bearer "),
    },
    Route {
        dialect: Dialect::Anthropic,
        name: "anthropic",
        upstream: "anthropic",
        path: "/v1/messages",
        list: "/v1/models",
        endpoint: "messages",
        model: "claude-sonnet-4-5",
        body: r#"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
        slot: ("x-api-key", ""),
    },
    Route {
        dialect: Dialect::Gemini,
        name: "gemini",
        upstream: "gemini",
        path: "/v1beta/models/gemini-2.5-flash:generateContent",
        list: "/v1beta/models",
        endpoint: "generate",
        model: "gemini-2.5-flash",
        body: r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        slot: ("x-goog-api-key", ""),
    },
];

impl Route {
    /// A request as the dialect's SDK sends it, with more headers, and with `{}` for no key.
    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        key: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Vec<u8> {
        let (name, before) = self.slot;
        let credential = format!("{before}{key}");
        let mut headers = vec![(name, credential.as_str())];
        if self.dialect == Dialect::Anthropic {
            headers.push(("anthropic-version", "2023-06-01"));
        }
        let typed = more.iter().any(|(name, _)| *name == "content-type");
        if !body.is_empty() && !typed {
            headers.push(("content-type", "application/json"));
        }
        headers.extend(more);
        request(method, target, &headers, body)
    }

    /// The chat request.
    pub(crate) fn chat(&self, key: &str) -> Vec<u8> {
        self.request("POST", self.path, key, &[], self.body)
    }

    pub(crate) fn with(&self, key: &str, more: &[(&str, &str)]) -> Vec<u8> {
        self.request("POST", self.path, key, more, self.body)
    }

    pub(crate) fn body(&self, key: &str, body: &str) -> Vec<u8> {
        self.request("POST", self.path, key, &[], body)
    }
}

/// The line of the configuration that refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    /// None: the gate itself refuses.
    BuiltIn,
    /// The rule's name, and the section and setting where it stands. `{upstream}` is the route's.
    At(&'static str, &'static str, &'static str),
}

/// One way to be refused.
pub(crate) struct Case {
    pub(crate) reason: Reason,
    /// Tells it from another case of the same reason.
    pub(crate) variant: &'static str,
    pub(crate) dialects: &'static [Dialect],
    pub(crate) arrange: fn(Setup, &Route) -> Setup,
    pub(crate) upstream: fn() -> Upstream,
    pub(crate) ask: fn(&Running, &Upstream, &Route) -> Answer,
    pub(crate) line: Line,
    /// What stands for `{detail}`.
    pub(crate) detail: fn(&Route) -> &'static str,
    /// The method and path of the refused request.
    pub(crate) target: fn(&Route) -> (&'static str, &'static str),
}

const EVERY: &[Dialect] = &[Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];

/// A case that sends an ordinary chat request to an upstream that answers.
fn case(reason: Reason) -> Case {
    Case {
        reason,
        variant: "",
        dialects: EVERY,
        arrange: |setup, _| setup,
        upstream: || Upstream::answering(OK),
        ask: |gate, _, route| gate.ask(route.chat(&gate.setup.client_key)),
        line: Line::BuiltIn,
        detail: |_| "",
        target: |route| ("POST", route.path),
    }
}

impl Case {
    /// The name of the case on one route.
    pub(crate) fn name(&self, route: &Route) -> String {
        let mark = if self.variant.is_empty() { "" } else { "-" };
        format!("{}{mark}{}@{}", self.reason.code(), self.variant, route.name)
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &'static Route> {
        ROUTES.iter().filter(|route| self.dialects.contains(&route.dialect))
    }

    /// Starts a gate and drives the case through its socket.
    pub(crate) fn drive(&self, route: &Route) -> Driven {
        self.drive_with(route, |setup| setup)
    }

    /// The same with more arranged.
    pub(crate) fn drive_with(&self, route: &Route, more: impl FnOnce(Setup) -> Setup) -> Driven {
        let upstream = (self.upstream)();
        let setup = Setup::new(upstream.address);
        let gate = more((self.arrange)(setup, route)).start();
        let answer = (self.ask)(&gate, &upstream, route);
        Driven { gate, upstream, answer }
    }
}

/// A gate that has refused.
pub(crate) struct Driven {
    pub(crate) gate: Running,
    pub(crate) upstream: Upstream,
    pub(crate) answer: Answer,
}

impl Driven {
    /// The record of the refused request.
    pub(crate) fn record(&self) -> Value {
        let id = self.answer.header("x-request-id").expect("a request id");
        let mut found = None;
        crate::common::until("the record is written", || {
            found = self.gate.records().into_iter().find(|record| record["request_id"] == id);
            found.is_some()
        });
        found.unwrap()
    }
}
