//! Why a request was refused or failed: one table that every reader renders.
//!
//! The client's error body, the record, the metric and the README's table all read the columns
//! below, so they cannot disagree. A reason's code is public and stable: renaming one breaks the
//! dashboards and the retry logic of others.

use std::time::Duration;

/// Why a request did not get its answer.
///
/// Exhaustive on purpose: every match must notice a new reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The request target is not a plain absolute path.
    TargetInvalid,
    /// The Host header is missing, doubled or malformed.
    HostInvalid,
    /// An Expect header asks for something other than `100-continue`.
    ExpectationUnsupported,
    /// A trusted proxy sent a client address that cannot be read.
    AddressUnreadable,
    /// The client's address is on no allowlist that counts here.
    AddressNotAllowed,
    /// A browser asks for a page of an origin that no project lists.
    OriginNotAllowed,
    /// No project key was sent.
    KeyMissing,
    /// The key sent does not have the form of a project key, or its checksum is wrong.
    KeyMalformed,
    /// A provider's own key was sent in place of a project key.
    ProviderKeySent,
    /// The key is well formed but belongs to nobody.
    KeyUnknown,
    /// Two different credentials were sent.
    KeyConflict,
    /// Too many keys were tried from the client's address that are none.
    KeyAttemptsLimited,
    /// The key is tied to a client certificate that was not shown.
    CertificateRequired,
    /// The key's last day has passed.
    KeyExpired,
    /// The key was revoked.
    KeyRevoked,
    /// The key's first day has not come.
    KeyNotYetValid,
    /// The project is switched off.
    ProjectDisabled,
    /// No endpoint of the gate has this path.
    EndpointUnknown,
    /// The endpoint exists but not with this method.
    MethodNotAllowed,
    /// A query parameter that this endpoint does not take.
    QueryNotAllowed,
    /// The project may use no upstream that serves this endpoint.
    UpstreamNotAllowed,
    /// Several upstreams could serve the request and nothing in it tells which.
    UpstreamAmbiguous,
    /// The project or the key lacks the endpoint's scope.
    ScopeMissing,
    /// A request quota is used up.
    RateLimited,
    /// The project has as many requests in flight as it may.
    ConcurrencyLimited,
    /// The handshake of a WebSocket is not one.
    HandshakeInvalid,
    /// The body is larger than the gate takes.
    BodyTooLarge,
    /// The gate holds as much of bodies as it may.
    MemoryLimited,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body ended early or is not the JSON that the endpoint takes.
    BodyInvalid,
    /// The content type is not the endpoint's.
    ContentTypeUnsupported,
    /// The body is compressed.
    EncodingUnsupported,
    /// The body names no model.
    ModelMissing,
    /// The model is named twice, or by a look-alike key, or differently in path and body.
    ModelAmbiguous,
    /// The endpoint uses a model that the request does not name, and the project may use only some.
    ModelUnknowable,
    /// The project or the key may not use this model.
    ModelNotAllowed,
    /// The body holds a field that would choose another model, host or key, or a parameter that the project
    /// may not use.
    ParameterNotAllowed,
    /// A token quota has not as many left as the request may use.
    TokensLimited,
    /// A budget has not as much left as the request may cost.
    BudgetExhausted,
    /// What the request will cost cannot be known, and there is a budget.
    CostUnknown,
    /// What the request may cost cannot be written down.
    LedgerUnavailable,
    /// The store of the gates that share a limit cannot be asked.
    LimitsUnavailable,
    /// The upstream has no credential to send.
    CredentialUnavailable,
    /// The upstream refused the gate's own credential.
    UpstreamCredentialRejected,
    /// The upstream has as many requests as it may, and none ended in time.
    UpstreamBusy,
    /// The upstream failed so often that it is left alone for a time.
    UpstreamBroken,
    /// The upstream's certificate, or its TLS, does not stand the test.
    UpstreamTls,
    /// No connection to the upstream could be made, or it broke before an answer began.
    UpstreamUnreachable,
    /// The upstream did not begin its answer in time.
    UpstreamTimeout,
    /// The upstream's answer is not one that may be passed on.
    UpstreamInvalid,
    /// The gate itself has a fault: it panicked.
    InternalError,
}

