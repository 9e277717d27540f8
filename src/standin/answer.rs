//! An answer before it is HTTP, and the body that streams it one event at a time.

use std::io;
use std::iter::Peekable;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use serde_json::Value;
use tokio::time::{Sleep, sleep};

use super::Seen;
use super::call::Call;

/// What an edge in front of a provider says when it does not let a caller through.
const EDGE_PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en-US\"><head>\
    <title>Attention Required! | Cloudflare</title>\
    </head>\n<body><h1>Sorry, you have been blocked</h1><h2>You are unable to access this site</h2>\
    <p>Cloudflare Ray ID: 8f2standin0000-AMS</p></body></html>\n";

/// The events of a stream, made as they are read.
pub(super) type Events = Box<dyn Iterator<Item = Bytes> + Send>;

/// An answer of any dialect.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    payload: Payload,
}

enum Payload {
    /// The body at once.
    Whole(Bytes),
    /// Events, and after how many of them the connection breaks.
    Events { events: Events, halfway: usize, cut: bool },
}

/// The body of a response.
pub(super) enum Body {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// One event after the other.
    Stream(Box<Stream>),
}

/// Events with a pause before each.
pub(super) struct Stream {
    events: Peekable<Events>,
    /// Events until the connection breaks; `None` when it shall not.
    left: Option<usize>,
    pace: Duration,
    pause: Pin<Box<Sleep>>,
    /// Whether this event's turn was given away once, so that the one before it is flushed (zero pace).
    yielded: bool,
    over: bool,
    seen: Arc<Seen>,
}

impl Answer {
    /// A JSON body.
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// A body of any bytes.
    pub(super) fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::whole(StatusCode::OK, content_type, body)
    }

    /// A stream of events. `halfway` is the number of events after which `standin:cut` breaks it.
    pub(super) fn events(
        content_type: &'static str,
        halfway: usize,
        events: impl Iterator<Item = Bytes> + Send + 'static,
    ) -> Self {
        let payload = Payload::Events { events: Box::new(events), halfway, cut: false };
        Self { status: StatusCode::OK, headers: HeaderMap::new(), payload }
            .with("content-type", content_type)
            .with("cache-control", "no-cache")
    }

    /// The page of an edge that refuses, without any of the provider's own headers.
    pub(super) fn edge_page() -> Self {
        Self::whole(StatusCode::FORBIDDEN, "text/html; charset=UTF-8", EDGE_PAGE)
            .with("server", "cloudflare")
            .with("cf-ray", "8f2standin0000-AMS")
            .with("cache-control", "private, max-age=0, no-store, no-cache")
    }

    /// Where the edge says from where it sees a caller.
    pub(super) const EDGE_TRACE: &str = "/cdn-cgi/trace";

    /// What it says there.
    pub(super) fn edge_trace(peer: IpAddr) -> Self {
        let page = format!("fl=57\nip={peer}\nvisit_scheme=http\ncolo=AMS\nhttp=http/1.1\nloc=NL\ntls=off\n");
        Self::whole(StatusCode::OK, "text/plain", page).with("server", "cloudflare")
    }

    /// A redirect to the same target on another host.
    pub(super) fn redirect(call: &Call) -> Self {
        let mut answer = Self::whole(StatusCode::FOUND, "text/plain", "");
        if let Ok(location) = HeaderValue::try_from(format!("https://elsewhere.invalid{}", call.target)) {
            answer.headers.insert(LOCATION, location);
        }
        answer
    }

    fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), payload: Payload::Whole(body.into()) }
            .with("content-type", content_type)
    }

    /// The status, for the log.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Adds a header whose value is known beforehand.
    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Adds headers whose values are known beforehand.
    pub(super) fn wear(&mut self, headers: &[(&'static str, &'static str)]) {
        for (name, value) in headers {
            self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }

    /// Adds a header whose value is made for this answer.
    pub(super) fn tag(&mut self, name: &'static str, value: String) {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// Replaces the type of a JSON body, for a provider that spells it with its charset.
    pub(super) fn retype(&mut self, from: &str, to: &'static str) {
        if self.headers.get(CONTENT_TYPE).is_some_and(|value| value == from) {
            self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(to));
        }
    }

    /// Lets the connection break half-way through the answer, if `cut`.
    pub(super) fn cut_if(mut self, cut: bool) -> Self {
        self.payload = match self.payload {
            Payload::Whole(body) if cut => {
                let half = body.slice(..body.len() / 2);
                Payload::Events { events: Box::new(std::iter::once(half)), halfway: 1, cut }
            }
            Payload::Events { events, halfway, .. } => Payload::Events { events, halfway, cut },
            whole @ Payload::Whole(_) => whole,
        };
        self
    }

    /// The HTTP response; a stream gets its pause, and the counters that learn of its end.
    pub(super) fn respond(self, pace: Duration, seen: &Arc<Seen>) -> Response<Body> {
        let body = match self.payload {
            Payload::Whole(body) => Body::Whole(Some(body)),
            Payload::Events { events, halfway, cut } => Body::Stream(Box::new(Stream {
                events: events.peekable(),
                left: cut.then_some(halfway),
                pace,
                pause: Box::pin(sleep(pace)),
                yielded: false,
                over: false,
                seen: Arc::clone(seen),
            })),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Stream(stream) => stream.poll_event(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_none(),
            Self::Stream(stream) => stream.over,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Stream {
    /// The next event, after its pause; the end follows the last event at once.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.left.is_none() && self.events.peek().is_none() {
            self.over = true;
            self.seen.streams_completed.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(None);
        }
        ready!(self.poll_pause(cx));
        match self.left.as_mut() {
            Some(0) => {
                self.over = true;
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, "standin:cut"))));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Poll::Ready(self.events.next().map(|event| Ok(Frame::data(event))))
    }

    /// Waits for the pause and sets the next one. Without a pause it still yields, so that hyper flushes.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pace.is_zero() {
            self.yielded = !self.yielded;
            if self.yielded {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        ready!(self.pause.as_mut().poll(cx));
        self.pause.set(sleep(self.pace));
        Poll::Ready(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.over {
            self.seen.streams_abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An event that is only data.
pub(super) fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// An event with the name that its `type` says.
pub(super) fn typed(value: &Value) -> Bytes {
    let name = value.get("type").and_then(Value::as_str).unwrap_or("message");
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}
