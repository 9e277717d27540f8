//! Judges a request that nobody sent: by the same stages, from the configuration alone.
//!
//! The policies are those of the stack; only two things differ. The key is given by its public id,
//! since nobody has its secret to hand, and limits are taken to be unused: what is in flight or was
//! sent before is known to a running gate only. Nothing of it is counted or told.
//!
//! The model is put where the endpoint has it: in the body, in the query, or in a message of a session, which is
//! judged as the session would judge it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::json;
use tower::{Service, ServiceBuilder, service_fn};

use crate::ask::{AskLayer, bare};
use crate::body::{ClientBody, Frames};
use crate::clock::Moment;
use crate::denial::{Denial, Reason};
use crate::endpoint::{self, Endpoint, Family, Gives, ModelIn, Takes, Verb};
use crate::exchange::{Accepted, Carried, Exchange, Funded, Permitted, Refusal, Scoped};
use crate::ledger::OpenRecord;
use crate::policy::budget::FundsUnused;
use crate::policy::form::Form;
use crate::policy::key::KeyGiven;
use crate::policy::model::{ModelCheck, may_leave_open, may_use};
use crate::policy::network::Network;
use crate::policy::origin::Origin;
use crate::policy::rate::LimitsUnused;
use crate::policy::scope::ScopeCheck;
use crate::policy::{Policy, Sight};
use crate::record::Record;
use crate::snapshot::Snapshot;

/// The stages that are asked, in order.
pub const STAGES: [&str; 9] = ["form", "network", "key", "origin", "scope", "rate", "ask", "model", "budget"];

/// The rule of a refusal that no line of the configuration decides.
pub const BUILT_IN: &str = "built-in";

/// A request that nobody sent.
#[derive(Clone, Debug)]
pub struct Question {
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
    /// How many tokens the answer may have, by whatever name a body says it.
    pub max_tokens: Option<u64>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What the stages say.
#[derive(Debug)]
pub struct Verdict {
    /// How many stages let it pass.
    pub passed: usize,
    /// The refusal of the stage behind them, if one refused.
    pub denied: Option<Told>,
    /// What rules that are only observed would have refused.
    pub would_deny: Vec<Told>,
    /// The upstream that it would go to.
    pub upstream: Option<Arc<str>>,
    /// The client's address, as it was found.
    pub client: Option<IpAddr>,
    /// The endpoint that was found.
    pub endpoint: Option<&'static Endpoint>,
    /// The model that was found, in the body or in the path.
    pub model: Option<Arc<str>>,
}

/// A refusal, told as the record would.
#[derive(Debug)]
pub struct Told {
    /// The refusal.
    pub denial: Denial,
    /// The path of the rule in the configuration; `built-in` if none decides.
    pub rule: String,
    /// The rule's file and line.
    pub at: String,
    /// The mend.
    pub hint: String,
    /// What the client would read.
    pub message: String,
}

/// What is known of a request's body besides its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Besides {
    /// It asks for nothing else.
    Nothing,
    /// Nobody knows what else it asked for, so that no rule on it is asked.
    Unknown,
}

/// Asks the stages.
#[must_use]
pub fn explain(snapshot: &Arc<Snapshot>, question: &Question, now: Moment) -> Verdict {
    explained(snapshot, question, Besides::Nothing, now)
}

/// Asks the stages about a request of whose body only the model is known: what else it asked for is taken to be
/// allowed.
#[must_use]
pub fn explain_by_model(snapshot: &Arc<Snapshot>, question: &Question, now: Moment) -> Verdict {
    explained(snapshot, question, Besides::Unknown, now)
}

/// A handshake as any client's, which no record tells.
pub fn handshake() -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    HANDSHAKE
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
}

/// Whether a path is a WebSocket with GET, and nothing else, for whatever upstream stands before it.
#[must_use]
pub fn is_only_a_socket(path: &str) -> bool {
    let behind = path.get(1..).and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)));
    let found = [
        endpoint::find(path),
        behind.and_then(endpoint::find),
        behind.and_then(endpoint::find_without_version),
    ];
    let mut rows = found.iter().flatten().flat_map(|found| found.rows(Verb::Get)).peekable();
    rows.peek().is_some() && rows.all(|fit| fit.endpoint.gives == Gives::WebSocket)
}

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
];

