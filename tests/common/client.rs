//! A client that is only a socket: what goes out is what the test wrote, and nothing is tidied up.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// A connection to the gate.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
    received: Vec<u8>,
    reset: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end as its framing says.
    pub(crate) whole: bool,
    /// The statuses of interim answers before it.
    pub(crate) interim: Vec<u16>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.headers);
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The gate's reason, if it refused.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.header("x-portcullis-reason")
    }

    /// Everything in it, for those who look for a text that must not be there.
    pub(crate) fn everything(&self) -> Vec<u8> {
        let mut all: Vec<u8> =
            self.headers.iter().flat_map(|(n, v)| format!("{n}: {v}\n").into_bytes()).collect();
        all.extend_from_slice(&self.body);
        all
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new(), received: Vec::new(), reset: false }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the gate may no longer want to read.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()));
    }

    /// Everything that has been received.
    pub(crate) fn received(&self) -> &[u8] {
        &self.received
    }

    /// Reads what there is; false at the end.
    pub(crate) fn fill(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&piece[..length]);
                self.received.extend_from_slice(&piece[..length]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came; so far: {:?}", String::from_utf8_lossy(&self.received));
            }
            Err(_) => {
                self.reset = true;
                false
            }
        }
    }

    /// Whether the connection ends here, with nothing more in it.
    pub(crate) fn ended(&mut self) -> bool {
        self.unread.is_empty() && !self.fill()
    }

    /// Waits for the end and gives what came before it.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// Leaves at once: what is still under way meets a reset.
    pub(crate) fn leave(self) {
        drop(socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)));
    }

    /// Leaves politely: the gate reads the end of the stream.
    pub(crate) fn hang_up(self) {
        drop(self.stream.shutdown(Shutdown::Both));
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Exactly so many bytes, or nothing if the connection ends before.
    pub(crate) fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.fill() {
                return None;
            }
        }
        Some(self.take(length))
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(at + 2);
                return Some(String::from_utf8(line[..at].to_vec()).unwrap());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads the head of an answer, without any body.
    pub(crate) fn head(&mut self) -> Answer {
        self.try_head().unwrap_or_else(|| panic!("no answer; reset: {}", self.reset))
    }

    /// The same, or nothing if the connection ends.
    pub(crate) fn try_head(&mut self) -> Option<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first:?}"));
        assert!(first.starts_with("HTTP/1.1 ") || first.starts_with("HTTP/1.0 "), "{first:?}");
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Some(Answer { status, headers, body: Vec::new(), whole: true, interim: Vec::new() })
    }

    /// The next chunk of a chunked body, or nothing at its end; an error if it breaks off.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let line = self.line().ok_or(())?;
        let length = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk: {line:?}"));
        while self.unread.len() < length + 2 {
            if !self.fill() {
                return Err(());
            }
        }
        let mut chunk = self.take(length + 2);
        assert_eq!(chunk.split_off(length), b"\r\n");
        Ok((length > 0).then_some(chunk))
    }

    /// Reads a whole answer; interim ones are only noted.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|| panic!("no answer; reset: {}", self.reset))
    }

    /// The same, or nothing if the connection ends without one.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let mut interim = Vec::new();
        loop {
            let mut answer = self.try_head()?;
            if answer.status < 200 {
                interim.push(answer.status);
                continue;
            }
            answer.interim = interim;
            self.body_of(&mut answer);
            return Some(answer);
        }
    }

    /// Reads the body of an answer whose head was read.
    pub(crate) fn body_of(&mut self, answer: &mut Answer) {
        if answer.status == 204 {
            return;
        }
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        if answer.header("transfer-encoding") == Some("chunked") {
            assert_eq!(length, None, "two framings: {:?}", answer.headers);
            answer.whole = loop {
                match self.chunk() {
                    Ok(Some(chunk)) => answer.body.extend(chunk),
                    Ok(None) => break true,
                    Err(()) => break false,
                }
            };
            return;
        }
        let Some(length) = length else {
            answer.body = self.rest();
            answer.whole = !self.reset;
            return;
        };
        while self.unread.len() < length && self.fill() {}
        answer.whole = self.unread.len() >= length;
        answer.body = self.take(length.min(self.unread.len()));
    }
}

/// A request in bytes, with a Host and, where there is a body, its length.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: gate\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text += "\r\n";
    text += body;
    text.into_bytes()
}

/// A JSON request with a project key.
pub(crate) fn post(target: &str, key: &str, body: &str) -> Vec<u8> {
    let bearer = format!("Bearer {key}");
    request("POST", target, &[("authorization", &bearer), ("content-type", "application/json")], body)
}
