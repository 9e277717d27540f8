//! From the client to the upstream: message by message, each judged before any of it goes on.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::frame::{self, From, Head, Opcode, Reader, Violation};
use super::judge::{self, Judge};
use super::{Common, End, PIECE};
use crate::denial::Denial;
use crate::held::Held;
use crate::peek::Peek;

/// How long a client that has closed, or broke the framing, may take to end its connection.
const LINGER: Duration = Duration::from_millis(500);

/// One direction of a session.
pub(super) struct Up<'c, R, W> {
    common: &'c Common,
    from: R,
    to: W,
    reader: Reader,
    unread: BytesMut,
    head: Option<Head>,
    /// How much of the frame's payload was taken.
    taken: u64,
    message: Option<Message>,
    out: Vec<u8>,
}

/// A message that is arriving.
struct Message {
    opcode: Opcode,
    text: Vec<u8>,
    peek: Peek,
    held: Option<Held>,
}

/// Why nothing goes on any more.
enum Stop {
    /// It ended in order.
    Closed,
    /// The client broke a rule of the protocol.
    Broken(Violation),
    /// A message was refused.
    Refused(Denial),
    /// The client is gone.
    Gone,
    /// The upstream takes nothing more.
    Unwritable,
    /// The session ends for another reason.
    Told(Arc<[u8]>),
}

impl<'c, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Up<'c, R, W> {
    pub(super) fn new(common: &'c Common, from: R, to: W) -> Self {
        let (unread, out) = (BytesMut::new(), Vec::new());
        let reader = Reader::new(From::Client);
        Self { common, from, to, reader, unread, head: None, taken: 0, message: None, out }
    }

