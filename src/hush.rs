//! Spares connections the wake-up that a whole body causes.
//!
//! Between a connection of hyper's and who reads a body from it is a channel. Whoever takes a piece out of it wakes the
//! connection, so that it may put in the next. When that piece was the last, there is none, and the connection is woken,
//! polled through all its layers, and sleeps again: once for each request's body, and once for each answer's.
//!
//! So a connection is polled with a waker ([`Hush`]) that is silent while a body's piece is taken ([`next_frame`]),
//! and speaks right after unless the body was at its end. Everything else wakes as ever.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use http_body::{Body, Frame};

thread_local! {
    /// Whether a piece is being taken on this thread, and what it woke.
    static TAKEN: Cell<Taken> = const { Cell::new(Taken::None) };
}

/// What is taken at the moment.
enum Taken {
    /// No piece is.
    None,
    /// One, and it woke nobody yet.
    Piece,
    /// One, which woke this.
    Woke(Waker),
}

/// Ends the silence, also when there is a panic: a waker that stays silent would be a connection that stands still.
struct Silence;

impl Silence {
    fn begin() -> Self {
        TAKEN.set(Taken::Piece);
        Self
    }

    /// Whom it kept asleep.
    fn end(self) -> Option<Waker> {
        std::mem::forget(self);
        match TAKEN.replace(Taken::None) {
            Taken::Woke(waker) => Some(waker),
            Taken::None | Taken::Piece => None,
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Taken::Woke(waker) = TAKEN.replace(Taken::None) {
            waker.wake();
        }
    }
}

/// A task's waker that keeps still while a piece is taken.
#[derive(Debug)]
struct Quiet(Waker);

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match TAKEN.replace(Taken::None) {
            Taken::None => self.0.wake_by_ref(),
            Taken::Piece => TAKEN.set(Taken::Woke(self.0.clone())),
            // One piece wakes one connection; if there should be another, it is woken at once.
            Taken::Woke(other) => {
                TAKEN.set(Taken::Woke(other));
                self.0.wake_by_ref();
            }
        }
    }
}

/// What a body gives when it is polled for a frame.
pub type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

/// The waker that a connection is polled with.
#[derive(Debug, Default)]
pub struct Hush(Option<(Waker, Waker)>);

impl Hush {
    /// What to poll a connection with in place of its task's context.
    pub fn hushed<'c>(&'c mut self, cx: &Context<'_>) -> Context<'c> {
        if self.0.as_ref().is_none_or(|(of_task, _)| !of_task.will_wake(cx.waker())) {
            let quiet = Waker::from(Arc::new(Quiet(cx.waker().clone())));
            self.0 = Some((cx.waker().clone(), quiet));
        }
        Context::from_waker(self.0.as_ref().map_or(Waker::noop(), |(_, quiet)| quiet))
    }
}

/// Polls the next frame of a body; the connection that it comes from is only woken if there is more.
pub fn next_frame<B: Body + Unpin>(body: &mut B, cx: &mut Context<'_>) -> Polled<B> {
    let silence = Silence::begin();
    let polled = Pin::new(&mut *body).poll_frame(cx);
    if let Some(woken) = silence.end()
        && !body.is_end_stream()
    {
        woken.wake();
    }
    polled
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A body that wakes for each of its pieces.
    struct Pieces {
        left: usize,
        wakes: Vec<Waker>,
        panics: bool,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.wakes.iter().for_each(Waker::wake_by_ref);
            assert!(!self.panics);
            self.left -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
        }

        fn is_end_stream(&self) -> bool {
            self.left == 0
        }
    }

    #[test]
    fn a_connection_is_woken_for_every_piece_but_the_last() {
        let [one, other] = [(); 2].map(|()| Arc::new(Count::default()));
        let woken = || [&one, &other].map(|count| count.0.load(Ordering::Relaxed));
        let (of_one, of_other) = (Waker::from(Arc::clone(&one)), Waker::from(Arc::clone(&other)));
        let (mut hush, mut of_two) = (Hush::default(), Hush::default());
        let quiet = hush.hushed(&Context::from_waker(&of_one)).waker().clone();
        let second = of_two.hushed(&Context::from_waker(&of_other)).waker().clone();
        let cx = &mut Context::from_waker(Waker::noop());

        let mut body = Pieces { left: 2, wakes: vec![quiet.clone()], panics: false };
        assert!(next_frame(&mut body, cx).is_ready());
        assert_eq!(woken(), [1, 0], "there is more");
        assert!(next_frame(&mut body, cx).is_ready());
        assert_eq!(woken(), [1, 0], "it was the last");
        quiet.wake_by_ref();
        assert_eq!(woken(), [2, 0], "no piece is taken");

        let mut body = Pieces { left: 1, wakes: vec![quiet.clone(), second.clone()], panics: false };
        assert!(next_frame(&mut body, cx).is_ready());
        assert_eq!(woken(), [2, 1], "the other one has nothing to do with it");

        let mut body = Pieces { left: 1, wakes: vec![quiet.clone()], panics: true };
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            next_frame(&mut body, &mut Context::from_waker(Waker::noop())).is_ready()
        }));
        assert!(panicked.is_err());
        assert_eq!(woken(), [3, 1], "nobody knows how far it came");
        quiet.wake_by_ref();
        assert_eq!(woken(), [4, 1]);

        // The task was moved to another waker.
        let quiet = hush.hushed(&Context::from_waker(&of_other)).waker().clone();
        quiet.wake();
        assert_eq!(woken(), [4, 2]);
    }
}
