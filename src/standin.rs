//! A provider that needs no account: speaks OpenAI, Anthropic, Gemini, Azure and Cohere well enough for their SDKs.
//!
//! What is upstream of the gate when there is no network? `portcullis demo`, the tests and the SDK judges
//! all talk to this server. It is a real HTTP/1.1 server on a real socket, but it asks no model: answers are
//! short, deterministic, and quote the prompt's first words. It knows nothing of the gate's own modules.
//!
//! What holds for every request, in order:
//! 1. The path (and, on `/v1/models`, the headers) says whose dialect is spoken.
//! 2. The provider's key must be there, in the dialect's own slot; else the dialect's own 401 (Gemini: 400).
//! 3. The last user text may ask for a fault (the table below); else the dialect answers.
//! 4. Every answer wears the headers that the provider sends, so that tests can see the gate strip them.
//!
//! Only `/cdn-cgi/trace` is for everybody, as at the edge that providers stand behind: it tells the caller its
//! own address.
//!
//! | in the last user text     | what happens                                                               |
//! |---------------------------|----------------------------------------------------------------------------|
//! | `standin:error=429`       | that status with the dialect's error body (a 429 says `retry-after: 1`)    |
//! | `standin:error=429:once`  | the same for the first request with exactly this text, then it succeeds    |
//! | `standin:html`            | an edge's 403: an HTML page with `cf-ray` and no request id                |
//! | `standin:redirect`        | a 302 to another host                                                      |
//! | `standin:slow=250`        | the answer's head waits that many milliseconds                             |
//! | `standin:cut`             | the connection is reset half-way through the answer                        |
//! | `standin:tokens=5000`     | an answer of that many tokens, one event each (at most 10,000)             |
//! | `standin:big=1000000`     | an answer of one word of about that many bytes (at most 64 MiB)            |
//!
//! `max_tokens` and its siblings cut an answer short but never lengthen it.
//!
//! Caveat for a deployer: there is nothing to deploy. Ids and dates are fixed or counted, no clock is read,
//! and every request's body is kept until the next one arrives.

mod answer;
mod anthropic;
mod azure;
mod call;
mod cohere;
mod embedding;
mod files;
mod gemini;
mod openai;
mod prompt;
mod socket;

use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use answer::{Answer, Body};
use call::{Call, Fault, dialect_of};
use prompt::{Prompt, Provoked};
use socket::Talk;

/// The most that a request's body may hold, in bytes.
const BODY_LIMIT: usize = 64 << 20;

/// The pause between two events of a stream, unless `pace` says otherwise.
const PACE: Duration = Duration::from_millis(20);

/// A stand-in provider. Clones share one set of counters, so a test keeps one and serves the other.
#[derive(Clone, Debug)]
pub struct Standin {
    /// What it accepts as the provider's key; anything else gets the dialect's 401.
    provider_key: Arc<str>,
    /// The pause before each event of a stream.
    pace: Duration,
    /// What it has seen.
    seen: Arc<Seen>,
}

/// A request as it arrived, kept so that a test can see what the gate let through.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// The method.
    pub method: Method,
    /// Path and query, as written in the request line.
    pub target: String,
    /// Every header, the credential included.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// What the stand-in remembers of its requests.
#[derive(Debug, Default)]
struct Seen {
    /// Requests whose body arrived whole (or passed the limit).
    requests: AtomicU64,
    /// Streams that reached their last event.
    streams_completed: AtomicU64,
    /// Streams whose reader left before the last event.
    streams_abandoned: AtomicU64,
    /// The most recent request.
    last_request: Mutex<Option<SeenRequest>>,
    /// Texts with `:once` that have had their failure.
    failed_once: Mutex<HashSet<String>>,
}

impl Standin {
    /// Makes a stand-in that accepts `provider_key` and nothing else, in any dialect.
    pub fn new(provider_key: impl Into<String>) -> Self {
        Self { provider_key: Arc::from(provider_key.into()), pace: PACE, seen: Arc::default() }
    }

    /// Sets the pause before each event of a stream (20 ms by default; zero streams as fast as it can).
    #[must_use]
    pub fn pace(self, pause: Duration) -> Self {
        Self { pace: pause, ..self }
    }

    /// Counts the requests seen so far, refused ones included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Counts the streams that were read to their last event.
    #[must_use]
    pub fn streams_completed(&self) -> u64 {
        self.seen.streams_completed.load(Ordering::Relaxed)
    }

