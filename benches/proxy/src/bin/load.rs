//! Closed-loop load: each connection sends its next request when the answer to the last one is whole.
//!
//! `load PORT CONNECTIONS SECONDS BODY_FILE KEY [--warm SECONDS] [--stagger SECONDS] [--hold]`
//!
//! It speaks to 127.0.0.1 from one thread and sends the headers of the official OpenAI Python client. Standard
//! output gets the line `begin` after the warm-up, the line `end` when the time is over (whoever reads them
//! can take the proxy's CPU time at just these moments), then one line of JSON. Only answers that came whole
//! between the two count. `--stagger` spreads the first requests over that time; `--hold` sends one request
//! per connection, prints `held` and keeps all of them open until standard input closes.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

struct Plan {
    address: SocketAddr,
    connections: usize,
    request: Vec<u8>,
    warm: Duration,
    length: Duration,
    stagger: Duration,
    hold: bool,
}

struct Connection {
    socket: TcpStream,
    unsent: usize,
    sent_at: Option<Instant>,
    answer: Vec<u8>,
    first_byte: Option<Duration>,
}

#[derive(Default)]
struct Tally {
    ok: u64,
    failed: u64,
    reconnected: u64,
    first_failure: Option<String>,
    latency: Vec<Duration>,
    first_byte: Vec<Duration>,
}

fn main() -> std::io::Result<()> {
    let plan = Plan::from_arguments();
    let mut poll = Poll::new()?;
    let connect = |slot: usize, poll: &Poll| -> std::io::Result<Connection> {
        let blocking = std::net::TcpStream::connect(plan.address)?;
        blocking.set_nodelay(true)?;
        blocking.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(blocking);
        poll.registry().register(&mut socket, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Connection { socket, unsent: 0, sent_at: None, answer: Vec::new(), first_byte: None })
    };
    let mut connections =
        (0..plan.connections).map(|slot| connect(slot, &poll)).collect::<Result<Vec<_>, _>>()?;

    let mut tally = Tally::default();
    let mut events = Events::with_capacity(512);
    let mut scratch = vec![0; 256 * 1024];
    let start = Instant::now();
    let (begin, end) = (start + plan.warm, start + plan.warm + plan.length);
    let mut begun = false;
    let mut started = 0; // connections that have sent their first request
    let mut answered = 0;
    loop {
        let now = Instant::now();
        if !begun && now >= begin {
            begun = true;
            say("begin");
        }
        let held = plan.hold && answered == plan.connections;
        if now >= end || held {
            break;
        }
        while started < plan.connections
            && now >= start + plan.stagger.mul_f64(started as f64 / plan.connections as f64)
        {
            connections[started].ask(&plan.request, now);
            started += 1;
        }
        let wait = if started < plan.connections { 1 } else { 20 };
        match poll.poll(&mut events, Some(Duration::from_millis(wait))) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            let slot = event.token().0;
            let connection = &mut connections[slot];
            let open = connection.send(&plan.request) && connection.receive(&mut scratch);
            let now = Instant::now();
            let whole = connection.answer_is_whole();
            if let (Some(sent_at), true) = (connection.sent_at, whole || !open) {
                connection.sent_at = None;
                answered += 1;
                if begun && now < end || plan.hold {
                    tally.count(connection, whole, now - sent_at);
                }
            }
            if !open {
                tally.reconnected += 1;
                *connection = connect(slot, &poll)?;
            }
            if slot < started && connection.sent_at.is_none() && !plan.hold && now < end {
                connection.ask(&plan.request, now);
            }
        }
    }
    say("end");
    println!("{}", tally.as_json(end.min(Instant::now()) - begin.min(end)));
    if plan.hold {
        say("held");
        std::io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

impl Plan {
    fn from_arguments() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [port, connections, seconds, body, key, flags @ ..] = &args[..] else {
            panic!("usage: load PORT CONNECTIONS SECONDS BODY_FILE KEY [--warm S] [--stagger S] [--hold]")
        };
        let seconds_of = |text: &str| Duration::from_secs_f64(text.parse().expect("a number of seconds"));
        let flag = |name: &str| {
            let at = flags.iter().position(|flag| flag == name)?;
            Some(seconds_of(&flags[at + 1]))
        };
        let body = std::fs::read(body).expect("the body's file");
        let mut request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nUser-Agent: OpenAI/Python 3.52.0\r\nX-Stainless-Lang: python\r\n\
             X-Stainless-Package-Version: 3.52.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n\
             X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.11.7\r\n\
             Authorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        Self {
            address: format!("127.0.0.1:{port}").parse().expect("a port number"),
            connections: connections.parse().expect("a number of connections"),
            request,
            warm: flag("--warm").unwrap_or(Duration::from_millis(500)),
            length: seconds_of(seconds),
            stagger: flag("--stagger").unwrap_or_default(),
            hold: flags.iter().any(|flag| flag == "--hold"),
        }
    }
}

