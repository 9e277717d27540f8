//! The answer on its way to the client: counted, timed, and closed exactly once.
//!
//! 1. Pieces pass as they come; nothing is gathered or copied, and the client's pace is the
//!    upstream's: a piece is fetched when the last was taken.
//! 2. What the answer says was used is found as the pieces pass, and what was written is estimated meanwhile, so that
//!    the record has it whenever and however the answer ends.
//! 3. At the end the connection goes back to its pool, the slots come free and the record closes.
//! 4. An upstream that breaks off or falls silent breaks the client's answer too: a cut answer
//!    must never look whole.
//! 5. A fault of the gate's own, a panic, breaks off the answer in which it is, and the record says so.
//! 6. A client that leaves drops all this, and with it the connection upstream.
//! 7. What follows a refusal's beginning, which was read, is searched for keys as it passes.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::alarm::Alarm;
use crate::body::{Frames, Waiting};
use crate::clock::Moment;
use crate::credentials::{InUse, Learner};
use crate::exchange::Permits;
use crate::health::Place;
use crate::hush;
use crate::ledger::{OpenRecord, watched};
use crate::pool::{Connection, Pool};
use crate::record::Outcome;
use crate::redact::Redactor;
use crate::rename::Renamer;
use crate::usage::{Hider, Meter};

/// The body of an answer. Boxed: every layer hands its answer on by value, and the HTTP library does so as well.
#[derive(Debug)]
pub struct Relay(Box<Relayed>);

#[derive(Debug)]
struct Relayed {
    source: Source,
    open: Option<Open>,
}

#[derive(Debug)]
enum Source {
    /// The gate's own words.
    Own(Option<Bytes>),
    /// The upstream's.
    Upstream { ahead: Option<Box<Ahead>>, incoming: Incoming, silence: Duration, alarm: Option<Alarm> },
}

/// What was read of the upstream's body already, and what leaves keys out of the rest, if that can be read.
#[derive(Debug)]
struct Ahead {
    read: Frames,
    redactor: Option<Redactor>,
}

impl Ahead {
    fn is_over(&self) -> bool {
        self.read.is_end_stream() && !self.redactor.as_ref().is_some_and(Redactor::holds)
    }
}

/// What is held until the answer has ended. The record is dropped last: when it is told that a request has ended, what
/// it held is free.
#[derive(Debug)]
struct Open {
    #[expect(dead_code, reason = "held for what dropping it does: the slots come free")]
    permits: Permits,
    lease: Option<Lease>,
    record: OpenRecord,
}

/// What is held of an upstream until its answer has ended: a connection that goes back to its pool, and the
/// credential.
#[derive(Debug)]
pub struct Lease {
    /// The connection.
    pub connection: Box<Connection>,
    /// Where it goes.
    pub pool: Arc<Pool>,
    /// The credential that is in use.
    pub in_use: Option<InUse>,
    /// A place among the upstream's requests, where they are bounded.
    pub place: Option<Place>,
    /// Reads the answer's beginning, where what it names belongs to the credential.
    pub learner: Option<Box<Learner>>,
    /// The request's body, if it went on while it arrived.
    pub upload: Option<Box<Waiting>>,
    /// Puts the name that the client asked for back into the answer.
    pub renamer: Option<Box<Renamer>>,
    /// Finds what the answer says was used. Not boxed: most answers have one.
    pub meter: Option<Meter>,
    /// Takes the report of usage out that only the gate asked for.
    pub hider: Option<Box<Hider>>,
}

impl Lease {
    /// What is held until an answer was read that goes on as it comes.
    #[must_use]
    pub const fn of(connection: Box<Connection>, pool: Arc<Pool>, in_use: Option<InUse>) -> Self {
        Self {
            connection,
            pool,
            in_use,
            place: None,
            learner: None,
            upload: None,
            renamer: None,
            meter: None,
            hider: None,
        }
    }

    /// Whether some of the answer is held that the client is still to see.
    fn holds_back(&self) -> bool {
        self.renamer.as_ref().is_some_and(|renamer| renamer.holds())
            || self.hider.as_ref().is_some_and(|hider| hider.holds())
    }

    /// The answer was read to its end. A connection on which the request's body is still under way is closed.
    pub fn give_back(self, now: Moment) {
        if self.upload.as_ref().is_none_or(|waiting| waiting.0.is_over()) {
            self.pool.give_back(self.connection, now);
        }
    }
}

