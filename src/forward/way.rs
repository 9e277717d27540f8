//! The way to an upstream: whether it is asked now, a place among its requests, and a connection.
//!
//! 1. An upstream that failed too often in a row is left alone for a time; see `health/breaker.rs`.
//! 2. Where it may have only so many requests, the next ones wait in a short queue, and leave it when their client
//!    does. A stream holds its place until it ends.
//! 3. A connection that was refused is tried again: twice, after a short wait that grows and is never the same,
//!    within the upstream's budget. Nothing of the request has been sent then. What was sent is not sent again.
//! 4. An upstream that says how long it wants to be left alone is believed, within the breaker's bounds.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;

use crate::clock::Moment;
use crate::denial::{Denial, Reason};
use crate::diagnosis;
use crate::health::{Change, Entry, Passage, Place, Tolerance, Turn};
use crate::pool::{self, Connection, NotConnected, Pool};
use crate::snapshot::{Capacity, Upstream};

/// How often a connection that was refused is tried again.
const MOST_AGAIN: u32 = 2;
/// The wait before the first time, at most; half of it at least.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// When a client may come back that found no place.
const COME_BACK: Duration = Duration::from_secs(1);
/// How long it may take until a connection is closed that another worker does not use.
const OTHERS_CLOSE: Duration = Duration::from_secs(1);

/// That a request may go its way, and the place that it holds meanwhile.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) passage: Passage,
    pub(super) place: Option<Place>,
}

impl Way {
    /// Finds out whether the upstream is asked at all.
    pub(super) fn to(upstream: &Upstream, now: Moment) -> Result<Self, Denial> {
        let Some(tolerance) = &upstream.tolerance else { return Ok(Self::default()) };
        match upstream.health.breaker.enter(tolerance, now) {
            Ok(passage) => Ok(Self { passage, place: None }),
            Err(wait) => Err(Denial::by(Reason::UpstreamBroken, upstream.rule).until(wait)),
        }
    }

    /// Takes a place among the upstream's requests, or waits for one.
    pub(super) async fn queue(&mut self, pool: &Pool, upstream: &Upstream) -> Result<(), Denial> {
        let Some(capacity) = &upstream.bounds else { return Ok(()) };
        let in_flight = &upstream.health.in_flight;
        let busy = || {
            let what = format!("under way: {}, waiting: {}", in_flight.taken(), in_flight.queued());
            Denial::by(Reason::UpstreamBusy, capacity.rule).because(what).until(COME_BACK)
        };
        self.place = Some(match in_flight.enter(capacity.requests, capacity.queued) {
            Some(Entry::Place(place)) => place,
            Some(Entry::Turn(turn)) => called(pool, turn, capacity.queue_timeout).await.ok_or_else(busy)?,
            None => return Err(busy()),
        });
        Ok(())
    }

    /// Notes that an answer began.
    pub(super) fn answered(&self, upstream: &Upstream, answer: &Response<Incoming>, begun: Moment) {
        let Some(tolerance) = &upstream.tolerance else { return };
        if tolerance.statuses.contains(&answer.status().as_u16()) {
            let now = begun.now_after();
            self.failed(upstream, diagnosis::wait(answer.headers(), b"", now), now);
        } else {
            self.succeeded(upstream);
        }
    }

    /// Notes that no answer began in time; `sent` is whether the request was sent at all.
    pub(super) fn timed_out(&self, upstream: &Upstream, sent: bool, begun: Moment) {
        let counts = upstream.tolerance.as_ref().is_some_and(|tolerance| tolerance.timeouts || !sent);
        if counts {
            self.failed(upstream, None, begun.now_after());
        }
    }

    fn succeeded(&self, upstream: &Upstream) {
        if upstream.health.breaker.succeeded(self.passage) == Some(Change::Closed) {
            tracing::warn!(upstream = &*upstream.name, "upstream_asked_again");
        }
    }

    fn failed(&self, upstream: &Upstream, asked: Option<Duration>, now: Moment) {
        let Some(tolerance) = &upstream.tolerance else { return };
        let change = upstream.health.breaker.failed(self.passage, tolerance, asked, now, chance());
        if let Some(Change::Opened(pause)) = change {
            let wait_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(upstream = &*upstream.name, wait_ms, "upstream_left_alone");
        }
    }

    /// Makes a connection to the upstream.
    pub(super) async fn connected(
        &self,
        pool: &Pool,
        upstream: &Upstream,
        begun: Moment,
    ) -> Result<Box<Connection>, Denial> {
        let again = &upstream.health.again;
        again.earn(begun);
        let mut times = 0;
        let made = loop {
            let place = match &upstream.bounds {
                Some(capacity) => room(pool, upstream, capacity).await?,
                None => None,
            };
            match pool::connect(upstream, place, pool.book()).await {
                Err(NotConnected::Refused) if times < MOST_AGAIN && again.spend(begun.now_after()) => {
                    times += 1;
                    tokio::time::sleep(wait(times, chance())).await;
                }
                made => break made,
            }
        };
        match made {
            Ok(connection) => {
                // Where no answer counts as a failure, this is all that is asked of it: an answer may take long.
                let all = |tolerance: &Tolerance| tolerance.statuses.is_empty() && !tolerance.timeouts;
                if upstream.tolerance.as_ref().is_some_and(all) {
                    self.succeeded(upstream);
                }
                Ok(connection)
            }
            Err(error) => {
                self.failed(upstream, None, begun.now_after());
                let reason = match &error {
                    NotConnected::Tls(_) => Reason::UpstreamTls,
                    NotConnected::Refused | NotConnected::TimedOut | NotConnected::Failed(_) => {
                        Reason::UpstreamUnreachable
                    }
                };
                Err(Denial::built_in(reason).because(error.to_string()))
            }
        }
    }
}

/// Waits for a place, but not for long.
async fn called(pool: &Pool, turn: Turn, patience: Duration) -> Option<Place> {
    let mut turn = pin!(turn);
    let mut alarm = pool.alarms().set(patience);
    poll_fn(|cx| match turn.as_mut().poll(cx) {
        Poll::Ready(place) => Poll::Ready(Some(place)),
        Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| None),
    })
    .await
}

/// A place among the upstream's connections, where they are bounded. There are no more requests than connections, so
/// if all are taken some are unused: other workers close them.
async fn room(pool: &Pool, upstream: &Upstream, capacity: &Capacity) -> Result<Option<Place>, Denial> {
    let Some(most) = capacity.connections else { return Ok(None) };
    let place = match upstream.health.connections.enter(most, usize::MAX) {
        Some(Entry::Place(place)) => Some(place),
        Some(Entry::Turn(turn)) => called(pool, turn, capacity.queue_timeout.max(OTHERS_CLOSE)).await,
        None => None,
    };
    let busy =
        || Denial::by(Reason::UpstreamBusy, capacity.rule).because(format!("{most} connections are open"));
    place.map(Some).ok_or_else(|| busy().until(COME_BACK))
}

/// How long to wait before a connection is tried again for the so-manieth time.
fn wait(times: u32, chance: u32) -> Duration {
    let most = FIRST_WAIT.saturating_mul(1 << times.saturating_sub(1).min(8));
    most / 2 + (most / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

fn chance() -> u32 {
    let mut bytes = [0; 4];
    // Without it waits are only alike.
    let _ = getrandom::fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_chance_takes_half_at_most() {
        let millis = |times, chance| wait(times, chance).as_millis();
        assert_eq!([millis(1, 0), millis(1, u32::MAX)], [50, 100]);
        assert_eq!([millis(2, 0), millis(2, u32::MAX)], [100, 200]);
    }
}
