//! Opens a WebSocket: the upstream's handshake is judged, then the client's is answered.

use http::header::{self, HeaderMap};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::passing::{headers_for_client, response};
use super::{Sent, at_upstream, refusal};
use crate::account::{Lease, Relay};
use crate::credentials::InUse;
use crate::denial::{Denial, Reason};
use crate::endpoint::{Endpoint, Gives};
use crate::exchange::{Exchange, Refusal};
use crate::ledger::Watched;
use crate::snapshot::Upstream;
use crate::upgrade;
use crate::websocket::Session;

/// What the upstream's answer is judged by, if a WebSocket is asked for: nothing secret is kept.
pub(super) fn asked(endpoint: &Endpoint, headers: &HeaderMap) -> Option<Box<HeaderMap>> {
    if endpoint.gives != Gives::WebSocket {
        return None;
    }
    let mut kept = HeaderMap::with_capacity(2);
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_PROTOCOL] {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    Some(Box::new(kept))
}

/// Answers the client's handshake, and hands the session to the worker.
pub(super) async fn open(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    mut answer: Response<Incoming>,
    mut lease: Lease,
    asked: &HeaderMap,
) -> Result<Response<Relay>, Refusal> {
    let protocol = match upgrade::agreed(&answer, asked) {
        Ok(protocol) => protocol,
        Err(what) => {
            let denial = Denial::built_in(Reason::UpstreamInvalid).because(what);
            return Err(exchange.refuse(at_upstream(denial, upstream)));
        }
    };
    if let Some(was) = lease.in_use.as_mut().and_then(InUse::succeeded) {
        refusal::tell_return(&exchange, upstream, was);
    }
    let Some(client) = exchange.head.extensions.remove::<OnUpgrade>() else {
        let what = "this connection cannot become one";
        return Err(exchange.refuse(Denial::built_in(Reason::HandshakeInvalid).because(what)));
    };
    let Ok(switched) = hyper::upgrade::on(&mut answer).await else {
        let what = "the connection broke when it had switched";
        return Err(exchange
            .refuse(at_upstream(Denial::built_in(Reason::UpstreamUnreachable).because(what), upstream)));
    };
    let headers = std::mem::take(answer.headers_mut());
    let mut headers = headers_for_client(headers, &mut exchange, Some((upstream, &lease)));
    headers.remove(header::CONTENT_TYPE);
    upgrade::answer(&mut headers, &exchange.head.headers, protocol);
    let Exchange { mut carried, stage: Sent { caller, endpoint, permits, alias: _, hides_usage: _ } } =
        exchange;
    carried.record.status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
    let (id, pool) = (carried.record.id, lease.pool.clone());
    let over = pool.sessions().over();
    let session = Session { carried, caller, endpoint, permits, lease, client, upstream: switched, over };
    pool.sessions().begin(Box::pin(async move {
        if let Err(wreck) = Watched::begin(id, || session.run()).await {
            wreck.cut();
        }
    }));
    Ok(response(StatusCode::SWITCHING_PROTOCOLS, headers, Relay::none()))
}