/// The answer broke off.
#[derive(Debug)]
pub struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

impl Relay {
    /// A body of the gate's own.
    #[must_use]
    pub fn own(body: Bytes, record: OpenRecord, permits: Permits) -> Self {
        let open = Some(Open { permits, lease: None, record });
        Self::of(Source::Own(Some(body).filter(|body| !body.is_empty())), open)
    }

    /// No body, and no record: that of a session is told when the session has ended.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Source::Own(None), None)
    }

    /// The upstream's body; `silence` is how long it may pause.
    #[must_use]
    pub fn upstream(
        incoming: Incoming,
        silence: Duration,
        record: OpenRecord,
        permits: Permits,
        lease: Lease,
    ) -> Self {
        let source = Source::Upstream { ahead: None, incoming, silence, alarm: None };
        Self::of(source, Some(Open { permits, lease: Some(lease), record }))
    }

    fn of(source: Source, open: Option<Open>) -> Self {
        let mut relayed = Box::new(Relayed { source, open });
        // Nobody asks for the pieces of a body that has none.
        if relayed.is_over() {
            relayed.end(None);
        }
        Self(relayed)
    }

    /// Puts what was read of the upstream's body already in front of the rest, out of which keys are left by what
    /// left them out of the beginning.
    #[must_use]
    pub fn after(mut self, read: Frames, redactor: Option<Redactor>) -> Self {
        if let Source::Upstream { ahead, .. } = &mut self.0.source {
            *ahead = Some(Box::new(Ahead { read, redactor }));
        }
        self
    }
}

impl Relayed {
    /// What leaves keys out of the answer, if it is one that is searched.
    fn redactor(&mut self) -> Option<&mut Redactor> {
        match &mut self.source {
            Source::Upstream { ahead: Some(ahead), .. } => ahead.redactor.as_mut(),
            Source::Upstream { ahead: None, .. } | Source::Own(_) => None,
        }
    }

    /// The piece as the client is to see it: with the name in it that it asked for, and without what it did not.
    fn edited(&mut self, piece: Bytes) -> Bytes {
        if let Some(redactor) = self.redactor() {
            return redactor.piece(&piece);
        }
        let Some(lease) = self.open.as_mut().and_then(|open| open.lease.as_mut()) else { return piece };
        let piece = match &mut lease.renamer {
            Some(renamer) => renamer.piece(&piece),
            None => piece,
        };
        match &mut lease.hider {
            Some(hider) => hider.piece(&piece),
            None => piece,
        }
    }

    /// What was held back of the answer that is over now.
    fn rest(&mut self) -> Option<Bytes> {
        if let Some(redactor) = self.redactor() {
            return Some(redactor.rest()).filter(|rest| !rest.is_empty());
        }
        let lease = self.open.as_mut()?.lease.as_mut()?;
        let mut rest = lease.renamer.as_mut().map(|renamer| renamer.rest()).unwrap_or_default();
        if let Some(hider) = &mut lease.hider {
            let passed = hider.piece(&rest);
            let last = hider.rest();
            rest = if passed.is_empty() { last } else { [passed, last].concat().into() };
        }
        Some(rest).filter(|rest| !rest.is_empty())
    }

    /// Counts a piece; gives how long the request has taken, if it was the first.
    fn count(&mut self, piece: &Bytes) -> Option<Duration> {
        let mut first = None;
        if let Some(open) = &mut self.open {
            if open.record.first_byte.is_none() {
                first = Some(open.record.begun.elapsed());
                open.record.first_byte = first;
            }
            open.record.response_bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if let Some(Lease { learner, meter, .. }) = &mut open.lease {
                learner.take_if(|learner| learner.read(piece));
                if let Some(meter) = meter {
                    meter.piece(piece, &mut open.record.usage);
                    open.record.output_seen = meter.output_seen();
                    open.record.unreported = meter.goes_on();
                    open.record.served = meter.served();
                }
            }
        }
        first
    }

    /// The answer is whole, after so long if that is known.
    fn end(&mut self, took: Option<Duration>) {
        if let Some(Open { permits: _, lease, record }) = &mut self.open {
            if matches!(record.outcome, Outcome::Open) {
                record.outcome = Outcome::Served;
            }
            let took = took.unwrap_or_else(|| record.begun.elapsed());
            record.ended = Some(took);
            if let Some(lease) = lease.take() {
                lease.give_back(record.begun.later(took));
            }
            self.open = None;
        }
    }

