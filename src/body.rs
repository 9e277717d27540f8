//! The bodies of requests and answers on their way through.

mod streamed;

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use smallvec::SmallVec;

use crate::held::Held;
use crate::hush;

pub use streamed::{Bounds, Stop, Stopped, Streamed, Upload, Waiting, Watch};

/// What a client sends.
#[derive(Debug)]
pub enum ClientBody {
    /// It is still arriving.
    Wire(Incoming),
    /// It is all here; tests and benches send these.
    Held(Frames),
    /// It was handed on while it arrived: what is left of it cannot be had here.
    HandedOn,
    /// The client went away in its midst.
    Left,
}

impl ClientBody {
    /// Whether the client went away before it was whole: then there is nobody to be told anything.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        matches!(self, Self::Left)
    }
}

/// Whether this is how a connection, or a stream on it, ends that the client lets go of; else the body is malformed.
fn lets_go(error: &hyper::Error) -> bool {
    let Some(cause) = error.source() else { return false };
    if let Some(cause) = cause.downcast_ref::<h2::Error>() {
        return cause.is_remote() || cause.is_io();
    }
    let ends = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::NotConnected,
        io::ErrorKind::TimedOut,
    ];
    cause.downcast_ref::<io::Error>().is_some_and(|cause| ends.contains(&cause.kind()))
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        match this {
            Self::Wire(incoming) => {
                let polled = hush::next_frame(incoming, cx);
                if matches!(&polled, Poll::Ready(Some(Err(error))) if lets_go(error)) {
                    *this = Self::Left;
                }
                polled
            }
            Self::Held(frames) => match Pin::new(frames).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
                Poll::Ready(Some(Err(never))) => match never {},
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
            Self::HandedOn | Self::Left => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            // Over HTTP/2 the end may come behind the last byte. How many there are was said, and more are a fault:
            // whoever is sent as many bytes would not ask for an end.
            Self::Wire(incoming) => incoming.is_end_stream() || incoming.size_hint().exact() == Some(0),
            Self::Held(frames) => frames.is_end_stream(),
            Self::HandedOn | Self::Left => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Wire(incoming) => incoming.size_hint(),
            Self::Held(frames) => frames.size_hint(),
            Self::HandedOn | Self::Left => SizeHint::new(),
        }
    }
}

/// A whole body in the pieces in which it came: nothing is joined or copied, but small pieces where there are many.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    pieces: SmallVec<[Bytes; 1]>,
    next: usize,
    left: u64,
    /// Whether the last piece holds copies of small ones.
    gathers: bool,
    /// What they take of the memory for bodies.
    held: Option<Arc<Held>>,
}

/// How long a small piece is at most.
const SMALL: usize = 4 * 1024;
/// How many small ones are kept as they came.
const FEW: usize = 2;
/// How much is gathered in one piece.
const GATHERED: usize = 64 * 1024;

impl Frames {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        self.left += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if piece.len() < SMALL && self.pieces.len() >= FEW {
            self.gather(&piece);
        } else {
            self.gathers = false;
            self.pieces.push(piece);
        }
    }

    /// Notes what the pieces take of the memory for bodies, until the last copy of them is gone.
    pub fn hold(&mut self, held: Option<Held>) {
        self.held = held.map(Arc::new);
    }

    /// Copies a small piece. Each that is kept holds what it was read into, which is some kilobytes for one byte.
    fn gather(&mut self, piece: &[u8]) {
        let there = self.pieces.last_mut().filter(|last| self.gathers && last.len() < GATHERED);
        // One that was sent is empty, and one that somebody shares stays as it is.
        let mut room =
            match there.map(std::mem::take).filter(|last| !last.is_empty()).map(Bytes::try_into_mut) {
                Some(Ok(room)) => {
                    self.pieces.pop();
                    room
                }
                Some(Err(shared)) => {
                    if let Some(last) = self.pieces.last_mut() {
                        *last = shared;
                    }
                    BytesMut::with_capacity(SMALL)
                }
                None => BytesMut::with_capacity(SMALL),
            };
        room.extend_from_slice(piece);
        self.pieces.push(room.freeze());
        self.gathers = true;
    }

    /// What has not been sent, in one piece.
    #[must_use]
    pub fn joined(&self) -> Bytes {
        match self.pieces.get(self.next..).unwrap_or_default() {
            [] => Bytes::new(),
            [only] => only.clone(),
            several => several.concat().into(),
        }
    }

    /// The pieces that have not been sent.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().skip(self.next)
    }

    /// The same with other bytes in the place of some; all else is shared, not copied.
    #[must_use]
    pub fn with(&self, from: usize, to: usize, other: Bytes) -> Self {
        let mut out = Self { held: self.held.clone(), ..Self::default() };
        let mut other = Some(other);
        let mut at = 0;
        for piece in &self.pieces {
            let end = at + piece.len();
            // What of the piece stands before and behind what is replaced.
            let before = from.clamp(at, end) - at;
            let behind = to.clamp(at, end) - at;
            if before > 0 {
                out.push(piece.slice(..before));
            }
            if from < end
                && let Some(other) = other.take()
            {
                out.push(other);
            }
            if to <= end && behind < piece.len() && behind >= before {
                out.push(piece.slice(behind..));
            }
            at = end;
        }
        out
    }

    /// How many bytes have not been sent.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }
}

