//! Sessions over sockets: enough of Realtime, of Responses over a socket and of Gemini Live to answer their SDKs.
//!
//! A client that breaks the framing is hung up on, so that whoever stands before the stand-in must not.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::answer::Body;
use super::call::{Call, Fields as _};
use super::embedding::base64_of;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The largest message that is read.
const LONGEST: u64 = 64 << 20;

/// What is spoken over the socket.
#[derive(Clone, Debug)]
pub(super) enum Talk {
    /// Realtime, with the model of the query.
    Realtime(String),
    /// Responses.
    Responses,
    /// Gemini Live.
    Live,
}

impl Talk {
    /// What a request wants to speak, if it asks for a socket where there is one.
    pub(super) fn asked(call: &Call) -> Option<Self> {
        call.header("upgrade").filter(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))?;
        if call.path.contains(".BidiGenerateContent") || call.path.ends_with("/BidiGenerateContent") {
            return Some(Self::Live);
        }
        if call.path.ends_with("/responses") {
            return Some(Self::Responses);
        }
        let model = call.parameter("model").or_else(|| call.parameter("deployment"))?;
        call.path.ends_with("/realtime").then(|| Self::Realtime(model.to_owned()))
    }

    /// The answer to the handshake.
    pub(super) fn shake(call: &Call) -> Response<Body> {
        let key = call.header("sec-websocket-key").unwrap_or_default();
        let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = base64_of(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref());
        let mut response = Response::new(Body::Whole(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        let offered = call.header("sec-websocket-protocol").unwrap_or_default();
        if offered.split(',').any(|name| name.trim() == "realtime") {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("realtime"));
        }
        headers.insert("x-request-id", HeaderValue::from_static("req_standin_socket"));
        response
    }

    /// Speaks until the client closes.
    pub(super) async fn speak(self, mut io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        if let Self::Realtime(model) = &self {
            let session = json!({"type": "realtime", "object": "realtime.session", "id": "sess_standin", "model": model});
            say(
                &mut io,
                TEXT,
                &json!({"type": "session.created", "event_id": "event_1", "session": session}),
            )
            .await?;
        }
        let mut message = Vec::new();
        loop {
            let (fin, opcode, payload) = read(&mut io).await?;
            match opcode {
                CLOSE => {
                    send(&mut io, CLOSE, &payload).await?;
                    return io.shutdown().await;
                }
                PING => send(&mut io, PONG, &payload).await?,
                PONG => {}
                _ => {
                    message.extend(payload);
                    if fin {
                        let said: Value = serde_json::from_slice(&std::mem::take(&mut message))?;
                        for answer in self.answers(&said) {
                            say(&mut io, if matches!(self, Self::Live) { BINARY } else { TEXT }, &answer)
                                .await?;
                        }
                    }
                }
            }
        }
    }

    fn answers(&self, said: &Value) -> Vec<Value> {
        let kind = said.at("/type").as_str().unwrap_or_default();
        match (self, kind) {
            (Self::Realtime(_), "session.update") => {
                vec![
                    json!({"type": "session.updated", "event_id": "event_2", "session": said.at("/session")}),
                ]
            }
            (Self::Realtime(_), "conversation.item.create") => {
                let item = said.at("/item");
                vec![json!({"type": "conversation.item.created", "event_id": "event_3", "item": item})]
            }
            (Self::Realtime(_), "response.create") => {
                let text = "The stand-in spoke and asked no model.";
                let ids = json!({"response_id": "resp_standin", "item_id": "item_1", "output_index": 0, "content_index": 0});
                let with = |kind: &str, field: &str| {
                    let mut event = ids.clone();
                    event.put("type", kind.into());
                    event.put(field, text.into());
                    event
                };
                let response = |status: &str| json!({"id": "resp_standin", "object": "realtime.response", "status": status, "output": []});
                vec![
                    json!({"type": "response.created", "event_id": "event_4", "response": response("in_progress")}),
                    with("response.output_text.delta", "delta"),
                    with("response.output_text.done", "text"),
                    json!({"type": "response.done", "event_id": "event_5", "response": response("completed")}),
                ]
            }
            (Self::Responses, "response.create") => {
                let model = said.at("/model");
                let response = |status: &str| json!({"id": "resp_standin", "object": "response", "created_at": 1, "status": status, "model": model, "output": []});
                vec![
                    json!({"type": "response.created", "sequence_number": 0, "response": response("in_progress")}),
                    json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Heard.", "logprobs": []}),
                    json!({"type": "response.completed", "sequence_number": 2, "response": response("completed")}),
                ]
            }
            (Self::Live, _) if !said.at("/setup").is_null() => vec![json!({"setupComplete": {}})],
            (Self::Live, _)
                if !said.at("/clientContent").is_null() || !said.at("/client_content").is_null() =>
            {
                let turn = json!({"parts": [{"text": "The stand-in spoke."}]});
                vec![
                    json!({"serverContent": {"modelTurn": turn}}),
                    json!({"serverContent": {"turnComplete": true}}),
                ]
            }
            (Self::Realtime(_) | Self::Responses, _) => vec![json!({"type": "heard", "said": kind})],
            (Self::Live, _) => Vec::new(),
        }
    }
}

async fn say(io: &mut (impl AsyncWrite + Unpin), opcode: u8, message: &Value) -> io::Result<()> {
    send(io, opcode, message.to_string().as_bytes()).await
}

async fn send(io: &mut (impl AsyncWrite + Unpin), opcode: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.extend(u8::try_from(length)),
        Ok(length) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(127);
            frame.extend(u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    frame.extend(payload);
    io.write_all(&frame).await
}

/// The next frame: whether it ends a message, its opcode and its payload.
async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<(bool, u8, Vec<u8>)> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let (first, second) = (io.read_u8().await?, io.read_u8().await?);
    if first & 0x70 != 0 || second & 0x80 == 0 {
        return Err(wrong());
    }
    let length = match second & 0x7f {
        126 => u64::from(io.read_u16().await?),
        127 => io.read_u64().await?,
        short => u64::from(short),
    };
    let length = usize::try_from(length).ok().filter(|_| length <= LONGEST).ok_or_else(wrong)?;
    let mut mask = [0; 4];
    io.read_exact(&mut mask).await?;
    let mut payload = vec![0; length];
    io.read_exact(&mut payload).await?;
    for (byte, with) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= with;
    }
    Ok((first & 0x80 != 0, first & 0x0f, payload))
}