    fn cut(&mut self, why: &'static str) -> Broken {
        if let Some(mut open) = self.open.take() {
            open.record.outcome = Outcome::Cut(why);
        }
        Broken(why)
    }

    fn is_over(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_none(),
            Source::Upstream { ahead, incoming, .. } => {
                let lease = self.open.as_ref().and_then(|open| open.lease.as_ref());
                ahead.as_deref().is_none_or(Ahead::is_over)
                    && incoming.is_end_stream()
                    && lease.is_none_or(|lease| !lease.holds_back())
            }
        }
    }

    /// The next piece for the client.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let relay = self;
        loop {
            let polled = match &mut relay.source {
                Source::Own(body) => {
                    let piece = body.take();
                    if let (Some(open), Some(piece)) = (&mut relay.open, &piece) {
                        open.record.response_bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    }
                    relay.end(None);
                    return Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))));
                }
                Source::Upstream { ahead: Some(ahead), .. } if !ahead.read.is_end_stream() => {
                    let Some(piece) = ahead.read.next_piece() else { continue };
                    let took = relay.count(&piece);
                    if relay.is_over() {
                        relay.end(took);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Source::Upstream { ahead: _, incoming, silence, alarm } => {
                    match hush::next_frame(incoming, cx) {
                        Poll::Pending => {
                            if alarm.is_none() {
                                let lease = relay.open.as_ref().and_then(|open| open.lease.as_ref());
                                *alarm = lease.map(|lease| lease.pool.alarms().set(*silence));
                            }
                            if alarm.as_mut().is_none_or(|alarm| Pin::new(alarm).poll(cx).is_pending()) {
                                return Poll::Pending;
                            }
                            return Poll::Ready(Some(Err(
                                relay.cut("the upstream fell silent longer than idle_timeout")
                            )));
                        }
                        Poll::Ready(polled) => {
                            if let Some(alarm) = alarm {
                                alarm.again(*silence);
                            }
                            polled
                        }
                    }
                }
            };
            match polled {
                Some(Ok(frame)) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let took = relay.count(&piece);
                    let piece = relay.edited(piece);
                    if relay.is_over() {
                        relay.end(took);
                    }
                    if piece.is_empty() {
                        continue;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Some(Err(_)) => {
                    return Poll::Ready(Some(Err(relay.cut("the upstream broke off its answer"))));
                }
                None => {
                    if let Some(rest) = relay.rest() {
                        // Nobody asks for more where it is seen that this was all.
                        if relay.is_over() {
                            relay.end(None);
                        }
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                    relay.end(None);
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let relay = &mut *self.get_mut().0;
        let Some(id) = relay.open.as_ref().map(|open| open.record.id) else { return relay.poll_piece(cx) };
        let mut polled = Poll::Pending;
        if let Err(panicked) = watched(id, || polled = relay.poll_piece(cx)) {
            panicked.over(|| drop(relay.open.take())).cut();
            relay.source = Source::Own(None);
            return Poll::Ready(Some(Err(Broken("the gate panicked"))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0.source {
            Source::Own(body) => SizeHint::with_exact(
                body.as_ref().map_or(0, |body| u64::try_from(body.len()).unwrap_or(u64::MAX)),
            ),
            Source::Upstream { ahead: None, incoming, .. } => {
                let lease = self.0.open.as_ref().and_then(|open| open.lease.as_ref());
                let edited = lease.is_some_and(|lease| lease.renamer.is_some() || lease.hider.is_some());
                if edited { SizeHint::default() } else { incoming.size_hint() }
            }
            // How much of it is keys is not known.
            Source::Upstream { ahead: Some(ahead), .. } if ahead.redactor.is_some() => SizeHint::default(),
            Source::Upstream { ahead: Some(ahead), incoming, .. } => {
                let rest = incoming.size_hint();
                let mut whole = SizeHint::new();
                whole.set_lower(rest.lower().saturating_add(ahead.read.left()));
                if let Some(upper) = rest.upper() {
                    whole.set_upper(upper.saturating_add(ahead.read.left()));
                }
                whole
            }
        }
    }
}