fn explained(snapshot: &Arc<Snapshot>, question: &Question, besides: Besides, now: Moment) -> Verdict {
    let verdict = asked(snapshot, question, besides, now);
    match verdict.endpoint.and_then(|endpoint| in_query(question, endpoint)) {
        Some(question) => asked(snapshot, &question, besides, now),
        None => verdict,
    }
}

/// The question with its model in the query, of an endpoint that has it there, and where it is not there yet.
fn in_query(question: &Question, endpoint: &Endpoint) -> Option<Question> {
    let (ModelIn::Query(name), Some(model)) = (endpoint.model, &question.model) else { return None };
    let query = question.target.query().unwrap_or_default();
    if query.split('&').any(|pair| pair.split_once('=').is_some_and(|(one, _)| one == name)) {
        return None;
    }
    let mut target =
        format!("{}?{query}{}{name}=", question.target.path(), if query.is_empty() { "" } else { "&" });
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            target.push(char::from(byte));
        } else {
            let _ = write!(target, "%{byte:02X}");
        }
    }
    Some(Question { target: target.parse().ok()?, model: None, ..question.clone() })
}

fn asked(snapshot: &Arc<Snapshot>, question: &Question, besides: Besides, now: Moment) -> Verdict {
    let exchange = exchange(snapshot, question, now);
    let mut passed = 0;
    let outcome = at_once(judged(exchange, question, besides, &mut passed));
    match outcome {
        Some(Ok(exchange)) => verdict(snapshot, passed, &exchange.record, None),
        Some(Err(Refusal(refused))) => {
            let (denial, record) = (refused.denial, &refused.carried.record);
            let told = told(snapshot, record, denial);
            verdict(snapshot, passed, record, Some(told))
        }
        None => never_ready(passed),
    }
}

/// The outcome of what waits for nothing.
fn at_once<T>(asked: impl Future<Output = T>) -> Option<T> {
    match pin!(asked).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

fn verdict(snapshot: &Snapshot, passed: usize, record: &Record, denied: Option<Told>) -> Verdict {
    Verdict {
        passed,
        denied,
        would_deny: record.would_deny.iter().map(|denial| told(snapshot, record, denial.clone())).collect(),
        upstream: record.upstream().map(|upstream| Arc::clone(&upstream.name)),
        client: record.client.map(|(address, _)| address),
        endpoint: record.endpoint,
        model: record.model.clone(),
    }
}

fn told(snapshot: &Snapshot, record: &Record, denial: Denial) -> Told {
    let rule = snapshot.rule(denial.rule);
    Told {
        rule: rule.map_or_else(|| BUILT_IN.to_owned(), |rule| rule.path.to_string()),
        at: rule.map_or_else(String::new, |rule| rule.at.to_string()),
        hint: record.hint(&denial),
        message: record.message(&denial),
        denial,
    }
}

/// The body is held, so no stage waits; should one do so all the same, nothing has let the request
/// pass.
fn never_ready(passed: usize) -> Verdict {
    let denied = Told {
        denial: Denial::built_in(Reason::BodyTimeout),
        rule: BUILT_IN.to_owned(),
        at: String::new(),
        hint: "a stage waits for something: this is a bug in portcullis".to_owned(),
        message: String::new(),
    };
    Verdict {
        passed,
        denied: Some(denied),
        would_deny: Vec::new(),
        upstream: None,
        client: None,
        endpoint: None,
        model: None,
    }
}

async fn judged(
    exchange: Exchange<Accepted>,
    question: &Question,
    besides: Besides,
    passed: &mut usize,
) -> Result<Exchange<Funded>, Refusal> {
    let mut counted = |by: usize| *passed += by;
    let exchange = exchange.pass(&Form).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&Network).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&KeyGiven(question.key)).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&Origin).inspect(|_| counted(1))?;
    let mut exchange = exchange.pass(&ScopeCheck).inspect(|_| counted(1))?;
    if matches!(exchange.stage.endpoint.takes, Takes::Form | Takes::FormOrSdp) {
        send_form(&mut exchange, question.model.as_deref());
    }
    let exchange = exchange.pass(&LimitsUnused).inspect(|_| counted(1))?;
    let mut asked = ServiceBuilder::new()
        .layer(AskLayer)
        .service(service_fn(async |exchange| Ok::<_, Refusal>(exchange)))
        .call(exchange)
        .await
        .inspect(|_| counted(1))?;
    if besides == Besides::Unknown {
        asked.stage.parameters = None;
        asked.record.token_ceiling = Some(0);
    }
    if question.max_tokens.is_some() {
        asked.record.token_ceiling = question.max_tokens;
    }
    let permitted = asked.pass(&ModelCheck)?;
    let named = Named { model: question.model.as_deref(), besides };
    let permitted = permitted.pass(&named).inspect(|_| counted(1))?;
    permitted.pass(&FundsUnused).inspect(|_| counted(1))
}