impl From<Bytes> for Frames {
    fn from(whole: Bytes) -> Self {
        let mut frames = Self::default();
        frames.push(whole);
        frames
    }
}

impl Frames {
    /// The next piece that has not been sent.
    pub fn next_piece(&mut self) -> Option<Bytes> {
        let piece = std::mem::take(self.pieces.get_mut(self.next)?);
        self.next += 1;
        self.left = self.left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        Some(piece)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().next_piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.pieces.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What an upstream is sent.
#[derive(Debug)]
pub enum Outgoing {
    /// It was read whole.
    Held(Frames),
    /// It goes on while it arrives.
    Streamed(Box<Streamed>),
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::Held(Frames::default())
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        match self.get_mut() {
            Self::Held(frames) => Poll::Ready(frames.next_piece().map(|piece| Ok(Frame::data(piece)))),
            Self::Streamed(streamed) => Pin::new(&mut **streamed).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(frames) => frames.is_end_stream(),
            Self::Streamed(streamed) => streamed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(frames) => frames.size_hint(),
            Self::Streamed(streamed) => streamed.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_pieces_are_kept_as_few() {
        let mut frames = Frames::default();
        let mut text = Vec::new();
        for at in 0..300_000_usize {
            // Now and then one that is large, or sent, or shared.
            let piece =
                if at == 1_000 { vec![b'x'; SMALL] } else { vec![b'a' + u8::try_from(at % 26).unwrap()] };
            text.extend_from_slice(&piece);
            frames.push(piece.into());
            if at == 500 {
                let sent: Vec<Bytes> = std::iter::from_fn(|| frames.next_piece()).collect();
                assert_eq!(sent.concat(), text);
                text.clear();
            }
            let shared = (at == 2_000).then(|| frames.clone());
            if let Some(shared) = shared {
                frames.push(Bytes::from_static(b"y"));
                assert_eq!(shared.joined(), text);
                text.push(b'y');
            }
        }
        assert_eq!(
            (frames.joined(), frames.left()),
            (text.clone().into(), u64::try_from(text.len()).unwrap())
        );
        assert!(frames.pieces.len() < 20, "{}", frames.pieces.len());
    }

    #[test]
    fn bytes_are_replaced_across_any_borders() {
        let text = b"0123456789";
        for cut in 0..=10 {
            for from in 0..10 {
                for to in from..=10 {
                    let mut frames = Frames::default();
                    for piece in [&text[..cut], &text[cut..]] {
                        frames.push(Bytes::copy_from_slice(piece));
                    }
                    let with = frames.with(from, to, Bytes::from_static(b"xy"));
                    let expected = [&text[..from], b"xy", &text[to..]].concat();
                    assert_eq!(with.joined(), expected, "{cut} {from} {to}");
                    assert_eq!(with.left(), u64::try_from(expected.len()).unwrap());
                }
            }
        }
    }
}
