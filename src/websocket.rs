//! A session over a WebSocket: what client and upstream say to each other, judged on its way.
//!
//! 1. A client's message is held until it is whole and was judged; only then does any of it go on. There is at
//!    most one, of `server.max_body` at most. It must be JSON, as every message of these services is.
//! 2. What the upstream says goes on in the pieces in which it comes, when its framing was checked. Of it a
//!    buffer's worth is held, so that its pace is the client's.
//! 3. Pings, pongs and closes pass. The gate says none but the close with which it ends a session itself.
//! 4. A session keeps the configuration that it began with, its slot and its credential, and holds a slot of each model
//!    that it asks. One record tells of it.
//!
//! Caveat: whether a text of the upstream's is UTF-8 is for the client to find out.

mod down;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod judge;
mod up;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use crate::account::Lease;
use crate::alarm::Alarms;
use crate::clock::Moment;
use crate::denial::Denial;
use crate::endpoint::Endpoint;
use crate::exchange::{Caller, Carried, Permits};
use crate::record::{self, ClosedBy, Outcome};
use crate::usage::{Meter, Usage};
use down::Down;
use judge::Judge;
use up::Up;

/// How long both sides may take to close in order.
const CLOSING: Duration = Duration::from_secs(5);
/// How long they may take when the gate must end.
const CLOSING_AT_THE_END: Duration = Duration::from_millis(300);
/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// A session that is about to begin.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) carried: Box<Carried>,
    pub(crate) caller: Caller,
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) permits: Permits,
    pub(crate) lease: Lease,
    /// The client's connection, once its handshake was answered.
    pub(crate) client: OnUpgrade,
    /// The upstream's connection.
    pub(crate) upstream: Upgraded,
    /// Becomes true when every session must end.
    pub(crate) over: watch::Receiver<bool>,
}

/// Who ended the session first, and how.
#[derive(Clone, Debug)]
enum End {
    /// The client said so.
    ClosedByClient(u16),
    /// The upstream said so.
    ClosedByUpstream(u16),
    /// The client was gone without a word.
    ClientGone,
    /// The upstream was gone without a word.
    UpstreamGone,
    /// The client broke the rules of the protocol.
    BrokenByClient(frame::Violation),
    /// The upstream did.
    BrokenByUpstream(frame::Violation),
    /// A message was refused.
    Refused(Denial),
    /// Nobody said anything for too long.
    Silent,
    /// The gate had to end.
    Over,
}

/// What both directions know of the session.
struct Common {
    /// The first end that was found; later ones follow from it.
    end: Mutex<Option<End>>,
    /// The payload of the close that the gate says, once it has one to say.
    close: watch::Sender<Option<Arc<[u8]>>>,
    begun: Moment,
    alarms: Alarms,
    /// When something last came or went, in milliseconds after the beginning.
    moved_ms: AtomicU64,
    client_messages: AtomicU64,
    client_bytes: AtomicU64,
    upstream_messages: AtomicU64,
    upstream_bytes: AtomicU64,
    /// When the upstream first said something, in microseconds after the beginning; zero if not.
    first_us: AtomicU64,
    /// What the upstream said was used, all responses together.
    usage: Mutex<Option<Usage>>,
    /// How many tokens it wrote, about.
    output_seen: AtomicU64,
}

impl Common {
    fn new(begun: Moment, alarms: Alarms) -> Self {
        let zero = AtomicU64::default;
        Self {
            end: Mutex::new(None),
            close: watch::Sender::new(None),
            begun,
            alarms,
            moved_ms: zero(),
            client_messages: zero(),
            client_bytes: zero(),
            upstream_messages: zero(),
            upstream_bytes: zero(),
            first_us: zero(),
            usage: Mutex::default(),
            output_seen: zero(),
        }
    }

    /// Notes how the session ends, unless that is known.
    fn ends(&self, end: End) {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(end);
    }

    fn end(&self) -> Option<End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has both directions close.
    fn close(&self, code: u16, reason: &str) -> Arc<[u8]> {
        let payload: Arc<[u8]> = frame::close(code, reason).into();
        self.close.send_replace(Some(Arc::clone(&payload)));
        payload
    }

