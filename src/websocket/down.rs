//! From the upstream to the client: in the pieces in which it comes, when its framing was checked.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::frame::{self, From, Opcode, Reader, Violation};
use super::{Common, End, PIECE};
use crate::usage::Meter;

/// One direction of a session.
pub(super) struct Down<'c, R, W> {
    common: &'c Common,
    from: R,
    to: W,
    reader: Reader,
    unread: BytesMut,
    /// How much of the payload under way is still to come.
    left: u64,
    /// Whether the frame under way is its message's last.
    last: bool,
    meter: Meter,
}

/// How far what was read may go on.
struct Walked {
    /// So many bytes were checked.
    checked: usize,
    /// The code of a close that is the last of them.
    closed: Option<u16>,
}

impl<'c, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Down<'c, R, W> {
    pub(super) fn new(common: &'c Common, meter: Meter, from: R, to: W) -> Self {
        let (reader, unread) = (Reader::new(From::Upstream), BytesMut::new());
        Self { common, from, to, reader, unread, left: 0, last: false, meter }
    }

    /// Relays until the upstream has nothing more to say, or the session ends.
    pub(super) async fn run(&mut self) {
        let mut told = self.common.close.subscribe();
        // Within a frame no close can be said; the client sees the connection end in it.
        if let Some(payload) = self.relay(&mut told).await.filter(|_| self.left == 0) {
            let mut out = Vec::new();
            frame::write_head(&mut out, Opcode::Close, payload.len(), None);
            out.extend_from_slice(&payload);
            let _ = self.to.write_all(&out).await;
        }
        let _ = self.to.shutdown().await;
    }

    /// Gives the close that is to be said, if the upstream's own was not passed on.
    async fn relay(&mut self, told: &mut watch::Receiver<Option<Arc<[u8]>>>) -> Option<Arc<[u8]>> {
        loop {
            let (checked, closed, broken) = match self.walk() {
                Ok(Walked { checked, closed }) => (checked, closed, None),
                Err((checked, violation)) => (checked, None, Some(violation)),
            };
            let passed = self.unread.get(..checked).unwrap_or_default();
            if !passed.is_empty() {
                if self.to.write_all(passed).await.is_err() || self.to.flush().await.is_err() {
                    self.common.ends(End::ClientGone);
                    return None;
                }
                self.common.moved();
            }
            self.unread.advance(checked);
            if let Some(violation) = broken {
                self.common.ends(End::BrokenByUpstream(violation));
                return Some(self.common.close(frame::BAD_GATEWAY, "the provider broke the protocol"));
            }
            if let Some(code) = closed {
                self.common.ends(End::ClosedByUpstream(code));
                return None;
            }
            self.unread.reserve(PIECE);
            tokio::select! {
                biased;
                // Only between frames can a close be said.
                payload = told.wait_for(Option::is_some), if self.left == 0 => {
                    return payload.ok().and_then(|payload| payload.clone());
                }
                read = self.from.read_buf(&mut self.unread) => match read {
                    Ok(0) | Err(_) => return Some(self.gone()),
                    Ok(_) => self.came(),
                },
            }
        }
    }

    fn came(&self) {
        self.common.moved();
        if self.common.first_us.load(Ordering::Relaxed) == 0 {
            let since = u64::try_from(self.common.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.common.first_us.store(since, Ordering::Relaxed);
        }
    }

    /// The upstream is gone. To a client that has closed, its close is answered in the other's place.
    fn gone(&self) -> Arc<[u8]> {
        if let Some(End::ClosedByClient(code)) = self.common.end() {
            let payload = if code == frame::NO_CODE { Vec::new() } else { frame::close(code, "") };
            return payload.into();
        }
        self.common.ends(End::UpstreamGone);
        self.common.close(frame::BAD_GATEWAY, "the provider broke off")
    }

    /// Checks what was read and not passed on; where a rule is broken, with what stands before.
    fn walk(&mut self) -> Result<Walked, (usize, Violation)> {
        let mut checked = 0;
        let mut closed = None;
        while let Some(rest) = self.unread.get(checked..).filter(|rest| !rest.is_empty()) {
            if self.left > 0 {
                let here = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                let passed = u64::try_from(here).unwrap_or(u64::MAX);
                self.left = self.left.saturating_sub(passed);
                self.common.upstream_bytes.fetch_add(passed, Ordering::Relaxed);
                let ends = self.last && self.left == 0;
                measure(self.common, &mut self.meter, rest.get(..here).unwrap_or_default(), ends);
                checked += here;
                continue;
            }
            // A control frame goes on when it is whole; its length stands in its second byte.
            if let [first, second, payload @ ..] = rest
                && first & 0x08 != 0
                && *second <= 125
                && payload.len() < usize::from(*second)
            {
                break;
            }
            let Some(head) = self.reader.head(rest).map_err(|violation| (checked, violation))? else { break };
            let end = head.size + usize::try_from(head.length).unwrap_or(usize::MAX - head.size);
            if head.opcode == Opcode::Close {
                let payload = rest.get(head.size..end).unwrap_or_default();
                closed = Some(frame::close_code(payload).map_err(|violation| (checked, violation))?);
                checked += end;
                break;
            }
            if head.opcode.is_control() {
                checked += end;
            } else {
                checked += head.size;
                (self.left, self.last) = (head.length, head.fin);
                if head.length == 0 {
                    measure(self.common, &mut self.meter, b"", head.fin);
                }
                self.common.upstream_messages.fetch_add(u64::from(head.fin), Ordering::Relaxed);
            }
        }
        Ok(Walked { checked, closed })
    }
}

/// Looks through a part of a message for what was used.
fn measure(common: &Common, meter: &mut Meter, part: &[u8], ends: bool) {
    let mut usage = common.usage.lock().unwrap_or_else(PoisonError::into_inner);
    meter.message(part, ends, &mut usage);
    common.output_seen.store(meter.output_seen(), Ordering::Relaxed);
}
