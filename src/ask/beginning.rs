//! Bodies that go on while they arrive: how much of one is read before it does.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::Body as _;
use tokio::time::Sleep;

use super::form::Form;
use super::rules::Rules;
use super::{asked, model};
use crate::body::{Bounds, ClientBody, Frames, Outgoing, Streamed, Watch};
use crate::denial::{Denial, Reason};
use crate::endpoint::ModelIn;
use crate::exchange::{Asked, Carried, Exchange, Metered, Refusal};
use crate::peek::Peeked;

/// How much may stand before what has to be known first.
const MOST_AHEAD: u64 = 256 << 10;

/// A body of which the beginning is read.
pub(crate) struct Beginning {
    exchange: Exchange<Metered>,
    /// Nothing for a body that is not read at all.
    form: Option<Box<Form>>,
    ahead: Frames,
    whole: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginning").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Beginning {
    /// `form` says that the body is a form of this content type.
    pub(super) fn new(exchange: Exchange<Metered>, form: Option<&[u8]>) -> Result<Self, Refusal> {
        let form = match form.map(|content_type| Form::new(content_type, Rules::of(&exchange))) {
            Some(Err(denial)) => return Err(exchange.refuse(denial)),
            Some(Ok(form)) => Some(Box::new(form)),
            None => None,
        };
        Ok(Self { exchange, form, ahead: Frames::default(), whole: false, timer: None })
    }

    /// Reads on; ready when enough is known.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Denial>> {
        let Carried { snapshot, body, record, .. } = &mut *self.exchange.carried;
        let server = &snapshot.server;
        loop {
            self.whole = body.is_end_stream();
            let settled = self.form.as_ref().is_none_or(|form| form.is_settled());
            if self.whole || settled || self.ahead.left() >= MOST_AHEAD {
                return Poll::Ready(Ok(()));
            }
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Err(
                        Denial::built_in(Reason::BodyInvalid).because("its framing is broken")
                    ));
                }
                Poll::Ready(None) => {
                    self.whole = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => {
                    let timer =
                        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(server.body_timeout)));
                    ready!(timer.as_mut().poll(cx));
                    return Poll::Ready(Err(Denial::by(Reason::BodyTimeout, server.body_timeout_rule)));
                }
            };
            let Ok(piece) = frame.into_data() else { continue };
            record.request_bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if record.request_bytes > server.max_upload {
                return Poll::Ready(Err(Denial::by(Reason::BodyTooLarge, server.max_upload_rule)));
            }
            if let Some(form) = &mut self.form
                && let Err(denial) = form.feed(&piece)
            {
                record.model = form.refused_model().or(record.model.take());
                return Poll::Ready(Err(denial));
            }
            self.ahead.push(piece);
        }
    }

    pub(super) fn refuse(self, denial: Denial) -> Refusal {
        self.exchange.refuse(denial)
    }

    /// Judges what is known, and lets the rest go on.
    pub(super) fn finish(self) -> Result<Exchange<Asked>, Refusal> {
        let Self { mut exchange, form, ahead, whole, timer: _ } = self;
        let (peeked, named) = match judged(&exchange, form.as_deref(), whole) {
            Ok(judged) => judged,
            Err(denial) => return Err(exchange.refuse(denial)),
        };
        exchange.checked = form.as_ref().and_then(|form| form.checked());
        let body = if whole {
            Outgoing::Held(ahead)
        } else {
            let server = &exchange.snapshot.server;
            let bounds = Bounds {
                most: server.max_upload,
                most_rule: server.max_upload_rule,
                silence: server.body_timeout,
                silence_rule: server.body_timeout_rule,
                least: least(server.bounds.upload_rate, server.body_timeout),
                least_rule: server.bounds.upload_rate_rule,
            };
            let bytes = Arc::new(AtomicU64::new(exchange.record.request_bytes));
            exchange.record.streamed_bytes = Some(Arc::clone(&bytes));
            let source = std::mem::replace(&mut exchange.body, ClientBody::HandedOn);
            let late = named.is_none().then(Arc::default);
            exchange.record.late_model.clone_from(&late);
            let watch = form.map(|mut form| {
                form.go_on(late);
                form as Box<dyn Watch>
            });
            Outgoing::Streamed(Box::new(Streamed::new(ahead, source, watch, bounds, bytes)))
        };
        Ok(asked(exchange, named, peeked, body))
    }
}

/// How many bytes a client must send in such a time.
fn least(per_second: u64, time: Duration) -> u64 {
    let bytes = u128::from(per_second) * time.as_millis() / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
}

/// What the beginning asks for, and the model that it names.
fn judged(
    exchange: &Exchange<Metered>,
    form: Option<&Form>,
    whole: bool,
) -> Result<(Peeked, Option<Arc<str>>), Denial> {
    let endpoint = exchange.stage.scoped.endpoint;
    let Some(form) = form else {
        // Bytes that say nothing, to an endpoint that may use a model.
        if endpoint.model == ModelIn::FormOrProvidersChoice && !super::may_choose(exchange) {
            let rules = Rules::of(exchange);
            return Err(rules.unknowable("such a body does not say which model it uses"));
        }
        return Ok((Peeked::default(), model(exchange, &mut Peeked::default())?));
    };
    let mut peeked = form.peeked();
    if whole {
        form.whole()?;
    }
    let later = !whole && peeked.model.is_none();
    let named = match endpoint.model {
        ModelIn::Form | ModelIn::FormOrProvidersChoice if later => {
            form.may_name_it_later()?;
            None
        }
        ModelIn::Lines => peeked.model.clone(),
        ModelIn::Nowhere
        | ModelIn::Body
        | ModelIn::BodyOrProvidersChoice
        | ModelIn::Path
        | ModelIn::Query(_)
        | ModelIn::Form
        | ModelIn::FormOrProvidersChoice
        | ModelIn::Inside
        | ModelIn::Message
        | ModelIn::Unknown => model(exchange, &mut peeked)?,
    };
    if whole && endpoint.model == ModelIn::Lines && !form.rules().open {
        form.purpose_known()?;
    }
    Ok((peeked, named))
}
