//! The one layer that carries every policy.
//!
//! A [`Gate`] takes a request with the proof that its policy consumes, and calls the service
//! behind it with the proof that the policy yields. Gates in a wrong order do not compile.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::exchange::{Carried, Exchange, Refusal};
use crate::policy::{Policy, Sight};

/// Puts a policy in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateLayer<P>(pub(crate) P);

/// A policy in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<P, S> {
    policy: P,
    inner: S,
}

impl<S> Exchange<S> {
    /// Takes the request one stage further, or refuses it.
    ///
    /// # Errors
    /// The refusal, when the policy refuses.
    pub fn pass<P: Policy<From = S>>(self, policy: &P) -> Result<Exchange<P::Into>, Refusal> {
        let Self { mut carried, stage } = self;
        let Carried { head, snapshot, record, certificate, body: _, checked: _ } = &mut *carried;
        let certificate = certificate.as_deref();
        let mut sight = Sight { head, snapshot, certificate, now: record.begun, notes: record };
        match policy.decide(stage, &mut sight) {
            Ok(stage) => Ok(Exchange { stage, carried }),
            Err(denial) => Err(Exchange { carried, stage: () }.refuse(denial)),
        }
    }
}

impl<P: Clone, S> Layer<S> for GateLayer<P> {
    type Service = Gate<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate { policy: self.0.clone(), inner }
    }
}

impl<P, S> Service<Exchange<P::From>> for Gate<P, S>
where
    P: Policy,
    S: Service<Exchange<P::Into>, Error = Refusal>,
{
    type Response = S::Response;
    type Error = Refusal;
    type Future = Passing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<P::From>) -> Self::Future {
        match exchange.pass(&self.policy) {
            Ok(exchange) => Passing::Passed { inner: self.inner.call(exchange) },
            Err(refusal) => Passing::Refused { refusal: Some(refusal) },
        }
    }
}

pin_project! {
    /// What a gate decided.
    #[project = Decided]
    #[derive(Debug)]
    pub(crate) enum Passing<F> {
        /// It let the request pass.
        Passed {
            #[pin]
            inner: F,
        },
        /// It refused.
        Refused {
            refusal: Option<Refusal>,
        },
    }
}

impl<F, R> Future for Passing<F>
where
    F: Future<Output = Result<R, Refusal>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Decided::Passed { inner } => inner.poll(cx),
            Decided::Refused { refusal } => {
                refusal.take().map_or(Poll::Pending, |refusal| Poll::Ready(Err(refusal)))
            }
        }
    }
}
