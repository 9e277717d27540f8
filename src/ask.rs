//! What is asked: model, stream, token ceiling?
//!
//! The only wait before the upstream. The body is read once, up to the configured size and time,
//! and scanned while it arrives; its pieces are kept as they came and go on unchanged. So the model
//! that the next stage judges is the model that the upstream will read.
//!
//! Forms and files are not read whole: `ask/beginning.rs` reads what has to be known first, and the rest is
//! watched on its way.

mod batch;
mod beginning;
mod form;
mod kind;
mod lines;
mod rules;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, header};
use http_body::Body as _;
use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::body::{Frames, Outgoing};
use crate::denial::{Denial, Reason, RuleId};
use crate::dialect::Surface;
use crate::endpoint::{Endpoint, Family, Gives, ModelIn, Places, Takes};
use crate::exchange::{Asked, Carried, Exchange, Metered, Refusal, Scoped};
use crate::held::{FREE, Held};
use crate::peek::{Fault, Peek, Peeked, Said};
use crate::policy::model::may_leave_open;
use crate::snapshot::{Key, Project, Snapshot};
use beginning::Beginning;
use kind::{How, how};
use rules::Rules;

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
        let how = match how(&exchange) {
            Ok(how) => how,
            Err(denial) => return Asking::Refused { refusal: Some(exchange.refuse(denial)) },
        };
        // The clone takes the place of the service that was made ready.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        match how {
            // Boxed: the scanner's state would otherwise be copied with every future around it.
            How::Whole => Asking::Reading { reading: Some(Box::new(Reading::new(exchange))), inner },
            How::OnItsWay { form } => {
                let content_type = exchange.head.headers.get(header::CONTENT_TYPE).cloned();
                let form = content_type.as_ref().filter(|_| form).map(HeaderValue::as_bytes);
                match Beginning::new(exchange, form) {
                    Ok(beginning) => Asking::Beginning { beginning: Some(Box::new(beginning)), inner },
                    Err(refusal) => Asking::Refused { refusal: Some(refusal) },
                }
            }
        }
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    exchange: Exchange<Metered>,
    peek: Peek,
    frames: Frames,
    held: Option<Held>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// When a body for which there was no room may come again.
pub(crate) const ROOM_WAIT: Duration = Duration::from_secs(1);

impl Reading {
    fn new(exchange: Exchange<Metered>) -> Self {
        let scoped = &exchange.stage.scoped;
        let mut peek = Peek::within(places(&exchange.snapshot, scoped));
        if scoped.endpoint.surface == Surface::Ollama {
            peek = peek.with_ceilings_in_options();
        }
        if exchange.snapshot.projects.get(scoped.caller.project).is_some_and(|one| one.parameters.is_some()) {
            peek = peek.watching(names_tools_by_field(scoped.endpoint));
        }
        Self { exchange, peek, frames: Frames::default(), held: None, timer: None }
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
                    return Poll::Ready(Err(
                        Denial::built_in(Reason::BodyInvalid).because("its framing is broken")
                    ));
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
            if record.request_bytes > FREE
                && !Held::grow(&mut self.held, &snapshot.room, record.request_bytes, server.max_held)
            {
                let denial = Denial::by(Reason::MemoryLimited, server.max_held_rule);
                return Poll::Ready(Err(denial.until(ROOM_WAIT)));
            }
            if let Err(fault) = self.peek.feed(&piece) {
                return Poll::Ready(Err(denied(fault)));
            }
            self.frames.push(piece);
        }
    }

    /// Judges the whole body.
    fn finish(mut self: Box<Self>) -> Result<Exchange<Asked>, Refusal> {
        let nothing = self.exchange.record.request_bytes == 0
            && matches!(self.exchange.stage.scoped.endpoint.takes, Takes::Nothing | Takes::JsonOrNothing);
        let peeked = if nothing { Ok(Peeked::default()) } else { self.peek.finish().map_err(denied) };
        // The scanner stays where it is.
        let Self { exchange, peek: _, mut frames, held, timer: _ } = *self;
        frames.hold(held);
        let judged = peeked.and_then(|mut peeked| {
            if exchange.stage.scoped.endpoint.model == ModelIn::Lines {
                batch::judge(&Rules::of(&exchange), peeked.model.is_some(), &frames)?;
            }
            if !nothing {
                says_it_itself(&exchange, &frames)?;
            }
            model(&exchange, &mut peeked).map(|model| (model, peeked))
        });
        match judged {
            Ok((model, peeked)) => Ok(asked(exchange, model, peeked, Outgoing::Held(frames))),
            Err(denial) => Err(exchange.refuse(denial)),
        }
    }
}