    /// Relays until the client has nothing more to say, or may say nothing more.
    pub(super) async fn run(&mut self, judge: &mut Judge) {
        let mut told = self.common.close.subscribe();
        let payload = match self.relay(judge, &mut told).await {
            Stop::Closed => return,
            // What the upstream said last may still be on its way to the client.
            Stop::Unwritable => return self.discard().await,
            Stop::Gone => {
                // The upstream is told at once; it would go on for nobody.
                self.common.ends(End::ClientGone);
                let _ = self.send(Opcode::Close, &frame::close(frame::GOING_AWAY, "")).await;
                return;
            }
            Stop::Broken(violation) => {
                self.common.ends(End::BrokenByClient(violation));
                self.common.close(violation.code, violation.what)
            }
            Stop::Refused(denial) => {
                let (code, reason) = (judge::code(denial.reason), judge.reason(&denial));
                self.common.ends(End::Refused(denial));
                self.common.close(code, &reason)
            }
            Stop::Told(payload) => payload,
        };
        let _ = self.send(Opcode::Close, &payload).await;
        self.discard().await;
        // What it sent meanwhile would otherwise take back what it was sent.
        let drained = async {
            loop {
                self.unread.clear();
                self.unread.reserve(PIECE);
                if self.from.read_buf(&mut self.unread).await.map_or(true, |read| read == 0) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, drained).await;
    }

    async fn relay(&mut self, judge: &mut Judge, told: &mut watch::Receiver<Option<Arc<[u8]>>>) -> Stop {
        loop {
            if let Err(stop) = self.go_on(judge).await {
                return stop;
            }
            self.unread.reserve(PIECE);
            tokio::select! {
                biased;
                payload = told.wait_for(Option::is_some) => {
                    let payload = payload.ok().and_then(|payload| payload.clone());
                    return payload.map_or(Stop::Closed, Stop::Told);
                }
                read = self.from.read_buf(&mut self.unread) => match read {
                    Ok(0) | Err(_) => return Stop::Gone,
                    Ok(_) => self.common.moved(),
                },
            }
        }
    }

    /// Takes what is whole of what was read.
    async fn go_on(&mut self, judge: &mut Judge) -> Result<(), Stop> {
        loop {
            let head = match self.head {
                Some(head) => head,
                None => match self.reader.head(&self.unread).map_err(Stop::Broken)? {
                    None => return Ok(()),
                    Some(head) => {
                        self.unread.advance(head.size);
                        self.begin(head, judge)?;
                        head
                    }
                },
            };
            if head.opcode.is_control() {
                let Ok(length) = usize::try_from(head.length) else { return Ok(()) };
                if self.unread.len() < length {
                    return Ok(());
                }
                let mut payload = self.unread.split_to(length);
                frame::mask(&mut payload, head.mask.unwrap_or_default(), 0);
                self.head = None;
                self.control(head.opcode, &payload).await?;
            } else if !self.take(head, judge).await? {
                return Ok(());
            }
        }
    }

    /// A frame begins.
    fn begin(&mut self, head: Head, judge: &Judge) -> Result<(), Stop> {
        (self.head, self.taken) = (Some(head), 0);
        if head.opcode.is_control() {
            return Ok(());
        }
        let message = self.message.get_or_insert_with(|| Message {
            opcode: head.opcode,
            text: Vec::new(),
            peek: Peek::within(judge::PLACES),
            held: None,
        });
        let so_far = u64::try_from(message.text.len()).unwrap_or(u64::MAX);
        judge.may_be_so_long(so_far.saturating_add(head.length)).map_err(Stop::Refused)
    }

    /// Takes more of a message's frame; false when more must be read first.
    async fn take(&mut self, head: Head, judge: &mut Judge) -> Result<bool, Stop> {
        let left = usize::try_from(head.length.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        let mut piece = self.unread.split_to(left.min(self.unread.len()));
        frame::mask(&mut piece, head.mask.unwrap_or_default(), self.taken);
        self.taken += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let Some(message) = &mut self.message else { return Ok(false) };
        let length = u64::try_from(message.text.len() + piece.len()).unwrap_or(u64::MAX);
        judge.make_room(&mut message.held, length).map_err(Stop::Refused)?;
        message.peek.feed(&piece).map_err(|fault| Stop::Refused(judge::unreadable(fault)))?;
        message.text.extend_from_slice(&piece);
        if self.taken < head.length {
            return Ok(false);
        }
        self.head = None;
        if let Some(message) = self.message.take_if(|_| head.fin) {
            self.whole(message, judge).await?;
        }
        Ok(true)
    }

    async fn whole(&mut self, message: Message, judge: &mut Judge) -> Result<(), Stop> {
        // The room is given back when the message has gone on.
        let Message { opcode, mut text, mut peek, held: _held } = message;
        let peeked = peek.finish().map_err(|fault| Stop::Refused(judge::unreadable(fault)))?;
        let used = self.common.usage.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default();
        let seen = self.common.output_seen.load(Ordering::Relaxed);
        judge.message(&peeked, &text, (used, seen)).await.map_err(Stop::Refused)?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.send_masked(opcode, &mut text).await.map_err(|_| Stop::Unwritable)?;
        self.common.client_messages.fetch_add(1, Ordering::Relaxed);
        self.common.client_bytes.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    async fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Stop> {
        let close = opcode == Opcode::Close;
        if close {
            let code = frame::close_code(payload).map_err(Stop::Broken)?;
            self.common.ends(End::ClosedByClient(code));
        }
        let sent = self.send(opcode, payload).await;
        if close {
            return Err(Stop::Closed);
        }
        sent.map_err(|_| Stop::Unwritable)
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> std::io::Result<()> {
        self.send_masked(opcode, &mut payload.to_vec()).await
    }

    /// Sends a frame under a mask of its own, as a client of the upstream must.
    async fn send_masked(&mut self, opcode: Opcode, payload: &mut [u8]) -> std::io::Result<()> {
        let mut mask = [0; 4];
        getrandom::fill(&mut mask).map_err(std::io::Error::other)?;
        frame::mask(payload, mask, 0);
        self.out.clear();
        frame::write_head(&mut self.out, opcode, payload.len(), Some(mask));
        if payload.len() <= PIECE {
            self.out.extend_from_slice(payload);
            self.to.write_all(&self.out).await?;
        } else {
            self.to.write_all(&self.out).await?;
            self.to.write_all(payload).await?;
        }
        self.common.moved();
        self.to.flush().await
    }

    /// Reads on until the client closes too, so that it can read the close that it is sent.
    async fn discard(&mut self) {
        self.message = None;
        while !self.skipped_to_close() {
            self.unread.reserve(PIECE);
            if self.from.read_buf(&mut self.unread).await.map_or(true, |read| read == 0) {
                return;
            }
        }
    }

    /// Throws away what was read; whether that was all that matters.
    fn skipped_to_close(&mut self) -> bool {
        loop {
            let Some(head) = self.head else {
                match self.reader.head(&self.unread) {
                    Ok(None) => return false,
                    Ok(Some(head)) => {
                        self.unread.advance(head.size);
                        (self.head, self.taken) = (Some(head), 0);
                        continue;
                    }
                    // Where the next frame begins is not known.
                    Err(_) => return true,
                }
            };
            if head.opcode == Opcode::Close {
                return true;
            }
            let left = usize::try_from(head.length.saturating_sub(self.taken)).unwrap_or(usize::MAX);
            let skipped = left.min(self.unread.len());
            self.unread.advance(skipped);
            self.taken += u64::try_from(skipped).unwrap_or(u64::MAX);
            if self.taken < head.length {
                return false;
            }
            self.head = None;
        }
    }
}
