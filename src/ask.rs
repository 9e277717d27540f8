//! What is asked: model, stream, token ceiling?
//!
//! The only wait before the upstream. The body is read once, up to the configured size and time,
//! and scanned while it arrives; its pieces are kept as they came and go on unchanged. So the model
//! that the next stage judges is the model that the upstream will read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::body::Frames;
use crate::denial::{Denial, Reason, RuleId};
use crate::dialect::Surface;
use crate::endpoint::{ModelIn, Streams, Verb};
use crate::exchange::{Asked, Carried, Exchange, Metered, Refusal};
use crate::peek::{Fault, Peek, Peeked};
use crate::policy::model::may_leave_open;
use crate::policy::single;

/// Puts the reading of the body in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskLayer;

/// The reading of the body in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<S> {
    inner: S,
}

impl<S> Layer<S> for AskLayer {
    type Service = Ask<S>;

    fn layer(&self, inner: S) -> Ask<S> {
        Ask { inner }
    }
}

impl<S> Service<Exchange<Metered>> for Ask<S>
where
    S: Service<Exchange<Asked>, Error = Refusal> + Clone,
{
    type Response = S::Response;
    type Error = Refusal;
    type Future = Asking<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Metered>) -> Self::Future {
        match may_read(&exchange) {
            Ok(()) => {
                // The clone takes the place of the service that was made ready.
                let next = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, next);
                // Boxed: the scanner's state would otherwise be copied with every future around it.
                Asking::Reading { reading: Some(Box::new(Reading::new(exchange))), inner }
            }
            Err(denial) => Asking::Refused { refusal: Some(exchange.refuse(denial)) },
        }
    }
}

/// What can be said of a body from the head alone.
fn may_read(exchange: &Exchange<Metered>) -> Result<(), Denial> {
    let headers = &exchange.head.headers;
    let server = &exchange.snapshot.server;
    match exchange.stage.scoped.endpoint.verb {
        Verb::Get if exchange.body.is_end_stream() => return Ok(()),
        Verb::Get => return Err(Denial::built_in(Reason::BodyInvalid).because("a GET request carries none")),
        Verb::Post => {}
    }
    if !is_json(headers) {
        return Err(Denial::built_in(Reason::ContentTypeUnsupported));
    }
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !single(headers, &header::CONTENT_ENCODING).is_ok_and(|coding| coding.is_none_or(identity)) {
        return Err(Denial::built_in(Reason::EncodingUnsupported));
    }
    let most = u64::try_from(server.max_body).unwrap_or(u64::MAX);
    if exchange.body.size_hint().lower() > most {
        return Err(Denial::by(Reason::BodyTooLarge, server.max_body_rule));
    }
    Ok(())
}

/// Whether exactly one content type is given and it is JSON in UTF-8, the only charset that was read.
fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(only)) = single(headers, &header::CONTENT_TYPE) else { return false };
    if only == "application/json" {
        return true;
    }
    let mut parts = only.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json"))
        && parts.all(|parameter| match parameter.split_at_checked(8) {
            Some((name, value)) if name.eq_ignore_ascii_case(b"charset=") => {
                value.eq_ignore_ascii_case(b"utf-8") || value.eq_ignore_ascii_case(b"\"utf-8\"")
            }
            _ => !parameter.to_ascii_lowercase().starts_with(b"charset"),
        })
}

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    exchange: Exchange<Metered>,
    peek: Peek,
    frames: Frames,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Reading {
    fn new(exchange: Exchange<Metered>) -> Self {
        Self { exchange, peek: Peek::default(), frames: Frames::default(), timer: None }
    }

    /// Reads on; ready when the body is whole or was refused.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Denial>> {
        let Carried { snapshot, body, record, .. } = &mut *self.exchange.carried;
        let server = &snapshot.server;
        loop {
            if body.is_end_stream() {
                return Poll::Ready(Ok(()));
            }
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Err(Denial::built_in(Reason::BodyInvalid).because("it broke off")));
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let timer =
                        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(server.body_timeout)));
                    ready!(timer.as_mut().poll(cx));
                    return Poll::Ready(Err(Denial::by(Reason::BodyTimeout, server.body_timeout_rule)));
                }
            };
            // Trailers are not forwarded: nothing behind the body may say anything about it.
            let Ok(piece) = frame.into_data() else { continue };
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            record.request_bytes += length;
            if record.request_bytes > u64::try_from(server.max_body).unwrap_or(u64::MAX) {
                return Poll::Ready(Err(Denial::by(Reason::BodyTooLarge, server.max_body_rule)));
            }
            if let Err(fault) = self.peek.feed(&piece) {
                return Poll::Ready(Err(denied(fault)));
            }
            self.frames.push(piece);
        }
    }

    /// Judges the whole body.
    fn finish(self) -> Result<Exchange<Asked>, Refusal> {
        let Self { exchange, peek, frames, timer: _ } = self;
        let peeked = match exchange.stage.scoped.endpoint.verb {
            Verb::Get => Ok(Peeked::default()),
            Verb::Post => peek.finish().map_err(denied),
        };
        match peeked.and_then(|peeked| model(&exchange, &peeked).map(|model| (model, peeked))) {
            Ok((model, peeked)) => Ok(asked(exchange, model, peeked, frames)),
            Err(denial) => Err(exchange.refuse(denial)),
        }
    }
}