fn asked(
    exchange: Exchange<Metered>,
    model: Option<Arc<str>>,
    peeked: Peeked,
    body: Outgoing,
) -> Exchange<Asked> {
    let Exchange { mut carried, stage } = exchange;
    let record = &mut carried.record;
    let Metered { scoped, permits } = stage;
    record.stream = scoped.endpoint.gives.streams(peeked.stream);
    record.token_ceiling = peeked.token_ceiling;
    record.choices = peeked.choices;
    record.tier = peeked.tier;
    record.model.clone_from(&model);
    let report_said = report_said(&carried.snapshot, &scoped, record.stream, &peeked);
    let Peeked { rerouting, previous_response, inside, model_at, parameters, .. } = peeked;
    // What is no call of a model has no model that could be rerouted.
    let rerouting = rerouting.filter(|_| scoped.endpoint.model != ModelIn::Nowhere);
    // Where the path names the model, they say the same, or it was refused.
    let in_path = matches!(scoped.endpoint.model, ModelIn::Path | ModelIn::Query(_));
    let others = if in_path && !scoped.endpoint.besides {
        SmallVec::new()
    } else {
        inside.into_iter().map(|model| named(scoped.endpoint, model)).collect()
    };
    let stage = Asked {
        scoped,
        permits,
        model,
        parameters,
        model_at,
        others,
        rerouting,
        previous_response,
        report_said,
        body,
    };
    Exchange { stage, carried }
}

/// What the body says of a report of usage, where the project's tokens count and a stream of OpenAI's dialect
/// reports only when asked.
fn report_said(snapshot: &Snapshot, scoped: &Scoped, streams: bool, peeked: &Peeked) -> Option<Said> {
    let completes = matches!(scoped.endpoint.scope.family, Family::Chat | Family::Completions);
    let asked = scoped.endpoint.gives == Gives::StreamIfAsked && streams && completes;
    let dialect = matches!(
        scoped.endpoint.surface,
        Surface::OpenAi | Surface::Azure | Surface::Vertex | Surface::DeepSeek | Surface::Vllm
    );
    let counts = || snapshot.projects.get(scoped.caller.project).is_some_and(|project| project.counts_tokens);
    (asked && dialect && counts()).then_some(peeked.report)
}

/// Where else than at the top models may be named.
fn places(snapshot: &Snapshot, scoped: &Scoped) -> Places {
    match scoped.endpoint.wider() {
        Some(wider) if !scoped.upstreams.and(snapshot.adding_places).is_empty() => wider,
        Some(_) | None => scoped.endpoint.inside,
    }
}

/// Refuses a body that names what decides on the model in its place, where not every model may be used.
fn says_it_itself(exchange: &Exchange<Metered>, frames: &Frames) -> Result<(), Denial> {
    let Some(places) = exchange.stage.scoped.endpoint.instead().filter(|_| !may_choose(exchange)) else {
        return Ok(());
    };
    // It was read before, so that what is wrong now is what stands in these places.
    let mut peek = Peek::within(places);
    let read = peek.feed(&frames.joined()).and_then(|()| peek.finish());
    if read.is_ok_and(|found| found.inside.is_empty()) {
        return Ok(());
    }
    Err(Rules::of(exchange).unknowable("an agent or a file that it names decides on the model"))
}

/// Whether the kind of a tool is the name of a field: in Google's own dialect, not in those that its paths have besides.
fn names_tools_by_field(endpoint: &Endpoint) -> bool {
    const BY_TYPE: [&str; 6] = [
        "/agents",
        "/endpoints/openapi/",
        "/interactions",
        "/publishers/anthropic/",
        "/publishers/mistralai/",
        "/publishers/openai/",
    ];
    matches!(endpoint.surface, Surface::Gemini | Surface::Vertex)
        && !BY_TYPE.iter().any(|front| endpoint.path.starts_with(front))
}

