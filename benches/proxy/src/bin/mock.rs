//! A model provider that costs next to nothing, so that the proxy in front of it is what gets measured.
//!
//! `mock PORT KEY` listens on 127.0.0.1, one thread. It answers every request that carries `Bearer KEY` with
//! one chat completion (676 bytes of JSON), or, when the body says `"stream": true`, with 51 server-sent
//! events: 50 tokens 20 ms apart and `[DONE]`. Any other key gets a 401, so a proxy that forgets to swap the
//! credential shows up as failed requests.
//!
//! It is no general server: a chunked request must not be pipelined, and `Expect: 100-continue` is ignored.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const TOKENS: u32 = 50;
const TOKEN_EVERY: Duration = Duration::from_millis(20);
const LISTENER: Token = Token(usize::MAX);

const HEAD: &str = "date: Fri, 20 Nov 2026 12:00:00 GMT\r\nserver: mock\r\nopenai-organization: org-abcdefghij\r\n\
    openai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n\
    x-ratelimit-limit-tokens: 2000000\r\nx-ratelimit-remaining-requests: 9999\r\n\
    x-ratelimit-remaining-tokens: 1999984\r\nx-ratelimit-reset-requests: 6ms\r\n\
    x-request-id: req_0123456789abcdef0123456789abcdef\r\n";
const CHAT: &str = r#"{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1795176000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Hello! How can I assist you today? I can help with writing, coding, analysis and more.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":20,"total_tokens":39,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_b376dfbbd5"}"#;
const CHUNK: &str = r#"{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1795176000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_b376dfbbd5","choices":[{"index":0,"delta":DELTA,"logprobs":null,"finish_reason":FINISH}]}"#;
const REFUSED: &str = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;

/// Every answer the mock can give, ready to send.
struct Answers {
    chat: Vec<u8>,
    refused: Vec<u8>,
    stream_start: Vec<u8>,
    token: Vec<u8>,
    stream_end: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    /// Tells a connection from an earlier one that had the same slot.
    serial: u64,
    received: Vec<u8>,
    to_send: Vec<u8>,
    tokens_left: u32,
}

struct Server {
    answers: Answers,
    credential: Vec<u8>,
    connections: Vec<Option<Connection>>,
    free_slots: Vec<usize>,
    next_serial: u64,
    /// When which stream's next token is due. All wait equally long, so the queue is in order of time.
    due: VecDeque<(Instant, usize, u64)>,
}

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(port), Some(key)) = (args.next(), args.next()) else { panic!("usage: mock PORT KEY") };
    let address = format!("127.0.0.1:{port}").parse().expect("a port number");

    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server::new(&key);
    let mut events = Events::with_capacity(512);
    let mut scratch = vec![0; 256 * 1024];
    loop {
        let wait = server.due.front().map(|(at, ..)| at.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, wait) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        server.send_due_tokens(Instant::now());
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener, &poll)?,
                Token(slot) => server.serve(slot, &mut scratch),
            }
        }
    }
}

impl Answers {
    fn new() -> Self {
        let json = |status: &str, body: &str| {
            let length = body.len();
            let head = format!("{HEAD}content-type: application/json\r\ncontent-length: {length}");
            format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").into_bytes()
        };
        let event = |data: &str| format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8);
        let token =
            |delta: &str, finish: &str| event(&CHUNK.replace("DELTA", delta).replace("FINISH", finish));

