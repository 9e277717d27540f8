//! An upstream that does what a test's script says, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use socket2::{Domain, Protocol, Socket, Type};

use super::PATIENCE;

/// A listener with a thread for each connection.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    _taken: Option<Socket>,
}

#[derive(Default)]
struct Seen {
    received: Mutex<Vec<u8>>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    ended: AtomicUsize,
    closed: AtomicBool,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The head, from the request line to the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    /// The values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn header_names(&self) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

/// One connection from the gate.
pub(crate) struct Talk {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
    seen: Arc<Seen>,
}

impl Upstream {
    /// Runs the script on every connection.
    pub(crate) fn start(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, script) = (Arc::new(Seen::default()), Arc::new(script));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (seen, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    drop(stream.set_nodelay(true));
                    drop(stream.set_read_timeout(Some(PATIENCE)));
                    drop(stream.set_write_timeout(Some(PATIENCE)));
                    let mut talk = Talk { stream, unread: Vec::new(), seen: Arc::clone(&seen) };
                    script(&mut talk);
                    drop(talk);
                    seen.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, _taken: None }
    }

    /// Gives the same answer to every request.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |talk| {
            while talk.request().is_some() {
                if talk.send(&answer).is_err() {
                    return;
                }
            }
        })
    }

    /// A place where nobody listens, and nobody else can: the port is taken but refuses.
    pub(crate) fn nowhere() -> Self {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let taken = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        taken.bind(&any.into()).unwrap();
        let address = taken.local_addr().unwrap().as_socket().unwrap();
        Self { address, seen: Arc::default(), _taken: Some(taken) }
    }

    /// Every byte that came over all connections.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.seen.received.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many connections have run to the end of their script.
    pub(crate) fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.seen.closed.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Talk {
    fn fill(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&piece[..length]);
                self.seen.received.lock().unwrap().extend_from_slice(&piece[..length]);
                true
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|here| here == end) {
                let rest = self.unread.split_off(at + end.len());
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    pub(crate) fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.fill() {
                return None;
            }
        }
        let rest = self.unread.split_off(length);
        Some(std::mem::replace(&mut self.unread, rest))
    }

    /// Reads the next whole request, or nothing if the gate closes.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).unwrap();
        let mut request = Request { head, body: Vec::new() };
        if request.header("transfer-encoding") == ["chunked"] {
            loop {
                let line = String::from_utf8(self.until(b"\r\n")?).unwrap();
                let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
                let chunk = self.exactly(length + 2)?;
                if length == 0 {
                    break;
                }
                request.body.extend_from_slice(&chunk[..length]);
            }
        } else if let [length] = request.header("content-length")[..] {
            let length = length.parse().unwrap();
            request.body = self.exactly(length)?;
        }
        self.seen.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Sends.
    ///
    /// # Errors
    /// When the gate has closed.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Waits until the gate closes; gives whether it did.
    pub(crate) fn closed(&mut self) -> bool {
        let mut piece = [0; 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Breaks the connection off.
    pub(crate) fn reset(&mut self) {
        drop(socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)));
    }
}
