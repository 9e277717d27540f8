//! A body that goes on to the upstream while it arrives, watched on its way.
//!
//! 1. A piece is taken from the client when the upstream has taken the one before: nothing is gathered.
//! 2. What watches the body sees a piece before the upstream does. If it refuses, the body ends as broken off,
//!    so that the upstream never has the whole of it; whoever waits for the answer is told why.
//! 3. The last piece goes on only when the watch has found the whole body good.
//! 4. A client that dribbles is held to a rate, by the time for which it was waited only.
//! 5. When nobody waits for the answer any more, the body breaks off too.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::Sleep;

use super::{ClientBody, Frames};
use crate::clock::Moment;
use crate::denial::{Denial, Reason, RuleId};

/// Looks at a body on its way.
pub trait Watch: fmt::Debug + Send {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When the upstream must not have the whole body.
    fn feed(&mut self, piece: &[u8]) -> Result<(), Denial>;

    /// Judges the whole body.
    ///
    /// # Errors
    /// The same.
    fn finish(&mut self) -> Result<(), Denial>;

    /// The model that was found, if any.
    fn model(&self) -> Option<Arc<str>>;
}

/// What a body is held to on its way.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many bytes it may have.
    pub most: u64,
    /// The line that says so.
    pub most_rule: RuleId,
    /// How long the client may pause.
    pub silence: Duration,
    /// The line that says so.
    pub silence_rule: RuleId,
    /// How many bytes must have come in so long a wait for the client, be it in one pause or in many.
    pub least: u64,
    /// The line that says so.
    pub least_rule: RuleId,
}

/// The upstream's end of a body.
#[derive(Debug)]
pub struct Streamed {
    ahead: Frames,
    source: Option<ClientBody>,
    watch: Option<Box<dyn Watch>>,
    bounds: Bounds,
    pace: Pace,
    timer: Option<Pin<Box<Sleep>>>,
    upload: Arc<Upload>,
}

/// How fast a client sends while it is the client that is waited for: an upstream may be as slow as it likes.
#[derive(Debug, Default)]
struct Pace {
    /// How long it was waited for, and how many bytes came, since enough had come.
    waited: Duration,
    got: u64,
    since: Option<Moment>,
}

impl Pace {
    /// It is waited for from now on; the wait that is left.
    fn waits(&mut self, longest: Duration) -> Duration {
        self.since.get_or_insert_with(Moment::now);
        longest.saturating_sub(self.waited)
    }

    fn got(&mut self, bytes: u64, least: u64) {
        self.waited += self.since.take().map(Moment::elapsed).unwrap_or_default();
        self.got = self.got.saturating_add(bytes);
        if self.got >= least {
            *self = Self::default();
        }
    }
}

/// What is known of a body under way by whoever waits for its answer.
#[derive(Debug)]
pub struct Upload {
    bytes: Arc<AtomicU64>,
    waits: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the upstream does not get the whole body, the model that was found, and the rest of it.
    refused: Option<Stop>,
    over: bool,
    abandoned: bool,
    /// Ends the connection on which it is sent.
    driver: Option<AbortHandle>,
    waiting: Option<Waker>,
    sending: Option<Waker>,
}

/// A body that was stopped.
#[derive(Debug)]
pub struct Stop {
    /// Why.
    pub denial: Denial,
    /// The model that was found.
    pub model: Option<Arc<str>>,
    /// What was not read.
    pub rest: Option<ClientBody>,
}

/// The body broke off.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body was stopped")
    }
}

impl std::error::Error for Stopped {}

impl Streamed {
    /// A body of which `ahead` was read and watched already; `bytes` counts the client's.
    #[must_use]
    pub fn new(
        ahead: Frames,
        source: ClientBody,
        watch: Option<Box<dyn Watch>>,
        bounds: Bounds,
        bytes: Arc<AtomicU64>,
    ) -> Self {
        let upload = Arc::new(Upload { bytes, waits: AtomicBool::new(false), state: Mutex::default() });
        Self { ahead, source: Some(source), watch, bounds, pace: Pace::default(), timer: None, upload }
    }

    /// What is known of it by whoever waits for the answer.
    #[must_use]
    pub const fn upload(&self) -> &Arc<Upload> {
        &self.upload
    }