        let head =
            format!("{HEAD}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked");
        let first = token(r#"{"role":"assistant","content":""}"#, "null");
        let last = token("{}", r#""stop""#);
        Self {
            chat: json("200 OK", CHAT),
            refused: json("401 Unauthorized", REFUSED),
            stream_start: format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{first}").into_bytes(),
            token: token(r#"{"content":" token"}"#, "null").into_bytes(),
            stream_end: format!("{last}{}0\r\n\r\n", event("[DONE]")).into_bytes(),
        }
    }
}

impl Server {
    fn new(key: &str) -> Self {
        Self {
            answers: Answers::new(),
            credential: format!("Bearer {key}").into_bytes(),
            connections: Vec::new(),
            free_slots: Vec::new(),
            next_serial: 0,
            due: VecDeque::new(),
        }
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> std::io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            socket.set_nodelay(true)?;
            let slot = self.free_slots.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            poll.registry().register(&mut socket, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
            self.next_serial += 1;
            self.connections[slot] = Some(Connection {
                socket,
                serial: self.next_serial,
                received: Vec::new(),
                to_send: Vec::new(),
                tokens_left: 0,
            });
        }
    }

    /// Reads what has come, answers the requests that are whole, writes what fits.
    fn serve(&mut self, slot: usize, scratch: &mut [u8]) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let mut open = connection.receive(scratch);
        while let Some((head, end)) = whole_request(&connection.received) {
            let (head_bytes, body) = connection.received[..end].split_at(head);
            let answers = &self.answers;
            if header(head_bytes, b"authorization") != Some(&self.credential[..]) {
                connection.to_send.extend_from_slice(&answers.refused);
            } else if wants_stream(body) {
                connection.to_send.extend_from_slice(&answers.stream_start);
                connection.tokens_left = TOKENS - 1;
                self.due.push_back((Instant::now() + TOKEN_EVERY, slot, connection.serial));
            } else {
                connection.to_send.extend_from_slice(&answers.chat);
            }
            connection.received.drain(..end);
        }
        open &= connection.send();
        if !open {
            self.connections[slot] = None;
            self.free_slots.push(slot);
        }
    }

    fn send_due_tokens(&mut self, now: Instant) {
        while let Some(&(at, slot, serial)) = self.due.front() {
            if at > now {
                return;
            }
            self.due.pop_front();
            let Some(connection) = self.connections[slot].as_mut() else { continue };
            if connection.serial != serial {
                continue;
            }
            connection.tokens_left -= 1;
            if connection.tokens_left == 0 {
                connection.to_send.extend_from_slice(&self.answers.stream_end);
            } else {
                connection.to_send.extend_from_slice(&self.answers.token);
                self.due.push_back((at + TOKEN_EVERY, slot, serial));
            }
            connection.send(); // a failure shows again as an event, and `serve` closes then
        }
    }
}

impl Connection {
    /// Reads until the socket is empty; false when the peer is gone.
    fn receive(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return false,
                Ok(n) => {
                    self.received.extend_from_slice(&scratch[..n]);
                    if n < scratch.len() {
                        return true; // a short read has emptied it: no second call to learn that
                    }
                }
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Writes until done or until the socket is full; false when the peer is gone.
    fn send(&mut self) -> bool {
        let mut sent = 0;
        while sent < self.to_send.len() {
            match self.socket.write(&self.to_send[sent..]) {
                Ok(n) => sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.to_send.drain(..sent);
        true
    }
}

/// Where the head and the body of the first request end, once it has come whole.
fn whole_request(received: &[u8]) -> Option<(usize, usize)> {
    let head = memmem::find(received, b"\r\n\r\n")? + 4;
    let end = match header(&received[..head], b"content-length") {
        Some(length) => head + std::str::from_utf8(length).ok()?.parse::<usize>().ok()?,
        None if header(&received[..head], b"transfer-encoding").is_none() => head,
        None if received[head..].ends_with(b"0\r\n\r\n") => received.len(),
        None => return None,
    };
    (received.len() >= end).then_some((head, end))
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (candidate, value) = line.split_at_checked(name.len())?;
        candidate.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b":"))?.map(|v| v.trim_ascii())
    })
}

/// Looks at the body's first bytes only: that is where the bench puts the field, and it costs the same for
/// 1 KB and for 100 KB.
fn wants_stream(body: &[u8]) -> bool {
    memmem::find(&body[..body.len().min(200)], br#""stream": true"#).is_some()
}
