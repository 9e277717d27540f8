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
    S: Service<Exchange<Accepted>, Response = Response<Relay>, Error = Infallible> + Clone,
{
    type Response = Response<Relay>;
    type Error = Infallible;
    type Future = Catching<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Accepted>) -> Self::Future {
        let (id, version) = (exchange.record.id, exchange.head.version);
        let (service, exchange) = (self.inner.clone(), Some(exchange));
        Catching { work: Watched::not_begun(id), service, exchange, version }
    }
}

pin_project! {
    /// A request in whose work panics are caught. It begins where it is polled: moved, it would be copied.
    pub(crate) struct Catching<S>
    where
        S: Service<Exchange<Accepted>>,
    {
        #[pin]
        work: Watched<S::Future>,
        service: S,
        exchange: Option<Exchange<Accepted>>,
        version: Version,
    }
}

impl<S> Future for Catching<S>
where
    S: Service<Exchange<Accepted>, Response = Response<Relay>, Error = Infallible>,
{
    type Output = Result<Response<Relay>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(exchange) = this.exchange.take() {
            this.work.as_mut().begin_here(|| this.service.call(exchange));
        }
        let done = ready!(this.work.poll(cx));
        Poll::Ready(done.unwrap_or_else(|wreck| Ok(broken(wreck, *this.version))))
    }
}
