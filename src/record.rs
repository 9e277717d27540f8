//! What is told of one request: the facts, and their two renderings.
//!
//! 1. A record never holds a header's value outside a short list, nor a byte of a body.
//! 2. Whatever a client could choose is capped in length and written in plain ASCII, so that no
//!    line can be forged or a terminal be driven by it.
//! 3. The stages fill in what they find; what a request did not come to stays out of the line.

mod render;

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::clock::Moment;
use crate::denial::{Denial, Kind, Reason, RuleId};
use crate::diagnosis::Diagnosis;
use crate::endpoint::Endpoint;
use crate::limits::{Estimate, Reservation};
use crate::model_name::can_be_listed;
use crate::money::Money;
use crate::prices::Price;
use crate::provider_key::up_to_a_key;
use crate::request_id::RequestId;
use crate::snapshot::{Key, Project, Snapshot, Upstream};
use crate::tier::{Served, Tier};
use crate::usage::Usage;

pub use render::Form;

/// How the client's address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// It is the socket's peer.
    Peer,
    /// It is this entry of X-Forwarded-For, counted from the right, the first being 1.
    ForwardedFor(u16),
    /// It is this entry of Forwarded, counted from the right.
    Forwarded(u16),
}

impl std::fmt::Display for AddressSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Peer => f.write_str("peer"),
            Self::ForwardedFor(hop) => write!(f, "x-forwarded-for[{hop}]"),
            Self::Forwarded(hop) => write!(f, "forwarded[{hop}]"),
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing is decided yet; a record that is closed like this was left by its client.
    Open,
    /// The upstream's answer was passed on whole.
    Served,
    /// The gate refused or could not get an answer.
    Refused(Denial),
    /// The upstream broke off in the middle of its answer.
    Cut(&'static str),
}

/// What somebody should look at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A decoy key was used: whoever sent it found it where nobody should have looked.
    DecoyKey,
}

impl Alert {
    /// Its word in records and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DecoyKey => "decoy_key",
        }
    }
}

/// What an upstream's refusal means.
#[derive(Debug)]
pub struct RefusedByUpstream {
    /// The cause and its mend.
    pub diagnosis: Diagnosis,
    /// The beginning of an answer that nobody understands.
    pub excerpt: Option<Box<str>>,
}

/// What was said over a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// How many messages of the client's went on.
    pub client_messages: u64,
    /// How many of the upstream's.
    pub upstream_messages: u64,
    /// Who ended it.
    pub closed_by: ClosedBy,
    /// The code of the close; 1005 if it had none, 1006 if there was no close.
    pub code: u16,
}

/// What a session used before it named another model.
#[derive(Debug, Default)]
pub struct Earlier {
    /// The models, in their order.
    pub models: Vec<Arc<str>>,
    /// What was used until the last of them was left.
    pub usage: Usage,
    /// What that cost.
    pub cost: Money,
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// The client.
    Client,
    /// The upstream.
    Upstream,
    /// The gate.
    Gate,
}

impl ClosedBy {
    /// Its word in the record.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Gate => "gate",
        }
    }
}

/// What a request took from limits on tokens and money before it went out.
#[derive(Debug)]
pub struct Reserved {
    /// What was taken.
    pub reservation: Reservation,
    /// How much that is.
    pub estimate: Estimate,
    /// By which price it is settled.
    pub price: Option<Arc<Price>>,
    /// What of a session's usage was settled before.
    pub already: Usage,
    /// Whether it was taken because an answer was asked for. A session takes some before.
    pub asks: bool,
}

impl Reserved {
    /// Whether a session that has used so much in all has used up what was taken.
    #[must_use]
    pub fn is_used_up(&self, used: &Usage) -> bool {
        used.less(self.already).tokens() >= self.estimate.input.saturating_add(self.estimate.output)
    }

    /// Whether an answer was asked for with it of which nothing is said yet, where so much is said to be used in all.
    #[must_use]
    pub fn is_untold(&self, used: &Usage) -> bool {
        self.asks && used.less(self.already).tokens() == 0
    }

    /// What was used in all, with what was reserved for such an answer's input; of outputs so many tokens were seen.
    #[must_use]
    pub const fn with_seen(&self, used: Usage, seen: u64) -> Usage {
        let input = self.already.input.saturating_add(self.estimate.input);
        Usage { input, output: if seen > used.output { seen } else { used.output }, ..used }
    }

    /// Settles it by what was used in all, and by what that cost, if that is known.
    pub fn settle(self, used: &Usage, cost: Option<Money>, now: Moment) {
        let part = used.less(self.already);
        let cost = match (cost, &self.price) {
            (Some(cost), _) if self.already == Usage::default() => cost,
            (_, Some(price)) => price.of(&part),
            (cost, None) => cost.unwrap_or_default(),
        };
        self.reservation.settle(&part, cost, now);
    }
}

/// What a request cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How much.
    pub money: Money,
    /// Whether nothing or not all was reported, and the rest is estimated.
    pub estimated: bool,
}