/// Which kind of outcome a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The gate decided against the request.
    Denied,
    /// The gate let it pass but could not get an answer.
    Failed,
}

/// The row of one reason.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The public, stable word.
    pub code: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Denied by a rule, or failed on the way.
    pub kind: Kind,
    /// The stage that says so.
    pub stage: &'static str,
    /// Whether the same request can succeed later without anybody changing anything.
    pub retry: bool,
    /// The error's `param` in the OpenAI dialect: the field to mend.
    pub param: Option<&'static str>,
    /// The sentence for the caller. Never shows a list, another's address or the upstream.
    pub told_to_client: &'static str,
    /// The mend for the operator.
    pub told_to_operator: &'static str,
}

macro_rules! reasons {
    ($($name:ident $code:literal $status:literal $kind:ident $stage:literal $retry:literal $param:expr;
       client $client:literal; operator $operator:literal;)*) => {
        impl Reason {
            /// Every reason, in the order of the stages.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The reason's row in the table.
            #[must_use]
            pub const fn facts(self) -> &'static Facts {
                match self {
                    $(Reason::$name => &Facts {
                        code: $code, status: $status, kind: Kind::$kind, stage: $stage, retry: $retry,
                        param: $param, told_to_client: $client, told_to_operator: $operator,
                    },)*
                }
            }
        }
    };
}

