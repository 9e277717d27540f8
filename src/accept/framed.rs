//! A client's connection on which what is read is looked at before the HTTP library has it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;
use super::rewound::Stream;
use crate::joined;
use crate::skim::{self, skim};

/// The connection, and how far it was followed.
pub(super) struct Framed<S> {
    inner: S,
    framing: Framing,
}

impl<S: Stream> Framed<S> {
    /// A connection at its beginning.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, framing: Framing::default() }
    }

    /// The connection as it was.
    pub(super) fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Stream> AsyncRead for Framed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, into))?;
        if let Some(bytes) = into.filled_mut().get_mut(before..) {
            let left = if self.framing.is_at_a_head() { skim(bytes, &skim::OF_CLIENTS) } else { bytes.len() };
            if let Some(bytes) = bytes.get_mut(..left) {
                self.framing.follow(bytes);
            }
            into.set_filled(before + left);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Framed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.framing.may_switch() {
            self.framing.answered(bytes);
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.framing.may_switch() {
            for piece in pieces {
                self.framing.answered(piece);
            }
        }
        joined::poll_write(Pin::new(&mut self.inner), cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
