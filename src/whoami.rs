//! Tells a caller who it is to the gate: `GET /portcullis/whoami` with a project key.
//!
//! What is told is the caller's own: its project, key and address, what they allow, and what is left
//! of its limits. Nothing is forwarded and no limit is used up, so it can be asked when all else is
//! refused.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Response};
use pin_project_lite::pin_project;
use serde_json::{Value, json};
use tower::{Layer, Service};

use crate::account::Relay;
use crate::clock::Moment;
use crate::config::{budget_text, quota_text};
use crate::cors::let_read;
use crate::denial::RuleId;
use crate::endpoint::{Scope, ScopeSet};
use crate::exchange::{Exchange, Permits, Placed, Refusal};
use crate::forward::own_headers;
use crate::limits::{Limit, Limits};
use crate::model_name::ModelList;
use crate::snapshot::ParameterRules;

/// Where it is asked.
const PATH: &str = "/portcullis/whoami";

/// Whether a request is answered here, if its key may be used from where it comes.
pub(crate) fn is_asked(method: &Method, path: &str) -> bool {
    path == PATH && *method == Method::GET
}

/// Puts the answer to `whoami` in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WhoamiLayer;

/// The answer to `whoami` in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whoami<S> {
    inner: S,
}

impl<S> Layer<S> for WhoamiLayer {
    type Service = Whoami<S>;

    fn layer(&self, inner: S) -> Whoami<S> {
        Whoami { inner }
    }
}

impl<S> Service<Exchange<Placed>> for Whoami<S>
where
    S: Service<Exchange<Placed>, Response = Response<Relay>, Error = Refusal>,
{
    type Response = Response<Relay>;
    type Error = Refusal;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Placed>) -> Self::Future {
        if is_asked(&exchange.head.method, exchange.head.uri.path()) {
            return Answering::Told { response: Some(answer(exchange)) };
        }
        Answering::Passed { inner: self.inner.call(exchange) }
    }
}

pin_project! {
    /// A request that was answered here, or went on.
    #[project = AnsweringNow]
    #[derive(Debug)]
    pub(crate) enum Answering<F> {
        /// It was answered.
        Told {
            response: Option<Response<Relay>>,
        },
        /// It went on.
        Passed {
            #[pin]
            inner: F,
        },
    }
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response<Relay>, Refusal>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringNow::Passed { inner } => inner.poll(cx),
            AnsweringNow::Told { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}

fn answer(exchange: Exchange<Placed>) -> Response<Relay> {
    let text = format!("{:#}\n", told(&exchange));
    let mut record = exchange.carried.record;
    record.status = 200;
    let mut headers = own_headers(record.id);
    let_read(&mut headers, &record);
    let mut response = Response::new(Relay::own(Bytes::from(text), record, Permits::new()));
    *response.headers_mut() = headers;
    response
}

/// What the caller is told.
fn told(exchange: &Exchange<Placed>) -> Value {
    let record = &exchange.record;
    let (Some(project), Some(key)) = (record.project(), record.key()) else { return Value::Null };
    let mut told = json!({
        "request_id": record.id.as_str(),
        "project": &*project.name,
        "key_id": &*key.id,
        "key_not_before": key.not_before.map(date),
        "key_expires": key.expires.map(date),
        "address": record.client.map(|(address, _)| address.to_string()),
        "address_found_in": record.client.map(|(_, source)| source.to_string()),
        "scopes": scopes(project.scopes, key.scopes),
        "models": names(&project.models),
        "limits": limits(&project.limits, record.begun),
    });
    // What a key has of its own stands beside its project's: both must allow.
    if let (Some(own), Some(fields)) = (&key.models, told.as_object_mut()) {
        fields.insert("key_models".to_owned(), names(own));
    }
    if let (Some(rules), Some(fields)) = (&project.parameters, told.as_object_mut()) {
        fields.insert("parameters".to_owned(), parameters(rules));
    }
    let observed: Vec<&str> = project.observed_names().chain(key.observed.names()).collect();
    if let (Some(fields), false) = (told.as_object_mut(), observed.is_empty()) {
        fields.insert("observed".to_owned(), observed.into());
    }
    let own = limits(&key.limits, record.begun);
    if let (Some(fields), false) = (told.as_object_mut(), own.is_empty()) {
        fields.insert("key_limits".to_owned(), own.into());
    }
    told
}

fn scopes(project: ScopeSet, key: Option<ScopeSet>) -> Vec<&'static str> {
    let both = |scope: &Scope| key.is_none_or(|own| own.contains(*scope));
    project.iter().filter(both).map(Scope::name).collect()
}

fn names(models: &ModelList) -> Value {
    models.iter().collect()
}

/// What requests may ask for besides a model; what is not told is not ruled.
fn parameters(rules: &ParameterRules) -> Value {
    let list = |rule: &Option<(ModelList, RuleId)>| rule.as_ref().map(|(list, _)| names(list));
    let all = [
        ("max_tokens", rules.max_tokens.map(|(most, _)| most.into())),
        ("tools", list(&rules.tools)),
        ("store", rules.store.map(|(store, _)| store.into())),
        ("service_tiers", list(&rules.service_tiers)),
        ("deny_betas", list(&rules.deny_betas)),
    ];
    all.into_iter().filter_map(|(name, rule)| Some((name.to_owned(), rule?))).collect()
}

fn limits(limits: &Limits, now: Moment) -> Vec<Value> {
    let quota = |limit: &Limit| {
        let (word, quota) = (limit.counts.word(), quota_text(limit.meter.quota()));
        json!({ word: quota, "left": limit.meter.left(now) })
    };
    let mut all: Vec<Value> = limits.requests.iter().chain(&limits.tokens).map(quota).collect();
    all.extend(limits.concurrency.iter().map(
        |bound| json!({ "concurrency": bound.most, "left": bound.most.saturating_sub(bound.slots.taken(now)) }),
    ));
    let purse = limits.purse.iter().flat_map(|purse| limits.budgets.iter().map(move |one| (purse, one)));
    all.extend(purse.map(|(purse, budget)| {
        let (taken, _) = purse.taken_now(budget.window, now);
        json!({ "budget": budget_text(budget), "left": format!("{} USD", budget.most.less(taken)) })
    }));
    for one in &limits.models {
        let models: String = one.models.iter().collect();
        for mut told in self::limits(&one.limits, now) {
            if let Some(fields) = told.as_object_mut() {
                fields.insert("models".to_owned(), models.clone().into());
            }
            all.push(told);
        }
    }
    all
}

fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}