    /// Counts the streams whose reader left before the last event. `standin:cut` counts as neither.
    #[must_use]
    pub fn streams_abandoned(&self) -> u64 {
        self.seen.streams_abandoned.load(Ordering::Relaxed)
    }

    /// The most recent request, as it arrived.
    #[must_use]
    pub fn last_request(&self) -> Option<SeenRequest> {
        self.seen.last_request.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves until `shutdown` completes, then drops every connection that is still open.
    ///
    /// # Errors
    ///
    /// When the listener itself fails again and again; the failure of one connection ends only that one.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        let mut failures = 0;
        loop {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => {
                        failures = 0;
                        connections.spawn(self.clone().attend(socket, peer));
                    }
                    Err(error) if failures >= 100 => return Err(error),
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "connection_not_accepted");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                },
            }
        }
    }

    /// Serves one connection to its end.
    async fn attend(self, socket: TcpStream, peer: SocketAddr) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%peer, %error, "socket_option_failed");
        }
        let talk: Mutex<Option<Talk>> = Mutex::new(None);
        let service = service_fn(|request| self.clone().respond(request, peer, &talk));
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        if let Err(error) = (&mut connection).await {
            tracing::debug!(%peer, %error, "connection_ended_early");
            if error.is_user() {
                // Our own body failed, which is what `standin:cut` asks for: closing now sends a reset.
                let socket = connection.into_parts().io.into_inner();
                drop(socket.set_zero_linger());
            }
            return;
        }
        let parts = connection.into_parts();
        let talk = talk.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(talk) = talk {
            let early = io::Cursor::new(parts.read_buf);
            let (from, to) = parts.io.into_inner().into_split();
            let io = tokio::io::join(tokio::io::AsyncReadExt::chain(early, from), to);
            if let Err(error) = talk.speak(io).await {
                tracing::debug!(%peer, %error, "session_ended_early");
            }
        }
    }

    /// Reads the request whole, answers it, and dresses the answer in the provider's headers.
    async fn respond(
        self,
        request: Request<Incoming>,
        peer: SocketAddr,
        talk: &Mutex<Option<Talk>>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => Some(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => return Err(error),
        };
        let number = self.seen.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let too_large = body.is_none();
        let call = Call::new(number, head, body.unwrap_or_default());
        self.seen.remember(&call);
        if call.path == Answer::EDGE_TRACE {
            return Ok(Answer::edge_trace(peer.ip()).respond(self.pace, &self.seen));
        }

        let dialect = dialect_of(&call);
        let outcome = match dialect.key(&call) {
            _ if too_large => Err(Fault::TooLarge),
            None => Err(Fault::KeyMissing),
            Some(key) if key != &*self.provider_key => Err(Fault::KeyWrong(key.to_owned())),
            Some(_) if let Some(asked) = Talk::asked(&call) => {
                *talk.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
                return Ok(Talk::shake(&call));
            }
            Some(_) => {
                let prompt = Prompt::read(call.ask.as_ref().ok());
                tokio::time::sleep(prompt.slow).await;
                match self.seen.provoked(&prompt) {
                    Some(Provoked::Html) => return Ok(Answer::edge_page().respond(self.pace, &self.seen)),
                    Some(Provoked::Redirect) => {
                        return Ok(Answer::redirect(&call).respond(self.pace, &self.seen));
                    }
                    Some(Provoked::Status { status, .. }) => Err(Fault::Provoked(status)),
                    None => dialect.answer(&call, &prompt).map(|answer| answer.cut_if(prompt.cut)),
                }
            }
        };
        let mut answer = outcome.unwrap_or_else(|fault| dialect.refuse(&call, &fault));
        dialect.dress(&call, &mut answer);
        let status = answer.status();
        tracing::debug!(method = %call.method, path = call.path, status, "answered");
        Ok(answer.respond(self.pace, &self.seen))
    }
}

impl Seen {
    /// Keeps the request for `last_request`.
    fn remember(&self, call: &Call) {
        let request = SeenRequest {
            method: call.method.clone(),
            target: call.target.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        *self.last_request.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }

    /// The fault that the prompt asks for, unless it was to fail once and has.
    fn provoked(&self, prompt: &Prompt) -> Option<Provoked> {
        let provoked = prompt.provoked?;
        let spent = match provoked {
            Provoked::Status { once: true, .. } => {
                !self.failed_once.lock().unwrap_or_else(PoisonError::into_inner).insert(prompt.text.clone())
            }
            Provoked::Status { once: false, .. } | Provoked::Html | Provoked::Redirect => false,
        };
        (!spent).then_some(provoked)
    }
}
