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
use tower::{Layer, Service};

use crate::clock::Moment;
use crate::denial::{Denial, RuleId};
use crate::exchange::{Exchange, Funded, Permitted, Refusal};
use crate::limits::{Asking, Outcome, Reservation};
use crate::policy::budget::{Fund, not_asked, refused};
use crate::policy::rate::unavailable;
use crate::record::Record;

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
        match answered(&mut exchange.record, &asking, outcome, now) {
            Ok(()) => Ok(exchange),
            Err(denial) => Err(exchange.refuse(denial)),
        }
    }
}

/// Waits for what a message of a session lacks.
///
/// # Errors
/// The denial, when something was not had.
pub(crate) async fn had(record: &mut Record) -> Result<(), Denial> {
    let Some(wants) = record.reserved.as_ref().map(|reserved| reserved.reservation.wants()) else {
        return Ok(());
    };
    if wants.is_empty() {
        return Ok(());
    }
    let mut asking = Box::new(Asking::new(wants.to_vec()));
    let outcome = Pin::new(&mut *asking).await;
    answered(record, &asking, outcome, Moment::now())
}

/// Waits for slots that a session lacks.
///
/// # Errors
/// The denial, when one was not had.
pub(crate) async fn slots_had(mut reservation: Reservation, record: &mut Record) -> Result<(), Denial> {
    if reservation.wants().is_empty() {
        return Ok(());
    }
    let mut asking = Box::new(Asking::new(reservation.wants().to_vec()));
    let outcome = Pin::new(&mut *asking).await;
    let judged = judged(&mut reservation, &mut record.would_deny, &asking, outcome, Moment::now());
    if judged.is_err() {
        reservation.undo();
    }
    judged
}

/// What the store's answer means for what a request has reserved.
///
/// # Errors
/// The denial, when something was not had; then nothing is reserved any more.
fn answered(record: &mut Record, asking: &Asking, outcome: Outcome, now: Moment) -> Result<(), Denial> {
    let Some(reserved) = &mut record.reserved else { return Ok(()) };
    let judged = judged(&mut reserved.reservation, &mut record.would_deny, asking, outcome, now);
    if judged.is_ok() {
        // Only slots were wanted, which the request holds by its permits: there is nothing to settle.
        drop(record.reserved.take_if(|reserved| reserved.reservation.is_empty()));
    } else if let Some(reserved) = record.reserved.take() {
        reserved.reservation.undo();
    }
    judged
}

/// The same for a reservation, which is to be undone where something was not had.
fn judged(
    reservation: &mut Reservation,
    would_deny: &mut Vec<Denial>,
    asking: &Asking,
    outcome: Outcome,
    now: Moment,
) -> Result<(), Denial> {
    let wants = asking.wants();
    let denial = match outcome {
        Outcome::Granted { over, stamp } => {
            reservation.had(stamp);
            let over = over.iter().filter_map(|at| wants.get(*at));
            would_deny.extend(over.map(|want| refused(want, want.pool.full_in(want.need, now), 0)));
            return Ok(());
        }
        Outcome::Refused { at, wait, left } => wants.get(at).map(|want| refused(want, wait, left)),
        Outcome::Away => match reservation.take_of_shares(now) {
            Ok(()) => return Ok(()),
            Err(want) => Some(not_asked(&want)),
        },
    };
    Err(denial.unwrap_or_else(|| unavailable(RuleId::BUILT_IN)))
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