impl Connection {
    fn ask(&mut self, request: &[u8], now: Instant) {
        self.answer.clear();
        self.first_byte = None;
        self.sent_at = Some(now);
        self.unsent = request.len();
        self.send(request); // a failure shows again as an event
    }

    /// Writes until done or until the socket is full; false when the peer is gone.
    fn send(&mut self, request: &[u8]) -> bool {
        while self.unsent > 0 {
            match self.socket.write(&request[request.len() - self.unsent..]) {
                Ok(n) => self.unsent -= n,
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Reads until the socket is empty; false when the peer is gone.
    fn receive(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return false,
                Ok(n) => {
                    self.answer.extend_from_slice(&scratch[..n]);
                    self.note_first_byte();
                    if n < scratch.len() {
                        return true;
                    }
                }
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// The first byte of the body: what a person waiting for a streamed answer sees.
    fn note_first_byte(&mut self) {
        if self.first_byte.is_none()
            && let (Some(sent_at), Some(head)) = (self.sent_at, self.head_length())
            && self.answer.len() > head
        {
            self.first_byte = Some(sent_at.elapsed());
        }
    }

    fn head_length(&self) -> Option<usize> {
        memmem::find(&self.answer, b"\r\n\r\n").map(|at| at + 4)
    }

    fn answer_is_whole(&self) -> bool {
        let Some(head_length) = self.head_length() else { return false };
        let (head, body) = self.answer.split_at(head_length);
        match header(head, b"content-length") {
            Some(length) => std::str::from_utf8(length).is_ok_and(|text| text.parse() == Ok(body.len())),
            None => body.ends_with(b"0\r\n\r\n"),
        }
    }

    /// True for a 200 whose stream, if it is one, came to its proper end.
    fn answer_is_good(&self) -> bool {
        let stream = memmem::find(&self.answer, b"text/event-stream").is_some();
        self.answer.starts_with(b"HTTP/1.1 200")
            && (!stream || memmem::rfind(&self.answer, b"data: [DONE]").is_some())
    }
}

impl Tally {
    fn count(&mut self, connection: &Connection, whole: bool, latency: Duration) {
        if whole && connection.answer_is_good() {
            self.ok += 1;
            self.latency.push(latency);
            self.first_byte.extend(connection.first_byte);
        } else {
            self.failed += 1;
            let line = connection.answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
            self.first_failure.get_or_insert_with(|| String::from_utf8_lossy(line).replace(['"', '\\'], " "));
        }
    }

    fn as_json(mut self, span: Duration) -> String {
        self.latency.sort_unstable();
        self.first_byte.sort_unstable();
        let at = |sorted: &[Duration], share: f64| {
            let index = (sorted.len().saturating_sub(1) as f64 * share) as usize;
            sorted.get(index).map_or(0.0, |value| value.as_secs_f64() * 1e6)
        };
        format!(
            r#"{{"ok":{},"failed":{},"first_failure":"{}","reconnected":{},"seconds":{:.3},"p50_us":{:.1},"p99_us":{:.1},"first_byte_p50_us":{:.1},"first_byte_p99_us":{:.1}}}"#,
            self.ok,
            self.failed,
            self.first_failure.as_deref().unwrap_or_default(),
            self.reconnected,
            span.as_secs_f64(),
            at(&self.latency, 0.5),
            at(&self.latency, 0.99),
            at(&self.first_byte, 0.5),
            at(&self.first_byte, 0.99),
        )
    }
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (candidate, value) = line.split_at_checked(name.len())?;
        candidate.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b":"))?.map(|v| v.trim_ascii())
    })
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().ok();
}
