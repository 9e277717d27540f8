//! A fault of the gate's own, a panic, is one answer and one record; all other requests go on.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, Version};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::account::Relay;
use crate::exchange::{Accepted, Exchange};
use crate::ledger::Watched;
use crate::respond::broken;

/// Catches what panics in a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CatchLayer;

/// A service in which panics are caught.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catch<S> {
    inner: S,
}

impl<S> Layer<S> for CatchLayer {
    type Service = Catch<S>;

    fn layer(&self, inner: S) -> Catch<S> {
        Catch { inner }
    }
}

impl<S> Service<Exchange<Accepted>> for Catch<S>
where
    S: Service<Exchange<Accepted>, Response = Response<Relay>, Error = Infallible>,
{
    type Response = Response<Relay>;
    type Error = Infallible;
    type Future = Catching<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Accepted>) -> Self::Future {
        let (id, version) = (exchange.record.id, exchange.head.version);
        Catching { inner: Watched::begin(id, || self.inner.call(exchange)), version }
    }
}

pin_project! {
    /// A request in whose work panics are caught.
    #[derive(Debug)]
    pub(crate) struct Catching<F> {
        #[pin]
        inner: Watched<F>,
        version: Version,
    }
}

impl<F> Future for Catching<F>
where
    F: Future<Output = Result<Response<Relay>, Infallible>>,
{
    type Output = Result<Response<Relay>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let done = ready!(this.inner.poll(cx));
        Poll::Ready(done.unwrap_or_else(|wreck| Ok(broken(wreck, *this.version))))
    }
}