// In the sentences {project}, {key_id}, {model}, {scope}, {endpoint}, {method}, {path}, {client_ip},
// {upstream}, {rule}, {place} and {detail} are replaced by the request's own facts.
reasons! {
    TargetInvalid "target_invalid" 400 Denied "accept" false None;
        client "The request target must be a plain path such as /v1/chat/completions: {detail}.";
        operator "the client sent a request target no SDK sends: look at what it is";
    HostInvalid "host_invalid" 400 Denied "accept" false None;
        client "The request must carry exactly one valid Host header.";
        operator "the client sent no Host header, or several, or a malformed one: look at what it is";
    ExpectationUnsupported "expectation_unsupported" 417 Denied "accept" false None;
        client "The only expectation this gateway meets is 'Expect: 100-continue'.";
        operator "the client sent an Expect header that no SDK sends: look at what it is";
    AddressUnreadable "client_address_unreadable" 403 Denied "network" false None;
        client "The proxy before this gateway sent a client address that cannot be read. Ask the gateway's operator.";
        operator "mend the proxy at {peer_ip}: {detail}";
    AddressNotAllowed "ip_not_allowed" 403 Denied "network" false None;
        client "Requests from address {client_ip} are not allowed here. Ask the gateway's operator to allow the address.";
        operator "add \"{client_ip}\" or its network to {rule}";
    OriginNotAllowed "origin_not_allowed" 403 Denied "preflight" false None;
        client "Web pages from {detail} may not call this gateway. Ask the gateway's operator to allow the origin.";
        operator "add \"{detail}\" to the cors.origins of the project whose page this is";
    KeyMissing "key_missing" 401 Denied "key" false None;
        client "No project key was sent. Set the SDK's api_key to a key of this gateway (it begins with pcl_).";
        operator "the caller must send its project key where its SDK puts the api_key";
    KeyMalformed "key_malformed" 401 Denied "key" false None;
        client "What was sent as the key is not a project key of this gateway: {detail}.";
        operator "the caller sent something that is no project key ({detail}): check its api_key setting";
    ProviderKeySent "provider_key_sent" 401 Denied "key" false None;
        client "What was sent as the key looks like a key of {detail}, not a project key of this gateway. It was not passed on. Take it out of the client and have it rotated: it was sent where it does not belong.";
        operator "a caller holds what looks like a key of {detail}: have it rotated there, and give the caller a project key";
    KeyUnknown "key_unknown" 401 Denied "key" false None;
        client "This project key is not known here. It may have been removed, or belong to another gateway.";
        operator "no [[projects.*.keys]] entry has this key's sha256: add it, or give the caller a key that exists";
    KeyConflict "key_conflict" 400 Denied "key" false None;
        client "Two different credentials were sent ({detail}). Send the project key once.";
        operator "the caller sends two different credentials ({detail}): it must send one";
    KeyAttemptsLimited "key_attempts_limited" 429 Denied "key" false None;
        client "Too many keys that do not work here were tried from address {client_ip}. Wait, and send a project key of this gateway; one that works is let in at any time.";
        operator "from {client_ip} keys are tried that are none: find out who does it, or raise {rule} if it is a client that was set up wrongly";
    CertificateRequired "certificate_required" 403 Denied "key" false None;
        client "Project key '{key_id}' works only together with the client certificate that it is tied to, and {detail}.";
        operator "the caller must show the certificate that {rule} names in the TLS handshake: {detail}";
    KeyExpired "key_expired" 403 Denied "key" false None;
        client "Project key '{key_id}' has expired. Ask the gateway's operator for a new one.";
        operator "issue a new key, or move {rule}";
    KeyRevoked "key_revoked" 403 Denied "key" false None;
        client "Project key '{key_id}' was revoked. Ask the gateway's operator for a new one.";
        operator "issue a new key; {rule} revoked this one";
    KeyNotYetValid "key_not_yet_valid" 403 Denied "key" false None;
        client "Project key '{key_id}' is not valid yet. Ask the gateway's operator from when it is.";
        operator "wait, or move {rule}";
    ProjectDisabled "project_disabled" 403 Denied "key" false None;
        client "Project '{project}' is switched off. Ask the gateway's operator.";
        operator "set {rule} = true to switch the project on";
    EndpointUnknown "endpoint_unknown" 404 Denied "scope" false None;
        client "This gateway has no endpoint {method} {path}. {detail}";
        operator "the caller asks for a path that the gate does not carry. {detail}";
    MethodNotAllowed "method_not_allowed" 405 Denied "scope" false None;
        client "{path} does not take {method}. {detail}";
        operator "the caller uses a method that the endpoint does not take. {detail}";
    QueryNotAllowed "query_not_allowed" 400 Denied "scope" false None;
        client "This endpoint does not take the query parameter {detail}.";
        operator "the caller sent the query parameter {detail}, which this endpoint does not take";
    UpstreamNotAllowed "upstream_not_allowed" 403 Denied "scope" false None;
        client "Project '{project}' may not use this provider. Ask the gateway's operator to allow it.";
        operator "add the upstream to {rule}";
    UpstreamAmbiguous "upstream_ambiguous" 400 Denied "scope" false None;
        client "Several upstreams could answer this request. Name one in the path: /UPSTREAM{path}.";
        operator "tell the caller which upstream's prefix to use, or leave the project only one of this dialect in {rule}";
    ScopeMissing "scope_missing" 403 Denied "scope" false None;
        client "Project '{project}' lacks the scope '{detail}' for {method} {path}. Ask the gateway's operator to grant it.";
        operator "add \"{detail}\" to {rule}";
    RateLimited "rate_limited" 429 Denied "rate" true None;
        client "Project '{project}' is over its request rate. Slow down, or ask the gateway's operator for more.";
        operator "raise {rule}, or let the caller slow down";
    ConcurrencyLimited "concurrency_limited" 429 Denied "rate" true None;
        client "Project '{project}' has too many requests in flight. Send fewer at once, or ask the gateway's operator for more.";
        operator "raise {rule}, or let the caller send fewer at once";
    HandshakeInvalid "handshake_invalid" 400 Denied "ask" false None;
        client "The request asks for a WebSocket, and its handshake is not one of RFC 6455: {detail}.";
        operator "the caller's WebSocket handshake is broken, or something between drops its headers: {detail}";
    BodyTooLarge "body_too_large" 413 Denied "ask" false None;
        client "The request body is larger than this gateway takes.";
        operator "raise {rule} if bodies this large are meant";
    MemoryLimited "memory_limited" 503 Denied "ask" true None;
        client "This gateway holds as much of requests as it may at the moment. It is not your key. Try again soon.";
        operator "raise {rule} if there is memory for it, or let callers send fewer large bodies at once";
    BodyTimeout "body_timeout" 408 Denied "ask" true None;
        client "The request body did not arrive in time.";
        operator "the caller's network is slow or it stopped sending; {rule} sets the limit";
    BodyInvalid "body_invalid" 400 Denied "ask" false None;
        client "The request body cannot be read: {detail}.";
        operator "the caller sent a body that is not the endpoint's JSON: {detail}";
    ContentTypeUnsupported "content_type_unsupported" 415 Denied "ask" false None;
        client "This endpoint takes {detail}.";
        operator "the caller must send {detail}";
    EncodingUnsupported "content_encoding_unsupported" 415 Denied "ask" false None;
        client "This gateway reads request bodies and takes them uncompressed only.";
        operator "switch off request compression in the caller";
    ModelMissing "model_missing" 400 Denied "ask" false Some("model");
        client "The request names no model. Set 'model'.";
        operator "the caller must name a model";
    ModelAmbiguous "model_ambiguous" 400 Denied "ask" false Some("model");
        client "The request names its model in two ways: {detail}. Name it once.";
        operator "the caller names its model in two ways: {detail}; this can be an attempt to get past the model list";
    ModelUnknowable "model_unknowable" 403 Denied "ask" false None;
        client "Project '{project}' may only use listed models, and {method} {path} uses one that the request does not name. Ask the gateway's operator.";
        operator "the project has a model list, and {detail}: add \"*\" to {rule}, or keep the project off this endpoint";
    ModelNotAllowed "model_not_allowed" 403 Denied "model" false Some("model");
        client "Project '{project}' may not use model '{model}'{place}. Ask the gateway's operator to allow it.";
        operator "add \"{model}\" to {rule}";
    ParameterNotAllowed "parameter_not_allowed" 403 Denied "model" false None;
        client "The request may not be sent through this gateway: {detail}.";
        operator "the caller's parameters are not allowed: {detail}";
    TokensLimited "tokens_limited" 429 Denied "budget" true None;
        client "Project '{project}' is over its token limit: {detail}. Slow down, ask for less, or ask the gateway's operator for more.";
        operator "raise {rule}, or let the caller ask for less: {detail}";
    BudgetExhausted "budget_exhausted" 429 Denied "budget" true None;
        client "The budget of project '{project}' does not cover this request: {detail}. Ask the gateway's operator for more.";
        operator "raise {rule}, or wait until its window ends: {detail}";
    CostUnknown "cost_unknown" 403 Denied "budget" false None;
        client "Project '{project}' has a limit on tokens or money, and what this request uses cannot be known: {detail}. Ask the gateway's operator.";
        operator "{detail}: give the model a price in [prices], take {rule} away, or set accounting.unpriced = \"allow\"";
    LedgerUnavailable "ledger_unavailable" 503 Denied "budget" true None;
        client "This gateway cannot write down what requests cost at the moment, so it sends none. It is not your key. Ask the gateway's operator.";
        operator "mend the place of the store's ledger: {detail}";
    LimitsUnavailable "limits_unavailable" 503 Denied "budget" true None;
        client "This gateway cannot check a limit of project '{project}' at the moment. It is not your key. Try again soon.";
        operator "see why the store at [store] url cannot be reached, or set on_failure = \"local\"; {rule} needs it";
    CredentialUnavailable "credential_unavailable" 502 Failed "inject" false None;
        client "This gateway has no credential for the provider at the moment. It is not your key. Ask the gateway's operator.";
        operator "give the upstream a credential at {rule}, or mend what grants it: {detail}";
    UpstreamCredentialRejected "upstream_credential_rejected" 502 Failed "forward" false None;
        client "The provider refused this gateway's own credential. It is not your key. Ask the gateway's operator.";
        operator "upstream '{upstream}' answered {detail} to credential {rule}: check or rotate it";
    UpstreamBusy "upstream_busy" 503 Failed "forward" true None;
        client "This gateway sends the provider as many requests at once as it may, and none ended in time. Wait and try again.";
        operator "raise {rule}, or let callers send fewer at once: {detail}";
    UpstreamBroken "upstream_broken" 503 Failed "forward" true None;
        client "The provider failed several times in a row, so this gateway leaves it alone for a moment. Wait and try again.";
        operator "upstream '{upstream}' is left alone for a time: look for what it failed with before; {rule}.breaker says when";
    UpstreamTls "upstream_tls" 502 Failed "forward" false None;
        client "The provider could not be reached safely. It is not your key. Ask the gateway's operator.";
        operator "upstream '{upstream}' and TLS: {detail}; mend its certificate, or name its authority in {rule}.ca_file, or in the file that SSL_CERT_FILE names";
    UpstreamUnreachable "upstream_unreachable" 502 Failed "forward" true None;
        client "The provider could not be reached.";
        operator "upstream '{upstream}' could not be reached: {detail}";
    UpstreamTimeout "upstream_timeout" 504 Failed "forward" false None;
        client "The provider did not answer in time.";
        operator "upstream '{upstream}' did not answer in time: {detail}";
    UpstreamInvalid "upstream_invalid" 502 Failed "forward" false None;
        client "The provider sent an answer that cannot be passed on.";
        operator "upstream '{upstream}' sent an answer that is not passed on: {detail}";
    InternalError "internal_error" 500 Failed "any" false None;
        client "This gateway has a fault of its own and could not handle the request. It is not your key. Tell the gateway's operator.";
        operator "a fault in portcullis{detail}: report it, with the line of the log that says 'panicked'";
}

