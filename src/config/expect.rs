//! `[[expect]]`: what the gate must say to requests that nobody sent.
//!
//! 1. An expectation names its key by the public id, so that no secret is needed to ask.
//! 2. It says either `allow = true`, or `deny` with a reason's code, or `deny = true` for any reason.
//! 3. Here it is only compiled; who asks the stages stands above the configuration.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::fault::Place;
use super::place::{Part, child, item};
use super::shape::suggestion;
use super::work::Work;
use super::written::Written;
use crate::denial::Reason;
use crate::snapshot::Key;

/// What the gate must say to a request.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The dotted name of what it says, such as `expect[0].allow`.
    pub path: String,
    /// Where that stands.
    pub place: Option<Place>,
    /// What it is for, if that is written.
    pub name: Option<String>,
    /// The number of the key in the snapshot.
    pub key: usize,
    /// The client's address.
    pub address: IpAddr,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: Uri,
    /// The model, in the body or wherever else the endpoint has it.
    pub model: Option<String>,
    /// How many tokens the answer may have.
    pub max_tokens: Option<u64>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What it says.
    pub wanted: Wanted,
}

/// What an expectation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The request is allowed.
    Allowed,
    /// It is refused, for whatever reason.
    Denied,
    /// It is refused for this reason.
    DeniedFor(Reason),
}

impl Wanted {
    /// Whether an expectation can be written for a reason: one that a request's headers or body cause, or what a
    /// gate has met before, is not the configuration's.
    #[must_use]
    pub fn can_be_for(reason: Reason) -> bool {
        MET.contains(&reason)
    }
}

/// What the gate must say to a request that nobody sent; `check`, the start and every reload ask.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Expect"))]
pub(super) struct ExpectWritten {
    /// What it is for; stands in the fault if it does not hold.
    pub(super) name: Option<String>,
    /// The request that nobody sent.
    pub(super) request: Option<RequestWritten>,
    /// `true`: the request is allowed, its limits being unused.
    pub(super) allow: Option<bool>,
    /// The code of the reason for which the request is refused, or `true` for whatever reason.
    pub(super) deny: Option<DenyWritten>,
}

/// A request that nobody sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ExpectedRequest"))]
pub(super) struct RequestWritten {
    /// The public id of the key that the caller uses. Never the key itself.
    pub(super) key_id: Option<String>,
    /// The caller's address.
    pub(super) ip: Option<String>,
    /// The request's method.
    pub(super) method: Option<String>,
    /// The request's path and query.
    pub(super) path: Option<String>,
    /// The model that the request names, in its body, its query or a session's message. Default: it names none.
    pub(super) model: Option<String>,
    /// How many tokens the answer may have, by whatever name the body says it. Default: the body does not say.
    pub(super) max_tokens: Option<u64>,
    /// Further headers, such as `{ anthropic-version = "2023-06-01" }`. Default: none.
    pub(super) headers: Option<std::collections::BTreeMap<String, String>>,
}

/// A reason's code, or true.
#[derive(Clone, Debug)]
pub(super) enum DenyWritten {
    Any(bool),
    For(String),
}