/// What the messages of a session name, behind its handshake: judged as each of them would be.
struct Named<'q> {
    model: Option<&'q str>,
    besides: Besides,
}

impl Policy for Named<'_> {
    type From = Permitted;
    type Into = Permitted;

    fn decide(&self, permitted: Permitted, sight: &mut Sight<'_>) -> Result<Permitted, Denial> {
        let Scoped { caller, endpoint, .. } = &permitted.scoped;
        if endpoint.gives != Gives::WebSocket {
            return Ok(permitted);
        }
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(caller.project), sight.snapshot.keys.get(caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        let Some(model) = self.model else {
            // A handshake passes without; of a session that a record tells of it is known that none was named.
            let none = self.besides == Besides::Unknown && endpoint.model == ModelIn::Message;
            return if none && !may_leave_open(project, key) {
                Err(Denial::built_in(Reason::ModelMissing))
            } else {
                Ok(permitted)
            };
        };
        let model: Arc<str> = bare(endpoint, model).into();
        if let Err(denial) = may_use(project, key, &model, sight) {
            sight.notes.model = Some(model);
            return Err(denial);
        }
        // Of others the handshake's price is asked for, which names no model.
        if endpoint.scope.family == Family::Responses {
            sight.notes.model = Some(model);
        }
        Ok(permitted)
    }
}

/// Puts a form in the place of the JSON body, to an endpoint that takes no other.
fn send_form(exchange: &mut Exchange<Scoped>, model: Option<&str>) {
    let field = |name: &str, text: &str| {
        format!("--portcullis\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let first = match model {
        _ if exchange.stage.endpoint.model == ModelIn::Lines => field("purpose", "user_data"),
        Some(model) if exchange.stage.endpoint.takes == Takes::FormOrSdp => {
            field("session", &json!({ "model": model }).to_string())
        }
        Some(model) => field("model", model),
        None => field("any", "thing"),
    };
    let json = HeaderValue::from_static("application/json");
    let form = HeaderValue::from_static("multipart/form-data; boundary=portcullis");
    let headers = &mut exchange.head.headers;
    if headers.get(http::header::CONTENT_TYPE) == Some(&json) {
        headers.insert(http::header::CONTENT_TYPE, form);
        let body = format!("{first}--portcullis--\r\n");
        exchange.body = ClientBody::Held(Frames::from(bytes::Bytes::from(body)));
    }
}

fn exchange(snapshot: &Arc<Snapshot>, question: &Question, now: Moment) -> Exchange<Accepted> {
    let mut request = Request::new(());
    *request.method_mut() = question.method.clone();
    *request.uri_mut() = question.target.clone();
    let headers = request.headers_mut();
    headers.insert(http::header::HOST, HeaderValue::from_static("localhost"));
    let body = match (&question.method, &question.model) {
        (&Method::POST, Some(model)) => json!({ "model": model }).to_string(),
        (&Method::POST, None) => "{}".to_owned(),
        _ => String::new(),
    };
    if !body.is_empty() {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, _) in &question.headers {
        headers.remove(name);
    }
    for (name, value) in &question.headers {
        headers.append(name, value.clone());
    }
    let (head, ()) = request.into_parts();
    let body = if body.is_empty() { Frames::default() } else { Frames::from(bytes::Bytes::from(body)) };
    let record = Record::begin(&head, question.address, Arc::clone(snapshot), now);
    let record = OpenRecord::untold(record);
    let body = ClientBody::Held(body);
    let carried = Box::new(Carried {
        head,
        body,
        snapshot: Arc::clone(snapshot),
        record,
        certificate: None,
        checked: None,
    });
    Exchange { carried, stage: Accepted { peer: question.address } }
}
