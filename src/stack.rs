//! The stages of a request, in order, each with the reason why it stands where it stands.
//!
//! Read this page first. Each gate consumes the proof of the one before it, so an order that
//! leaves a rule out, or asks it too early, does not compile.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use http::Response;
use tower::{Service, ServiceBuilder, service_fn};

use crate::account::Relay;
use crate::ask::AskLayer;
use crate::catch::CatchLayer;
use crate::exchange::{Accepted, Exchange, Outbound, Refusal};
use crate::forward::forward;
use crate::fund::FundLayer;
use crate::gate::GateLayer;
use crate::inject::InjectLayer;
use crate::policy::form::Form;
use crate::policy::key::KeyCheck;
use crate::policy::model::ModelCheck;
use crate::policy::network::Network;
use crate::policy::origin::Origin;
use crate::policy::rate::Rate;
use crate::policy::scope::ScopeCheck;
use crate::pool::Pool;
use crate::preflight::PreflightLayer;
use crate::respond::RespondLayer;
use crate::whoami::WhoamiLayer;

/// The whole gate for one worker, in front of its upstreams.
pub fn gate(
    pool: Arc<Pool>,
) -> impl Service<
    Exchange<Accepted>,
    Response = Response<Relay>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Relay>, Infallible>> + Send,
> + Clone
+ Send {
    // Boxed: every layer hands its future on by value, and this one is kilobytes.
    stages(service_fn(move |exchange| Box::pin(forward(Arc::clone(&pool), exchange))))
}

/// The stages in front of whatever sends the request.
pub fn stages<S>(
    send: S,
) -> impl Service<
    Exchange<Accepted>,
    Response = Response<Relay>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Relay>, Infallible>> + Send,
> + Clone
+ Send
where
    S: Service<Exchange<Outbound>, Response = Response<Relay>, Error = Refusal> + Clone + Send,
    S::Future: Send,
{
    ServiceBuilder::new()
        // Around everything: a fault of the gate's own is one request's.
        .layer(CatchLayer)
        // Outermost of what decides: whatever refuses, it is answered in one place and one record is closed.
        .layer(RespondLayer)
        // Before everything that reads the head: it must be a head that has one reading.
        .layer(GateLayer(Form))
        // Before any key work: who may not speak to us cannot make us compare keys.
        .layer(GateLayer(Network))
        // Before the key, which a browser's question does not carry.
        .layer(PreflightLayer)
        // The first rule that knows who calls; nothing about a project is decided before.
        .layer(GateLayer(KeyCheck))
        // Needs the key; before the scope, so that a stolen key used elsewhere learns nothing.
        .layer(GateLayer(Origin))
        // Needs the address to be right; before the scope, since it must answer who has none.
        .layer(WhoamiLayer)
        // Needs the project; before the rate, so that a wrong path costs nobody a request.
        .layer(GateLayer(ScopeCheck))
        // Before the body: who is over the rate cannot make us read.
        .layer(GateLayer(Rate))
        // The only wait before the upstream; everything cheaper has been asked.
        .layer(AskLayer)
        // Needs the body's model.
        .layer(GateLayer(ModelCheck))
        // Needs the model, which has a price; the last rule, since what it takes has to be settled. Where gates share
        // limits it may wait for their store.
        .layer(FundLayer)
        // Nothing may refuse once a provider's credential is in.
        .layer(InjectLayer)
        .service(send)
}