impl<'de> Deserialize<'de> for DenyWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = DenyWritten;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the code of a reason in quotes, or true")
            }

            fn visit_bool<E: Error>(self, any: bool) -> Result<DenyWritten, E> {
                Ok(DenyWritten::Any(any))
            }

            fn visit_str<E: Error>(self, code: &str) -> Result<DenyWritten, E> {
                Ok(DenyWritten::For(code.to_owned()))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// What can be met without a running gate, a client or a provider.
pub(super) const MET: [Reason; 21] = [
    Reason::TargetInvalid,
    Reason::AddressUnreadable,
    Reason::AddressNotAllowed,
    Reason::KeyUnknown,
    Reason::KeyExpired,
    Reason::KeyRevoked,
    Reason::KeyNotYetValid,
    Reason::ProjectDisabled,
    Reason::EndpointUnknown,
    Reason::MethodNotAllowed,
    Reason::QueryNotAllowed,
    Reason::UpstreamNotAllowed,
    Reason::UpstreamAmbiguous,
    Reason::ScopeMissing,
    Reason::BodyTooLarge,
    Reason::ModelMissing,
    Reason::ModelAmbiguous,
    Reason::ModelUnknowable,
    Reason::ModelNotAllowed,
    Reason::ParameterNotAllowed,
    Reason::CostUnknown,
];

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const REQUEST: &str = "write it like `request = { key_id = \"search-prod\", ip = \"10.20.1.5\", method = \"POST\", \
                       path = \"/v1/chat/completions\", model = \"gpt-4o-mini\" }`";
const SAYS: &str =
    "write allow = true, deny = \"model_not_allowed\" or another reason's code, or deny = true";

impl Work<'_> {
    /// Compiles the expectations against the keys that there are.
    pub(super) fn expectations(&mut self, written: &Written, keys: &[Key]) -> Vec<Expectation> {
        // Also those with mistakes of their own, which are told already.
        let of_project = written.projects.iter().flat_map(|all| all.values());
        let ids = of_project.flat_map(|one| one.keys.iter().flatten()).filter_map(|key| key.id.as_deref());
        let known: Vec<&str> = ids.collect();
        let all = written.expect.iter().flatten().enumerate();
        all.filter_map(|(at, one)| self.expectation(&item("expect", at), one, keys, &known)).collect()
    }

    fn expectation(
        &mut self,
        path: &str,
        written: &ExpectWritten,
        keys: &[Key],
        known: &[&str],
    ) -> Option<Expectation> {
        let wanted = self.wanted(path, written);
        let within = child(path, "request");
        let Some(request) = &written.request else {
            self.wrong_at(path, Part::Key, "this expectation describes no request", REQUEST);
            return None;
        };
        let id = self.must(&within, "key_id", request.key_id.as_deref());
        if let Some(id) = id.filter(|id| !known.contains(id)) {
            let what = format!("there is no key with the id `{id}`");
            self.wrong(&child(&within, "key_id"), &what, &suggestion(id, known));
        }
        let address = self.must(&within, "ip", request.ip.as_deref());
        let address = address.and_then(|text| self.client(&child(&within, "ip"), text));
        let method = self.must(&within, "method", request.method.as_deref());
        let method = method.and_then(|text| self.method(&child(&within, "method"), text));
        let target = self.must(&within, "path", request.path.as_deref());
        let target = target.and_then(|text| self.target(&child(&within, "path"), text));
        let headers = self.headers(&child(&within, "headers"), request);
        let (says, wanted) = wanted?;
        let path = child(path, says);
        Some(Expectation {
            place: self.places.place(&path, Part::Value),
            path,
            name: written.name.clone(),
            key: keys.iter().position(|key| Some(&*key.id) == id)?,
            address: address?,
            method: method?,
            target: target?,
            model: request.model.clone(),
            max_tokens: request.max_tokens,
            headers: headers?,
            wanted,
        })
    }

    /// What it says, and under which name.
    fn wanted(&mut self, path: &str, written: &ExpectWritten) -> Option<(&'static str, Wanted)> {
        let (allow, deny) = (child(path, "allow"), child(path, "deny"));
        match (&written.allow, &written.deny) {
            (None, None) => {
                // What could not be read is told already.
                if !self.holds_wrong(path) {
                    self.wrong_at(path, Part::Key, "this says neither allow nor deny", SAYS);
                }
                None
            }
            (Some(_), Some(_)) => {
                let what = "a request cannot be allowed and denied: this says both allow and deny";
                self.wrong_at(&deny, Part::Key, what, "remove one of them");
                None
            }
            (Some(true), None) => Some(("allow", Wanted::Allowed)),
            (Some(false), None) => {
                let mend = "write deny = true, or deny = \"…\" with the code of the reason";
                self.wrong(&allow, "what must not be allowed must be denied", mend);
                None
            }
            (None, Some(DenyWritten::Any(true))) => Some(("deny", Wanted::Denied)),
            (None, Some(DenyWritten::Any(false))) => {
                self.wrong(&deny, "what must not be denied must be allowed", "write allow = true");
                None
            }
            (None, Some(DenyWritten::For(code))) => {
                self.reason(&deny, code).map(|reason| ("deny", Wanted::DeniedFor(reason)))
            }
        }
    }

    fn reason(&mut self, path: &str, code: &str) -> Option<Reason> {
        let reason = Reason::from_code(code);
        if let Some(reason) = reason.filter(|reason| Wanted::can_be_for(*reason)) {
            return Some(reason);
        }
        let codes: Vec<&str> = MET.iter().map(|reason| reason.code()).collect();
        if reason.is_some() {
            let what =
                format!("no expectation can meet `{code}`: the configuration alone does not decide it");
            self.wrong(path, &what, &format!("there is: {}", codes.join(", ")));
        } else {
            self.wrong(path, &format!("there is no reason `{code}`"), &suggestion(code, &codes));
        }
        None
    }

    /// What a request cannot do without.
    fn must<'w>(&mut self, path: &str, name: &str, value: Option<&'w str>) -> Option<&'w str> {
        if value.is_none() && !self.holds_wrong(path) {
            self.wrong_at(path, Part::Key, &format!("the request lacks its `{name}`"), REQUEST);
        }
        value
    }

    fn client(&mut self, path: &str, text: &str) -> Option<IpAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            self.wrong(path, "this is not an address", "write one address such as 10.0.0.1 or 2001:db8::1");
        }
        address
    }

    fn method(&mut self, path: &str, text: &str) -> Option<Method> {
        if !METHODS.contains(&text) {
            let what = format!("`{text}` is not a method");
            self.wrong(path, &what, &suggestion(&text.to_ascii_uppercase(), &METHODS));
            return None;
        }
        Method::from_bytes(text.as_bytes()).ok()
    }

    fn target(&mut self, path: &str, text: &str) -> Option<Uri> {
        let target = text.starts_with('/').then(|| text.parse().ok()).flatten();
        if target.is_none() {
            let what = "this is not a path, which begins with a slash and holds no blanks";
            self.wrong(path, what, "write it like \"/v1/chat/completions\"");
        }
        target
    }

    fn headers(&mut self, path: &str, request: &RequestWritten) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let mut read = |(name, text): (&String, &String)| {
            let header = name.parse().ok().zip(text.parse().ok());
            if header.is_none() {
                let what = "this is not a header";
                self.wrong(&child(path, name), what, "write it like `anthropic-version = \"2023-06-01\"`");
            }
            header
        };
        // Every one is read, also behind one with a mistake.
        let all: Vec<Option<_>> = request.headers.iter().flatten().map(&mut read).collect();
        all.into_iter().collect()
    }
}