/// What is known of one request.
#[derive(Debug)]
pub struct Record {
    /// Its name.
    pub id: RequestId,
    /// When it came.
    pub begun: Moment,
    /// The configuration it is judged by.
    pub snapshot: Arc<Snapshot>,
    /// Its method.
    pub method: Method,
    /// Its target; only the path of it is ever written.
    pub uri: Uri,
    /// What the client calls itself.
    pub user_agent: Option<HeaderValue>,
    /// The origin of the web page that sent it; looked for only where some project lists any.
    pub origin: Option<HeaderValue>,
    /// The body's type.
    pub content_type: Option<HeaderValue>,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The client, once it was found.
    pub client: Option<(IpAddr, AddressSource)>,
    /// The project's number, once the key was recognised.
    pub project: Option<usize>,
    /// The key's number.
    pub key: Option<usize>,
    /// The public id in a key that belongs to nobody.
    pub claimed_key_id: Option<Box<str>>,
    /// What somebody should look at now.
    pub alert: Option<Alert>,
    /// What was asked for.
    pub endpoint: Option<&'static Endpoint>,
    /// The model asked for.
    pub model: Option<Arc<str>>,
    /// What the upstream calls it, where that is another name.
    pub upstream_model: Option<Arc<str>>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The most tokens that the answer may have, if the client said so.
    pub token_ceiling: Option<u64>,
    /// How many answers were asked for at once, if the client said so.
    pub choices: Option<u64>,
    /// The tier of service that was asked for, where it has prices of its own.
    pub tier: Option<Tier>,
    /// The one that the answer says it was served in.
    pub served: Option<Served>,
    /// What it took from limits on tokens and money.
    pub reserved: Option<Box<Reserved>>,
    /// Whether requests that several gates share are taken with its tokens and money: what was leased of them had run
    /// out when it came.
    pub deferred: bool,
    /// Whether slots are, too.
    pub deferred_slots: bool,
    /// The share of a budget, in percent, that it was the first to reach.
    pub budget_reached: Option<u8>,
    /// Whether it was sent and nobody can say if it was executed.
    pub unsure: bool,
    /// What it cost, once it has ended and that is known.
    pub cost: Option<Cost>,
    /// The upstream's number, once it was chosen.
    pub upstream: Option<usize>,
    /// The name of the credential that it was sent with, the last time.
    pub credential: Option<Arc<str>>,
    /// The credentials with which it was refused before, and sent again.
    pub tried: Vec<Arc<str>>,
    /// The status that the upstream answered.
    pub upstream_status: Option<u16>,
    /// Why the upstream refused, if it did.
    pub refused_by_upstream: Option<Box<RefusedByUpstream>>,
    /// The name that the upstream gave the request.
    pub upstream_request_id: Option<HeaderValue>,
    /// The status that the client got; zero if it got none.
    pub status: u16,
    /// Bytes of the client's body.
    pub request_bytes: u64,
    /// The same of one that goes on while it arrives.
    pub streamed_bytes: Option<Arc<AtomicU64>>,
    /// The model of a form that named it behind its file, once it was found.
    pub late_model: Option<Arc<OnceLock<Arc<str>>>>,
    /// Bytes of the answer's body that were passed on.
    pub response_bytes: u64,
    /// What the upstream says was used. Of an answer that broke off it can be what was said at its beginning.
    pub usage: Option<Usage>,
    /// How many tokens the answer had until now, about, as its bytes tell; for an answer that ends without a report.
    pub output_seen: u64,
    /// Whether some of it came behind what was last said to be used.
    pub unreported: bool,
    /// Time until the request was ready to be sent upstream.
    pub decided: Option<Duration>,
    /// Time from there until the head of the answer.
    pub upstream_wait: Option<Duration>,
    /// Time until the first piece of the answer's body.
    pub first_byte: Option<Duration>,
    /// Time until the answer had ended; until now, if nobody took it.
    pub ended: Option<Duration>,
    /// What was said over a WebSocket, once it has ended.
    pub session: Option<Box<Session>>,
    /// What was used before it named the model of which the rest tells.
    pub earlier: Option<Box<Earlier>>,
    /// What would have been refused, were the rules enforced that are only observed.
    pub would_deny: Vec<Denial>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The value of a header that stands there once.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).cloned()
}

impl Record {
    /// Begins the record of a request.
    #[must_use]
    pub fn begin(head: &http::request::Parts, peer: IpAddr, snapshot: Arc<Snapshot>, now: Moment) -> Self {
        let taken = |name: HeaderName| head.headers.get(name).cloned();
        Self {
            origin: if snapshot.web_origins.is_empty() { None } else { only(&head.headers, &header::ORIGIN) },
            id: RequestId::next(now),
            begun: now,
            snapshot,
            method: head.method.clone(),
            uri: head.uri.clone(),
            user_agent: taken(header::USER_AGENT),
            content_type: taken(header::CONTENT_TYPE),
            peer: peer.to_canonical(),
            client: None,
            project: None,
            key: None,
            claimed_key_id: None,
            alert: None,
            endpoint: None,
            model: None,
            upstream_model: None,
            stream: false,
            token_ceiling: None,
            choices: None,
            tier: None,
            served: None,
            reserved: None,
            deferred: false,
            deferred_slots: false,
            budget_reached: None,
            unsure: false,
            cost: None,
            upstream: None,
            credential: None,
            tried: Vec::new(),
            upstream_status: None,
            refused_by_upstream: None,
            upstream_request_id: None,
            status: 0,
            request_bytes: 0,
            streamed_bytes: None,
            late_model: None,
            response_bytes: 0,
            usage: None,
            output_seen: 0,
            unreported: false,
            decided: None,
            upstream_wait: None,
            first_byte: None,
            ended: None,
            session: None,
            earlier: None,
            would_deny: Vec::new(),
            outcome: Outcome::Open,
        }
    }