    fn stop(&mut self, denial: Denial) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let model = self.watch.as_ref().and_then(|watch| watch.model());
        let rest = self.source.take();
        let mut state = self.upload.state();
        state.refused = Some(Stop { denial, model, rest });
        state.wake();
        Poll::Ready(Some(Err(Stopped)))
    }

    /// Judges the whole body, of which every piece was watched.
    fn finish(&mut self) -> Result<(), Denial> {
        if let Some(watch) = &mut self.watch {
            watch.finish()?;
        }
        let mut state = self.upload.state();
        state.over = true;
        state.wake();
        Ok(())
    }

    /// Whether a piece may go on.
    fn judge(&mut self, piece: &[u8], last: bool) -> Result<(), Denial> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let so_far = self.upload.bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if so_far > self.bounds.most {
            return Err(Denial::by(Reason::BodyTooLarge, self.bounds.most_rule));
        }
        if let Some(watch) = &mut self.watch {
            watch.feed(piece)?;
        }
        if last { self.finish() } else { Ok(()) }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let this = self.get_mut();
        if let Some(piece) = this.ahead.next_piece() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        loop {
            {
                let mut state = this.upload.state();
                if state.abandoned || state.refused.is_some() {
                    return Poll::Ready(Some(Err(Stopped)));
                }
                if state.over {
                    return Poll::Ready(None);
                }
                keep(&mut state.sending, cx.waker());
            }
            let Some(source) = &mut this.source else { return Poll::Ready(Some(Err(Stopped))) };
            let polled = Pin::new(&mut *source).poll_frame(cx);
            this.upload.waits.store(polled.is_pending(), Ordering::Relaxed);
            let piece = match polled {
                Poll::Pending => {
                    let left = this.pace.waits(this.bounds.silence);
                    let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    let Bounds { silence_rule, least_rule, .. } = this.bounds;
                    let rule = if this.pace.got > 0 { least_rule } else { silence_rule };
                    return this.stop(Denial::by(Reason::BodyTimeout, rule));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    this.timer = None;
                    // Trailers are not forwarded: nothing behind the body may say anything about it.
                    let Ok(piece) = frame.into_data() else { continue };
                    this.pace.got(u64::try_from(piece.len()).unwrap_or(u64::MAX), this.bounds.least);
                    piece
                }
                Poll::Ready(Some(Err(_))) => {
                    return this.stop(Denial::built_in(Reason::BodyInvalid).because("its framing is broken"));
                }
                Poll::Ready(None) => {
                    return match this.finish() {
                        Ok(()) => Poll::Ready(None),
                        Err(denial) => this.stop(denial),
                    };
                }
            };
            let last = this.source.as_ref().is_some_and(Body::is_end_stream);
            return match this.judge(&piece, last) {
                Ok(()) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                Err(denial) => this.stop(denial),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_end_stream() && self.upload.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.source.as_ref().map(Body::size_hint).unwrap_or_default();
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower().saturating_add(self.ahead.left()));
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper.saturating_add(self.ahead.left()));
        }
        whole
    }
}

impl Upload {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the whole body was handed on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state().over
    }

    /// How many bytes of it came.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether it is the client that is waited for.
    #[must_use]
    pub fn waits_for_client(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Why it was stopped; else this task is woken when it is, and when it is over.
    pub fn stopped(&self, cx: &mut Context<'_>) -> Option<Stop> {
        let mut state = self.state();
        keep(&mut state.waiting, cx.waker());
        state.refused.take()
    }

    /// It goes over the connection that this ends.
    pub fn goes_over(&self, driver: AbortHandle) {
        self.state().driver = Some(driver);
    }

    /// Nobody waits for the answer any more.
    fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        // An upstream that takes nothing would keep the connection, and the client's with it.
        if let Some(driver) = state.driver.take().filter(|_| !state.over) {
            driver.abort();
        }
        if let Some(waker) = state.sending.take() {
            waker.wake();
        }
    }
}

/// Held by whoever waits for the answer: dropping it breaks off a body that is not over.
#[derive(Debug)]
pub struct Waiting(pub Arc<Upload>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

fn keep(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(kept) => kept.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}
