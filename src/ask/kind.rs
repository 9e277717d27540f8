//! What kind of body a request has, and whether the endpoint takes it.

use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;

use crate::denial::{Denial, Reason};
use crate::dialect::Surface;
use crate::endpoint::{Gives, Takes};
use crate::exchange::{Exchange, Metered};
use crate::policy::single;
use crate::upgrade;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Whole, before anything goes on.
    Whole,
    /// While it goes on.
    OnItsWay { form: bool },
}

/// What can be said of a body from the head alone.
pub(super) fn how(exchange: &Exchange<Metered>) -> Result<How, Denial> {
    let headers = &exchange.head.headers;
    let server = &exchange.snapshot.server;
    if exchange.stage.scoped.endpoint.gives == Gives::WebSocket {
        let wrong = |what| Denial::built_in(Reason::HandshakeInvalid).because(what);
        upgrade::judged(headers).map_err(wrong)?;
    }
    let takes = exchange.stage.scoped.endpoint.takes;
    let how = match takes {
        Takes::Nothing | Takes::JsonOrNothing | Takes::Raw if exchange.body.is_end_stream() => {
            return Ok(if takes == Takes::Raw { How::OnItsWay { form: false } } else { How::Whole });
        }
        Takes::Nothing => {
            let method = exchange.stage.scoped.endpoint.verb.name();
            return Err(
                Denial::built_in(Reason::BodyInvalid).because(format!("a {method} request carries none"))
            );
        }
        Takes::Json | Takes::JsonOrNothing | Takes::FormOrJson if is_json(headers) => How::Whole,
        // What Bedrock is sent without a content type it takes for JSON, and boto3 sends it so.
        Takes::Json | Takes::JsonOrNothing
            if exchange.stage.scoped.endpoint.surface == Surface::Bedrock
                && !headers.contains_key(header::CONTENT_TYPE) =>
        {
            How::Whole
        }
        Takes::Form | Takes::FormOrJson | Takes::FormOrSdp if is_form(headers) => {
            How::OnItsWay { form: true }
        }
        Takes::FormOrSdp if is(headers, b"application/sdp") => How::OnItsWay { form: false },
        Takes::Raw if single(headers, &header::CONTENT_TYPE).is_ok() => How::OnItsWay { form: false },
        Takes::Json | Takes::JsonOrNothing => return Err(other_type("'content-type: application/json'")),
        Takes::Form => return Err(other_type("'content-type: multipart/form-data'")),
        Takes::FormOrJson => {
            return Err(other_type("'content-type: multipart/form-data', or 'application/json'"));
        }
        Takes::FormOrSdp => {
            return Err(other_type("'content-type: multipart/form-data', or 'application/sdp'"));
        }
        Takes::Raw => return Err(other_type("one content type")),
    };
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !single(headers, &header::CONTENT_ENCODING).is_ok_and(|coding| coding.is_none_or(identity)) {
        return Err(Denial::built_in(Reason::EncodingUnsupported));
    }
    let (most, rule) = match how {
        How::Whole => (u64::try_from(server.max_body).unwrap_or(u64::MAX), server.max_body_rule),
        How::OnItsWay { .. } => (server.max_upload, server.max_upload_rule),
    };
    if exchange.body.size_hint().lower() > most {
        return Err(Denial::by(Reason::BodyTooLarge, rule));
    }
    Ok(how)
}

fn other_type(taken: &'static str) -> Denial {
    Denial::built_in(Reason::ContentTypeUnsupported).because(taken)
}

fn is_form(headers: &HeaderMap) -> bool {
    is(headers, b"multipart/form-data")
}

/// Whether exactly one content type is given and it is this one, whatever its parameters.
fn is(headers: &HeaderMap, essence: &[u8]) -> bool {
    let Ok(Some(only)) = single(headers, &header::CONTENT_TYPE) else { return false };
    let said = only.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    said.trim_ascii().eq_ignore_ascii_case(essence)
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