    /// One of which nothing is known, for the place of this one.
    #[must_use]
    pub(crate) fn blank(&self) -> Self {
        let (head, ()) = http::Request::new(()).into_parts();
        Self::begin(&head, self.peer, Arc::clone(&self.snapshot), self.begun)
    }

    /// The project, once it is known.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.snapshot.projects.get(self.project?)
    }

    /// The key, once it is known.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.snapshot.keys.get(self.key?)
    }

    /// The upstream, once it is known.
    #[must_use]
    pub fn upstream(&self) -> Option<&Upstream> {
        self.snapshot.upstreams.get(self.upstream?)
    }

    /// How long the request took.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.ended.unwrap_or_else(|| self.begun.elapsed())
    }

    /// The reason, where the outcome has one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match &self.outcome {
            Outcome::Refused(denial) => Some(denial.reason),
            Outcome::Open | Outcome::Served | Outcome::Cut(_) => None,
        }
    }

    /// The word for how it ended.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match &self.outcome {
            Outcome::Open => "abandoned",
            Outcome::Served => "served",
            Outcome::Cut(_) => "cut",
            Outcome::Refused(denial) => match denial.reason.facts().kind {
                Kind::Denied => "denied",
                Kind::Failed => "failed",
            },
        }
    }

    /// The sentence for the client.
    #[must_use]
    pub fn message(&self, denial: &Denial) -> String {
        self.fill(denial.reason.facts().told_to_client, denial)
    }

    /// The mend for the operator.
    #[must_use]
    pub fn hint(&self, denial: &Denial) -> String {
        let sentence = match (self.alert, &denial.mend) {
            (Some(Alert::DecoyKey), _) => {
                "the decoy key '{key_id}' was used from {client_ip}: nobody was to hold it, so find out where it was found"
            }
            (None, Some(mend)) => return mend.to_string(),
            (None, None)
                if denial.reason == Reason::ModelNotAllowed
                    && self.model.as_deref().is_some_and(|model| !can_be_listed(model)) =>
            {
                "no list should hold the name that the caller sent: with a * in it, it would let other models through, and \
                 a name has neither blanks nor controls"
            }
            (None, None) => denial.reason.facts().told_to_operator,
        };
        self.fill(sentence, denial)
    }

    /// Fills a sentence of the table with the request's own facts.
    #[must_use]
    pub fn fill(&self, sentence: &str, denial: &Denial) -> String {
        let mut out = String::with_capacity(sentence.len() + 64);
        let mut rest = sentence;
        while let Some((before, from)) = rest.split_once('{') {
            out.push_str(before);
            let Some((word, after)) = from.split_once('}') else { break };
            self.fill_word(&mut out, word, denial);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn fill_word(&self, out: &mut String, word: &str, denial: &Denial) {
        use std::fmt::Write as _;
        let unknown = "?";
        match word {
            "project" => out.push_str(self.project().map_or(unknown, |project| &project.name)),
            "key_id" => out.push_str(self.key().map_or(unknown, |key| &key.id)),
            "model" => {
                let model = self.model.as_deref().unwrap_or(unknown);
                render::plain(out, up_to_a_key(model).as_bytes(), 256);
            }
            "place" => {
                let detail = denial.detail.as_deref().unwrap_or_default();
                out.push_str(detail.rfind(" in line ").and_then(|at| detail.get(at..)).unwrap_or_default());
            }
            "scope" => out.push_str(self.endpoint.map_or(unknown, |endpoint| endpoint.scope.name())),
            "endpoint" => out.push_str(self.endpoint.map_or(unknown, |endpoint| endpoint.name)),
            "method" => render::plain(out, up_to_a_key(self.method.as_str()).as_bytes(), 16),
            "path" => render::plain(out, up_to_a_key(self.uri.path()).as_bytes(), 256),
            "upstream" => out.push_str(self.upstream().map_or(unknown, |upstream| &upstream.name)),
            "client_ip" => {
                let _ = write!(out, "{}", self.client.map_or(self.peer, |(address, _)| address));
            }
            "peer_ip" => {
                let _ = write!(out, "{}", self.peer);
            }
            "rule" => out.push_str(self.rule(denial.rule)),
            "detail" => out.push_str(denial.detail.as_deref().unwrap_or_default()),
            _ => {}
        }
    }

    fn rule(&self, id: RuleId) -> &str {
        self.snapshot.rule(id).map_or("the configuration", |rule| &rule.path)
    }
}