impl Reason {
    /// The public, stable word for the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().code
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

/// The table of all reasons as the README shows it, in Markdown.
#[must_use]
pub fn table() -> String {
    use std::fmt::Write as _;
    let mut out = String::from("| code | status | stage | told to the client |\n|---|---|---|---|\n");
    for facts in Reason::ALL.iter().map(|reason| reason.facts()) {
        let row = [facts.code, &facts.status.to_string(), facts.stage, facts.told_to_client];
        let [code, status, stage, told] = row.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(out, "| `{code}` | {status} | {stage} | {told} |");
    }
    out
}

/// A line of the configuration, by its number in the snapshot's list of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(pub u32);

impl RuleId {
    /// No line of the configuration: the gate itself refuses, whatever is configured.
    pub const BUILT_IN: RuleId = RuleId(0);
}

/// The wait of what no wait mends.
pub const NEVER: Duration = Duration::MAX;

/// A refusal: what, by which rule, and until when.
#[derive(Clone, Debug)]
pub struct Denial {
    /// What was refused.
    pub reason: Reason,
    /// The line of the configuration that refused.
    pub rule: RuleId,
    /// How long until it can pass, where time alone mends it.
    pub retry_after: Option<Duration>,
    /// The request's own part of the explanation; safe for the client to see.
    pub detail: Option<Box<str>>,
    /// What mends it, where the table's sentence for the operator does not tell: only the operator sees it.
    pub mend: Option<Box<str>>,
}

impl Denial {
    /// A refusal by a rule.
    #[must_use]
    pub const fn by(reason: Reason, rule: RuleId) -> Self {
        Self { reason, rule, retry_after: None, detail: None, mend: None }
    }