    fn moved(&self) {
        self.moved_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        let since = self.alarms.looked().since(self.begun.monotonic);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until nothing has moved for so long.
    async fn silent(&self, longest: Duration) {
        let longest_ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        loop {
            let quiet_ms = self.now_ms().saturating_sub(self.moved_ms.load(Ordering::Relaxed));
            if quiet_ms >= longest_ms {
                return;
            }
            self.alarms.set(Duration::from_millis(longest_ms - quiet_ms)).await;
        }
    }
}

impl Session {
    /// Relays until one side ends it, and closes the record.
    pub(crate) async fn run(self) {
        let Self { carried, caller, endpoint, permits, lease, client, upstream, over } = self;
        let Ok(client) = client.await else { return };
        let common = Common::new(carried.record.begun, lease.pool.alarms());
        common.moved();
        let silence = carried.record.upstream().map_or(CLOSING, |upstream| upstream.idle_timeout);
        let mut judge = Judge::new(carried, caller, endpoint, permits);
        let meter = Meter::of_session(endpoint);
        relay(&common, &mut judge, meter, client, upstream, silence, over).await;
        let Judge { carried, permits, .. } = judge;
        close_record(&common, carried);
        drop((permits, lease));
    }
}

/// Relays both ways until the session has ended on both sides, or one does not come to an end.
async fn relay(
    common: &Common,
    judge: &mut Judge,
    meter: Meter,
    client: Upgraded,
    upstream: Upgraded,
    silence: Duration,
    mut over: watch::Receiver<bool>,
) {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let mut up = Up::new(common, from_client, to_upstream);
    let mut down = Down::new(common, meter, from_upstream, to_client);
    let mut up = pin!(up.run(judge));
    let mut down = pin!(down.run());
    let (mut up_ended, mut down_ended) = (false, false);
    tokio::select! {
        () = &mut up => up_ended = true,
        () = &mut down => down_ended = true,
        () = common.silent(silence) => {
            common.ends(End::Silent);
            common.close(frame::GOING_AWAY, "nothing was said for too long");
        }
        () = until_over(&mut over) => {
            common.ends(End::Over);
            common.close(frame::GOING_AWAY, "the gateway stops");
        }
    }
    if matches!(common.end(), Some(End::ClientGone)) {
        return;
    }
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(CLOSING) => {}
            () = async {
                until_over(&mut over).await;
                tokio::time::sleep(CLOSING_AT_THE_END).await;
            } => {}
        }
    };
    let both = async {
        let rest_of_up = async {
            if !up_ended {
                up.await;
            }
        };
        let rest_of_down = async {
            if !down_ended {
                down.await;
            }
        };
        tokio::join!(rest_of_up, rest_of_down)
    };
    tokio::select! {
        _ = both => {}
        () = patience => {}
    }
}

/// Waits until every session must end; a sender that is gone says so too.
async fn until_over(over: &mut watch::Receiver<bool>) {
    let _ = over.wait_for(|over| *over).await;
}

/// Tells how the session ended.
fn close_record(common: &Common, carried: Box<Carried>) {
    let mut record = carried.record;
    let end = common.end().unwrap_or(End::ClientGone);
    let (closed_by, code) = match &end {
        End::ClosedByClient(code) => (ClosedBy::Client, *code),
        End::ClosedByUpstream(code) => (ClosedBy::Upstream, *code),
        End::ClientGone => (ClosedBy::Client, frame::ABNORMAL),
        End::UpstreamGone => (ClosedBy::Upstream, frame::ABNORMAL),
        End::BrokenByClient(violation) => (ClosedBy::Gate, violation.code),
        End::BrokenByUpstream(_) => (ClosedBy::Gate, frame::BAD_GATEWAY),
        End::Refused(denial) => (ClosedBy::Gate, judge::code(denial.reason)),
        End::Silent | End::Over => (ClosedBy::Gate, frame::GOING_AWAY),
    };
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    record.request_bytes = count(&common.client_bytes);
    record.response_bytes = count(&common.upstream_bytes);
    record.output_seen = count(&common.output_seen);
    record.usage = *common.usage.lock().unwrap_or_else(PoisonError::into_inner);
    record.first_byte = Some(count(&common.first_us)).filter(|us| *us > 0).map(Duration::from_micros);
    record.session = Some(Box::new(record::Session {
        client_messages: count(&common.client_messages),
        upstream_messages: count(&common.upstream_messages),
        closed_by,
        code,
    }));
    record.ended = Some(record.begun.elapsed());
    match end {
        End::ClosedByClient(_) | End::ClosedByUpstream(_) => record.outcome = Outcome::Served,
        End::ClientGone => {}
        End::UpstreamGone => record.outcome = Outcome::Cut("the upstream broke off the session"),
        End::BrokenByClient(violation) | End::BrokenByUpstream(violation) => {
            record.outcome = Outcome::Cut(violation.what);
        }
        End::Refused(denial) => record.refuse(denial),
        End::Silent => record.outcome = Outcome::Cut("nobody said anything for longer than idle_timeout"),
        End::Over => record.outcome = Outcome::Cut("the gate was told to stop, and its drain ended first"),
    }
}
