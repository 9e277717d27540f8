//! Asks the store of several gates for what a request needs of limits that they share, where too little is leased here.
//!
//! 1. Where enough is leased, or nothing is shared, this is the policy and nothing else.
//! 2. Otherwise the store is asked once for everything that is lacking: requests, tokens and money. It gives all or
//!    nothing.
//! 3. Where it cannot be asked, each limit does what the configuration says.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower::{Layer, Service};

use crate::clock::Moment;
use crate::denial::Denial;
use crate::exchange::{Exchange, Funded, Permitted, Refusal};
use crate::limits::{Asking, Outcome, Reservation};
use crate::policy::budget::{Fund, not_asked, refused};

/// Puts the policy, and the wait for the store, in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FundLayer;

/// The policy, and the wait for the store, in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Funds<S> {
    inner: S,
}

impl<S> Layer<S> for FundLayer {
    type Service = Funds<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Funds { inner }
    }
}

impl<S> Service<Exchange<Permitted>> for Funds<S>
where
    S: Service<Exchange<Funded>, Error = Refusal> + Clone,
{
    type Response = S::Response;
    type Error = Refusal;
    type Future = Funding<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Permitted>) -> Self::Future {
        match exchange.pass(&Fund) {
            Ok(exchange) => match lacking(&exchange) {
                None => Funding::Passed { inner: self.inner.call(exchange) },
                Some(asking) => {
                    let waiting = Some(Box::new(Waiting { exchange, asking }));
                    Funding::Waits { waiting, inner: self.inner.clone() }
                }
            },
            Err(refusal) => Funding::Refused { refusal: Some(refusal) },
        }
    }
}

/// The question for what a request lacks, if anything.
fn lacking(exchange: &Exchange<Funded>) -> Option<Asking> {
    let reservation = &exchange.record.reserved.as_ref()?.reservation;
    let wants = reservation.wants();
    if wants.is_empty() { None } else { Some(Asking::new(wants.to_vec())) }
}

/// A request that waits for the store.
#[derive(Debug)]
pub(crate) struct Waiting {
    exchange: Exchange<Funded>,
    asking: Asking,
}

impl Waiting {
    fn answered(self, outcome: Outcome) -> Result<Exchange<Funded>, Refusal> {
        let Self { mut exchange, asking } = self;
        let now = exchange.record.begun.now_after();
        let Some(mut reserved) = exchange.record.reserved.take() else { return Ok(exchange) };
        match answered(&mut reserved.reservation, &asking, outcome, now) {
            Ok(observed) => {
                exchange.record.would_deny.extend(observed);
                exchange.record.reserved = Some(reserved);
                Ok(exchange)
            }
            Err(denial) => {
                reserved.reservation.undo();
                Err(exchange.refuse(denial))
            }
        }
    }
}

/// What the store's answer means for a reservation; gives what would have been refused, were it not only observed.
///
/// # Errors
/// The denial, when something was not had.
pub(crate) fn answered(
    reservation: &mut Reservation,
    asking: &Asking,
    outcome: Outcome,
    now: Moment,
) -> Result<SmallVec<[Denial; 2]>, Denial> {
    let wants = asking.wants();
    match outcome {
        Outcome::Granted { over, stamp } => {
            reservation.had(stamp);
            let told = over.iter().filter_map(|at| wants.get(*at));
            Ok(told.map(|want| refused(want, want.pool.full_in(want.need, now), 0)).collect())
        }
        Outcome::Refused { at, wait, left } => Err(wants.get(at).map_or_else(
            || crate::policy::rate::unavailable(crate::denial::RuleId::BUILT_IN),
            |want| refused(want, wait, left),
        )),
        Outcome::Away => match reservation.take_of_shares(now) {
            Ok(()) => Ok(SmallVec::new()),
            Err(want) => Err(not_asked(&want)),
        },
    }
}

pin_project! {
    /// What became of a request.
    #[project = FundingNow]
    #[derive(Debug)]
    pub(crate) enum Funding<S, F> {
        /// The store is being asked.
        Waits {
            waiting: Option<Box<Waiting>>,
            inner: S,
        },
        /// It went on.
        Passed {
            #[pin]
            inner: F,
        },
        /// It was refused.
        Refused {
            refusal: Option<Refusal>,
        },
    }
}

impl<S, R> Future for Funding<S, S::Future>
where
    S: Service<Exchange<Funded>, Response = R, Error = Refusal>,
{
    type Output = Result<R, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project() {
                FundingNow::Waits { waiting, inner } => {
                    let Some(now) = waiting else { return Poll::Pending };
                    let outcome = ready!(Pin::new(&mut now.asking).poll(cx));
                    let Some(waited) = waiting.take() else { return Poll::Pending };
                    match waited.answered(outcome) {
                        Ok(exchange) => Funding::Passed { inner: inner.call(exchange) },
                        Err(refusal) => return Poll::Ready(Err(refusal)),
                    }
                }
                FundingNow::Passed { inner } => return inner.poll(cx),
                FundingNow::Refused { refusal } => {
                    return refusal.take().map_or(Poll::Pending, |refusal| Poll::Ready(Err(refusal)));
                }
            };
            self.set(next);
        }
    }
}

/// Takes requests of limits that were deferred because the store has to be asked; for what is no HTTP request of its own.
///
/// # Errors
/// The denial, when one was not had.
pub(crate) async fn deferred(
    mut reservation: Reservation,
    now: Moment,
) -> Result<SmallVec<[Denial; 2]>, Denial> {
    let asking = Asking::new(reservation.wants().to_vec());
    let mut asking = std::pin::pin!(asking);
    let outcome = asking.as_mut().await;
    let told = answered(&mut reservation, &asking, outcome, now.now_after());
    if told.is_err() {
        reservation.undo();
    }
    told
}
