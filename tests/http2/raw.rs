//! A client that writes the frames of HTTP/2 itself (RFC 9113 §4), so that it can write wrong ones.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use crate::common::{PATIENCE, Running};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const CALM_DOWN: u32 = 11;

/// A frame that the gate sent.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a reset, or of the end of the connection.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The status of an answer's head, where the table of HPACK has it (RFC 7541 appendix A).
    pub(crate) fn status(&self) -> Option<u16> {
        assert_eq!(self.kind, HEADERS);
        let known = [200, 204, 206, 304, 400, 404, 500];
        let at = usize::from(self.payload[0]).checked_sub(0x88)?;
        known.get(at).copied()
    }
}

/// A connection.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

/// A frame as it is sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Headers that refer to no table (RFC 7541 §6.2.3).
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0x10);
        for text in [name, value] {
            length(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn length(bytes: &mut Vec<u8>, length: usize) {
    let Some(mut more) = length.checked_sub(127) else {
        bytes.push(u8::try_from(length).unwrap());
        return;
    };
    bytes.push(127);
    while more >= 128 {
        bytes.push(u8::try_from(more % 128).unwrap() | 128);
        more /= 128;
    }
    bytes.push(u8::try_from(more).unwrap());
}

impl Raw {
    /// Connects, and says how much of an answer it takes at once.
    pub(crate) fn connect(gate: &Running, window: u32) -> Self {
        let stream = TcpStream::connect(gate.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut raw = Self { stream, unread: Vec::new() };
        let mut first = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let window = [&[0, 4][..], &window.to_be_bytes()].concat();
        first.extend(frame(SETTINGS, 0, 0, &window));
        raw.send(&first);
        raw
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends what the gate may no longer want; whether it took it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a whole request.
    pub(crate) fn ask(&mut self, stream: u32, headers: &[(&str, &str)], body: &str) {
        let flags = if body.is_empty() { END_HEADERS | END_STREAM } else { END_HEADERS };
        let mut bytes = frame(HEADERS, flags, stream, &block(headers));
        if !body.is_empty() {
            bytes.extend(frame(DATA, END_STREAM, stream, body.as_bytes()));
        }
        self.send(&bytes);
    }

    /// The next frame, or nothing at the end.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let head = self.exactly(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
        let payload = self.exactly(usize::try_from(length).unwrap())?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next frame of these kinds; settings and pings are acknowledged on the way.
    pub(crate) fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let next = self.next()?;
            if kinds.contains(&next.kind) {
                return Some(next);
            }
            if matches!(next.kind, SETTINGS | PING) && next.flags & 1 == 0 {
                let payload = if next.kind == PING { next.payload } else { Vec::new() };
                self.try_send(&frame(next.kind, 1, 0, &payload));
            }
        }
    }

    /// The whole body of an answer.
    pub(crate) fn body(&mut self, stream: u32) -> String {
        let mut body = Vec::new();
        loop {
            let next = self.next_of(&[DATA, RESET, GOAWAY]).unwrap();
            assert_eq!((next.kind, next.stream), (DATA, stream), "{next:?}");
            body.extend(next.payload);
            if next.flags & END_STREAM != 0 {
                return String::from_utf8(body).unwrap();
            }
        }
    }

    /// Waits for the end of the connection.
    pub(crate) fn ended(&mut self) {
        while self.next().is_some() {}
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut piece = [0; 16 * 1024];
        while self.unread.len() < length {
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(length) => self.unread.extend_from_slice(&piece[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("nothing came; so far: {:?}", self.unread)
                }
                Err(_) => return None,
            }
        }
        let rest = self.unread.split_off(length);
        Some(std::mem::replace(&mut self.unread, rest))
    }
}