fn asked(
    exchange: Exchange<Metered>,
    model: Option<Arc<str>>,
    peeked: Peeked,
    body: Frames,
) -> Exchange<Asked> {
    let Exchange { mut carried, stage } = exchange;
    let record = &mut carried.record;
    let Metered { scoped, permits } = stage;
    record.stream = match scoped.endpoint.streams {
        Streams::Never => false,
        Streams::IfAsked => peeked.stream == Some(true),
        Streams::Always => true,
    };
    record.token_ceiling = peeked.token_ceiling;
    record.model.clone_from(&model);
    let Peeked { rerouting, previous_response, .. } = peeked;
    let stage = Asked { scoped, permits, model, rerouting, previous_response, body };
    Exchange { carried, stage }
}

/// The one model that the request names.
fn model(exchange: &Exchange<Metered>, peeked: &Peeked) -> Result<Option<Arc<str>>, Denial> {
    let scoped = &exchange.stage.scoped;
    match scoped.endpoint.model {
        ModelIn::Nowhere => Ok(None),
        ModelIn::Path => {
            let path = scoped.path_model.as_deref().unwrap_or_default();
            let gemini = scoped.endpoint.surface == Surface::Gemini;
            let same = |name: &str| {
                name == path || (gemini && name.strip_prefix("models/").is_some_and(|bare| bare == path))
            };
            let agrees = |name: &Option<Arc<str>>| name.as_deref().is_none_or(same);
            let items_agree = !gemini || (!peeked.item_models_differ && agrees(&peeked.item_model));
            if agrees(&peeked.model) && items_agree {
                Ok(scoped.path_model.clone())
            } else {
                Err(Denial::built_in(Reason::ModelAmbiguous)
                    .because("the path names one and the body another"))
            }
        }
        ModelIn::Body if peeked.model.is_none() => Err(Denial::built_in(Reason::ModelMissing)),
        ModelIn::BodyOrProvidersChoice if peeked.model.is_none() => {
            let caller = scoped.caller;
            let open = exchange
                .snapshot
                .projects
                .get(caller.project)
                .zip(exchange.snapshot.keys.get(caller.key))
                .is_some_and(|(project, key)| may_leave_open(project, key));
            if open { Ok(None) } else { Err(Denial::built_in(Reason::ModelMissing)) }
        }
        ModelIn::Body | ModelIn::BodyOrProvidersChoice => Ok(peeked.model.clone()),
    }
}

fn judged(outcome: Result<(), Denial>, read: Box<Reading>) -> Result<Exchange<Asked>, Refusal> {
    match outcome {
        Ok(()) => read.finish(),
        Err(denial) => Err(read.exchange.refuse(denial)),
    }
}

fn denied(fault: Fault) -> Denial {
    let (reason, what) = match fault {
        Fault::NotJson(what) | Fault::Unfit(what) => (Reason::BodyInvalid, what),
        Fault::Ambiguous(what) => (Reason::ModelAmbiguous, what),
    };
    Denial::by(reason, RuleId::BUILT_IN).because(what)
}

pin_project! {
    /// A request whose body is being read, and then on its way.
    #[project = AskingNow]
    #[derive(Debug)]
    pub(crate) enum Asking<S, F> {
        /// The body is arriving.
        Reading {
            reading: Option<Box<Reading>>,
            inner: S,
        },
        /// The request went on.
        Asked {
            #[pin]
            inner: F,
        },
        /// It was refused.
        Refused {
            refusal: Option<Refusal>,
        },
    }
}

impl<S, R> Future for Asking<S, S::Future>
where
    S: Service<Exchange<Asked>, Response = R, Error = Refusal>,
{
    type Output = Result<R, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project() {
                AskingNow::Reading { reading, inner } => {
                    let Some(now) = reading else { return Poll::Pending };
                    let outcome = ready!(now.poll(cx));
                    let Some(read) = reading.take() else { return Poll::Pending };
                    match judged(outcome, read) {
                        Ok(exchange) => Asking::Asked { inner: inner.call(exchange) },
                        Err(refusal) => return Poll::Ready(Err(refusal)),
                    }
                }
                AskingNow::Asked { inner } => return inner.poll(cx),
                AskingNow::Refused { refusal } => {
                    return refusal.take().map_or(Poll::Pending, |refusal| Poll::Ready(Err(refusal)));
                }
            };
            self.set(next);
        }
    }
}
