//! Judges a request that nobody sent: by the same stages, from the configuration alone.
//!
//! The policies are those of the stack; only two things differ. The key is given by its public id,
//! since nobody has its secret to hand, and limits are taken to be unused: what is in flight or was
//! sent before is known to a running gate only.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::json;
use tower::{Service, ServiceBuilder, service_fn};

use crate::ask::AskLayer;
use crate::body::{ClientBody, Frames};
use crate::clock::Moment;
use crate::denial::Denial;
use crate::exchange::{Accepted, Carried, Exchange, Permitted, Refusal};
use crate::gate::GateLayer;
use crate::ledger::{Ledger, OpenRecord};
use crate::metrics::Metrics;
use crate::policy::form::Form;
use crate::policy::key::KeyGiven;
use crate::policy::model::ModelCheck;
use crate::policy::network::Network;
use crate::policy::origin::Origin;
use crate::policy::rate::Rate;
use crate::policy::scope::ScopeCheck;
use crate::record::{Form as Rendering, Record};
use crate::snapshot::Snapshot;

/// The stages that are asked, in order.
pub const STAGES: [&str; 8] = ["form", "network", "key", "origin", "scope", "rate", "ask", "model"];

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
    /// The model in the body.
    pub model: Option<String>,
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
    /// The upstream that it would go to.
    pub upstream: Option<Arc<str>>,
    /// The endpoint that was found.
    pub endpoint: Option<&'static str>,
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

/// Asks the stages.
pub async fn explain(snapshot: &Arc<Snapshot>, question: &Question, now: Moment) -> Verdict {
    let exchange = exchange(snapshot, question, now);
    let mut passed = 0;
    match judged(exchange, question.key, &mut passed).await {
        Ok(exchange) => Verdict {
            passed,
            denied: None,
            upstream: exchange.record.upstream().map(|upstream| Arc::clone(&upstream.name)),
            endpoint: exchange.record.endpoint.map(|endpoint| endpoint.name),
        },
        Err(Refusal(refused)) => {
            let (denial, record) = (refused.denial, &refused.carried.record);
            let rule = snapshot.rule(denial.rule);
            Verdict {
                passed,
                upstream: record.upstream().map(|upstream| Arc::clone(&upstream.name)),
                endpoint: record.endpoint.map(|endpoint| endpoint.name),
                denied: Some(Told {
                    rule: rule.map_or_else(|| "built-in".to_owned(), |rule| rule.path.to_string()),
                    at: rule.map_or_else(String::new, |rule| rule.at.to_string()),
                    hint: record.hint(&denial),
                    message: record.message(&denial),
                    denial,
                }),
            }
        }
    }
}

async fn judged(
    exchange: Exchange<Accepted>,
    key: usize,
    passed: &mut usize,
) -> Result<Exchange<Permitted>, Refusal> {
    let mut counted = |by: usize| *passed += by;
    let exchange = exchange.pass(&Form).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&Network).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&KeyGiven(key)).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&Origin).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&ScopeCheck).inspect(|_| counted(1))?;
    let exchange = exchange.pass(&Rate).inspect(|_| counted(1))?;
    let asked = ServiceBuilder::new()
        .layer(AskLayer)
        .service(service_fn(async |exchange| Ok::<_, Refusal>(exchange)))
        .call(exchange)
        .await
        .inspect(|_| counted(1))?;
    ServiceBuilder::new()
        .layer(GateLayer(ModelCheck))
        .service(service_fn(async |exchange| Ok::<_, Refusal>(exchange)))
        .call(asked)
        .await
        .inspect(|_| counted(1))
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
    headers.extend(question.headers.iter().cloned());
    let (head, ()) = request.into_parts();
    let body = if body.is_empty() { Frames::default() } else { Frames::from(bytes::Bytes::from(body)) };
    // A ledger that nobody reads: the record is asked, and told to no one.
    let ledger = Arc::new(Ledger::new(Arc::new(Metrics::default()), Rendering::Json));
    let record = OpenRecord::open(Record::begin(&head, question.address, Arc::clone(snapshot), now), ledger);
    let body = ClientBody::Held(body);
    let carried = Box::new(Carried { head, body, snapshot: Arc::clone(snapshot), record });
    Exchange { carried, stage: Accepted { peer: question.address } }
}
