//! Answers a request for the list of models: of one upstream, or of all that the project may use.
//!
//! Of several, each is asked at the same time; one that does not answer is left out and told to the operator,
//! so that a model server which is down does not hide the others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::HeaderMap;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;

use super::passing::response;
use super::way::Way;
use super::{Sent, at_upstream, granted, own_headers, send};
use crate::account::{Lease, Relay};
use crate::clock::Moment;
use crate::denial::{Denial, Reason};
use crate::exchange::{Exchange, Refusal};
use crate::inject::asking_for_list;
use crate::models::{self, NotAList};
use crate::pool::Pool;
use crate::snapshot::{Upstream, UpstreamSet};

/// How long each of several upstreams may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the project may see a model of an upstream.
fn shows(exchange: &Exchange<Sent>, upstream: &Upstream, model: &str) -> bool {
    may_use(exchange, model) && upstream.models.allows(model)
}

fn may_use(exchange: &Exchange<Sent>, model: &str) -> bool {
    let caller = exchange.stage.caller;
    let found = exchange.snapshot.projects.get(caller.project).zip(exchange.snapshot.keys.get(caller.key));
    found.is_some_and(|(project, key)| key.may_use(project, model))
}

/// Reads the upstream's list of models and keeps those that the project may use.
pub(super) async fn one(
    exchange: Exchange<Sent>,
    upstream: &Upstream,
    headers: HeaderMap,
    incoming: Incoming,
    lease: Lease,
) -> Result<Response<Relay>, Refusal> {
    let shown = |model: &str| shows(&exchange, upstream, model);
    match models::only_shown(incoming, upstream.idle_timeout, shown).await {
        Ok(list) => {
            lease.give_back(Moment::now());
            let among = exchange.record.upstream.into_iter().collect();
            Ok(told(exchange, headers, list, among))
        }
        Err(NotAList(why)) => {
            let denial = Denial::by(Reason::UpstreamInvalid, upstream.rule).because(why);
            Err(exchange.refuse(denial))
        }
    }
}

fn told(
    exchange: Exchange<Sent>,
    headers: HeaderMap,
    mut list: Value,
    among: UpstreamSet,
) -> Response<Relay> {
    // The gate's own names stand beside the upstreams'.
    for alias in exchange.snapshot.aliases.iter().filter(|alias| among.contains(alias.upstream)) {
        if may_use(&exchange, &alias.name) {
            models::add(&mut list, &alias.name);
        }
    }
    let Exchange { stage, carried } = exchange;
    let mut record = carried.record;
    record.status = 200;
    let body = Relay::own(Bytes::from(list.to_string()), record, stage.permits);
    response(StatusCode::OK, headers, body)
}

/// Asks all upstreams of a set and makes one list of theirs.
pub(super) async fn merged(
    pool: &Pool,
    mut exchange: Exchange<Sent>,
    among: UpstreamSet,
) -> Result<Response<Relay>, Refusal> {
    let begun = exchange.record.begun;
    let snapshot = Arc::clone(&exchange.snapshot);
    let upstreams = among.iter().filter_map(|at| snapshot.upstreams.get(at));
    let asked = upstreams.map(|upstream| {
        let asking = tokio::time::timeout(PATIENCE, ask(pool, &exchange, upstream, begun));
        async move {
            let late = || Denial::built_in(Reason::UpstreamTimeout).because("no list of models in time");
            (upstream, asking.await.unwrap_or_else(|_| Err(late())))
        }
    });
    let answered = join_all(asked).await;
    let mut lists = Vec::new();
    let mut last = None;
    for (upstream, list) in answered {
        match list {
            Ok(list) => lists.push(list),
            Err(denial) => {
                let why = denial.detail.as_deref().unwrap_or_default();
                tracing::warn!(upstream = &*upstream.name, why, "models_left_out");
                last = Some(at_upstream(denial, upstream));
            }
        }
    }
    let decided = exchange.record.decided.unwrap_or_default();
    exchange.record.upstream_wait = Some(begun.elapsed().saturating_sub(decided));
    match models::merged(lists) {
        Some(list) => {
            let headers = own_headers(exchange.record.id);
            Ok(told(exchange, headers, list, among))
        }
        None => Err(exchange.refuse(last.unwrap_or_else(|| Denial::built_in(Reason::UpstreamNotAllowed)))),
    }
}

async fn ask(
    pool: &Pool,
    exchange: &Exchange<Sent>,
    upstream: &Upstream,
    now: Moment,
) -> Result<Value, Denial> {
    let invalid = |why: String| Denial::built_in(Reason::UpstreamInvalid).because(why);
    let mut way = Way::to(upstream, now)?;
    way.queue(pool, upstream).await?;
    let in_use = upstream.credentials.pick(now);
    let request = asking_for_list(upstream, exchange.stage.endpoint);
    let mut request = request.ok_or_else(|| Denial::built_in(Reason::EndpointUnknown))?;
    if !upstream.keyless {
        granted(pool, upstream, in_use.as_ref(), &mut request, now).await?;
    }
    let mut unsent = Some(Box::new(request));
    let (answer, connection) = send(pool, upstream, &mut unsent, &way, (&now, None)).await?;
    way.answered(upstream, &answer, now);
    let (head, incoming) = answer.into_parts();
    if head.status != StatusCode::OK {
        return Err(invalid(format!("it answered {} when asked for its models", head.status.as_u16())));
    }
    let shown = |model: &str| shows(exchange, upstream, model);
    let list = models::only_shown(incoming, PATIENCE, shown).await;
    let list = list.map_err(|NotAList(why)| invalid(why.to_owned()))?;
    // Only now: a connection is offered again when its answer was read to the end.
    pool.give_back(connection, Moment::now());
    Ok(list)
}