    /// A refusal that no line of the configuration decides.
    #[must_use]
    pub const fn built_in(reason: Reason) -> Self {
        Self::by(reason, RuleId::BUILT_IN)
    }

    /// Adds the request's own part of the explanation.
    #[must_use]
    pub fn because(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what mends it, in place of the table's sentence for the operator.
    #[must_use]
    pub fn mended(mut self, mend: impl Into<Box<str>>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// How many milliseconds until it can pass, never too few; nothing where no wait mends it.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        let wait = self.retry_after.filter(|wait| *wait < NEVER)?;
        Some(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1))
    }

    /// Adds how long until it can pass.
    #[must_use]
    pub const fn until(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

const _: () = assert!(size_of::<Denial>() <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_words() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        let told = |wait: Duration| Denial::built_in(Reason::RateLimited).until(wait).retry_after_ms();
        assert_eq!(told(Duration::ZERO), Some(1));
        assert_eq!(told(Duration::from_micros(1000)), Some(1));
        assert_eq!(told(Duration::from_micros(1001)), Some(2));
        assert_eq!(told(Duration::from_secs(60)), Some(60_000));
        assert_eq!(told(NEVER), None);
    }

    #[test]
    fn every_code_finds_its_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }

    #[test]
    fn no_sentence_for_the_client_names_what_only_the_operator_may_know() {
        for reason in Reason::ALL {
            let told = reason.facts().told_to_client;
            for secret in ["{upstream}", "{rule}", "{peer_ip}"] {
                assert!(!told.contains(secret), "{} tells the client {secret}", reason.code());
            }
        }
    }

    #[test]
    fn no_permanent_refusal_uses_a_status_that_sdks_retry() {
        for reason in Reason::ALL.iter().map(|r| r.facts()) {
            assert_ne!(reason.status, 409, "{}", reason.code);
        }
    }
}