/// The one model that the request names in the first place, which is taken out of what was found in the body.
fn model(exchange: &Exchange<Metered>, peeked: &mut Peeked) -> Result<Option<Arc<str>>, Denial> {
    let scoped = &exchange.stage.scoped;
    match scoped.endpoint.model {
        ModelIn::Path | ModelIn::Query(_) => {
            let path = scoped.path_model.as_deref().unwrap_or_default();
            let same = |name: &str| bare(scoped.endpoint, name) == path;
            let others = scoped.endpoint.besides || peeked.inside.iter().all(|name| same(name));
            if others && peeked.model.as_deref().is_none_or(same) {
                Ok(scoped.path_model.clone())
            } else {
                Err(rules::other_in_path())
            }
        }
        ModelIn::Body | ModelIn::Form if peeked.model.is_none() => {
            Err(Denial::built_in(Reason::ModelMissing))
        }
        ModelIn::BodyOrProvidersChoice | ModelIn::FormOrProvidersChoice if peeked.model.is_none() => {
            if may_choose(exchange) {
                Ok(None)
            } else {
                Err(Denial::built_in(Reason::ModelMissing))
            }
        }
        ModelIn::Inside if peeked.model.is_none() && peeked.inside.is_empty() && !may_choose(exchange) => {
            Err(Denial::built_in(Reason::ModelMissing))
        }
        ModelIn::Unknown if !may_choose(exchange) => Err(unknowable(exchange)),
        ModelIn::Nowhere
        | ModelIn::Body
        | ModelIn::BodyOrProvidersChoice
        | ModelIn::Form
        | ModelIn::FormOrProvidersChoice
        | ModelIn::Inside
        | ModelIn::Lines
        | ModelIn::Message
        | ModelIn::Unknown => {
            let first = peeked.model.take().or_else(|| peeked.inside.first().cloned());
            Ok(first.map(|first| named(scoped.endpoint, first)))
        }
    }
}

/// A model as lists name it: Google's bodies have the whole name of the resource.
fn named(endpoint: &Endpoint, model: Arc<str>) -> Arc<str> {
    let bare = bare(endpoint, &model);
    if bare.len() == model.len() { model } else { bare.into() }
}

pub(crate) fn bare<'m>(endpoint: &Endpoint, model: &'m str) -> &'m str {
    let bare = if endpoint.surface == Surface::Gemini {
        model.strip_prefix("models/")
    } else if endpoint.surface == Surface::Vertex {
        model.rsplit_once("/models/").map(|(_, bare)| bare)
    } else {
        None
    };
    bare.unwrap_or(model)
}

fn owner(exchange: &Exchange<Metered>) -> Option<(&Project, &Key)> {
    let caller = exchange.stage.scoped.caller;
    exchange.snapshot.projects.get(caller.project).zip(exchange.snapshot.keys.get(caller.key))
}

/// Whether the project may use whatever model the provider picks.
fn may_choose(exchange: &Exchange<Metered>) -> bool {
    owner(exchange).is_some_and(|(project, key)| may_leave_open(project, key))
}

/// The line that lists the models which may be used.
fn models_rule(project: &Project, key: &Key) -> RuleId {
    let of_key = key.models.as_ref().is_some_and(|models| !models.allows_all());
    if of_key { key.models_rule } else { project.models_rule }
}

fn unknowable(exchange: &Exchange<Metered>) -> Denial {
    let rule = owner(exchange).map_or(RuleId::BUILT_IN, |(project, key)| models_rule(project, key));
    let why = "nothing in a request to this endpoint says which model it uses";
    Denial::by(Reason::ModelUnknowable, rule).because(why)
}

fn judged(outcome: Result<(), Denial>, read: Box<Reading>) -> Result<Exchange<Asked>, Refusal> {
    match outcome {
        Ok(()) => read.finish(),
        Err(denial) => Err(read.exchange.refuse(denial)),
    }
}

pub(crate) fn denied(fault: Fault) -> Denial {
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
        /// Enough of a body is arriving that goes on while it does.
        Beginning {
            beginning: Option<Box<Beginning>>,
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
                AskingNow::Beginning { beginning, inner } => {
                    let Some(now) = beginning else { return Poll::Pending };
                    let outcome = ready!(now.poll(cx));
                    let Some(begun) = beginning.take() else { return Poll::Pending };
                    match outcome {
                        Ok(()) => match begun.finish() {
                            Ok(exchange) => Asking::Asked { inner: inner.call(exchange) },
                            Err(refusal) => return Poll::Ready(Err(refusal)),
                        },
                        Err(denial) => return Poll::Ready(Err(begun.refuse(denial))),
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
