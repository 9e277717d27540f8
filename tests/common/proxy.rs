//! A proxy that makes tunnels, and servers with certificates behind it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{OK, PATIENCE, fresh_path};

/// How a proxy says that there is a tunnel.
pub(crate) const TUNNEL: &str = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";

/// A certificate that is its own authority.
#[derive(Clone)]
pub(crate) struct Pair {
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    key: Vec<u8>,
}

pub(crate) fn pair(name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Pair {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    adjust(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    Pair { certificate: made.der().clone(), pem: made.pem(), key: key.serialize_der() }
}

impl Pair {
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivatePkcs8KeyDer::from(self.key.clone()).into();
        let made = versions.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(made.unwrap())
    }
}

/// What was received, piece by piece of each connection.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

fn socket(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads up to an empty line.
fn head(stream: &mut impl std::io::Read) -> Option<String> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => seen.push(byte[0]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(String::from_utf8(seen).unwrap())
}

/// An upstream that speaks TLS, and answers every request.
pub(crate) fn encrypted(pair: &Pair) -> (SocketAddr, Heard) {
    answering(pair, OK.to_owned())
}

/// A server that speaks TLS, and gives every request this answer.
pub(crate) fn answering(pair: &Pair, answer: String) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (config, heard) = (pair.server(), Heard::default());
    let noted = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, config, noted) = (socket(stream.unwrap()), Arc::clone(&config), Arc::clone(&noted));
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                while let Some(head) = head(&mut tls) {
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                    let mut body = vec![0; length.parse().unwrap()];
                    if tls.read_exact(&mut body).is_err() {
                        return;
                    }
                    noted.lock().unwrap().push(head);
                    if tls.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

/// What a proxy says to a head, and where the tunnel leads if there is one.
type Judge = dyn Fn(&str) -> (String, Option<SocketAddr>) + Send + Sync;

/// A proxy in the test's hands.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// The heads that it was sent, each with all that went through its tunnel to the upstream.
    heads: Heard,
    through: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    /// One that gives this answer, and, where it is 200, leads to an upstream whatever it was asked for.
    pub(crate) fn start(answer: &'static str, leads_to: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let leads_to = answer.starts_with("HTTP/1.1 200").then_some(leads_to);
        Self::judging(tls, move |_| (answer.to_owned(), leads_to))
    }

    /// One that judges each head.
    pub(crate) fn judging(
        tls: Option<Arc<ServerConfig>>,
        judge: impl Fn(&str) -> (String, Option<SocketAddr>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, through) = (Heard::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (noted, passed) = (Arc::clone(&heads), Arc::clone(&through));
        let judge: Arc<Judge> = Arc::new(judge);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tls, judge) = (socket(stream.unwrap()), tls.clone(), Arc::clone(&judge));
                let (noted, passed) = (Arc::clone(&noted), Arc::clone(&passed));
                std::thread::spawn(move || match tls {
                    None => {
                        let reading = stream.try_clone().unwrap();
                        talk(stream, &*judge, &noted, |client, upstream| {
                            splice(reading, client, upstream, &passed);
                        });
                    }
                    Some(tls) => {
                        let client = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
                        talk(client, &*judge, &noted, |client, upstream| pump(client, upstream, &passed));
                    }
                });
            }
        });
        Self { address, heads, through }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn through(&self) -> Vec<u8> {
        self.through.lock().unwrap().clone()
    }
}

fn talk<S: std::io::Read + std::io::Write>(
    mut client: S,
    judge: &Judge,
    heads: &Heard,
    on: impl FnOnce(S, TcpStream),
) {
    let Some(head) = head(&mut client) else { return };
    let (answer, leads_to) = judge(&head);
    heads.lock().unwrap().push(head);
    drop(client.write_all(answer.as_bytes()));
    if let Some(leads_to) = leads_to {
        on(client, socket(TcpStream::connect(leads_to).unwrap()));
    }
}

/// Both ways at once.
fn splice(
    mut reading: TcpStream,
    mut writing: TcpStream,
    mut upstream: TcpStream,
    through: &Arc<Mutex<Vec<u8>>>,
) {
    let mut back = upstream.try_clone().unwrap();
    std::thread::spawn(move || drop(std::io::copy(&mut back, &mut writing)));
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = reading.read(&mut piece) {
        through.lock().unwrap().extend_from_slice(&piece[..length]);
        if upstream.write_all(&piece[..length]).is_err() {
            return;
        }
    }
    drop(upstream.shutdown(std::net::Shutdown::Both));
}

/// The same where the client's side is one thing that cannot be split: whichever has something to say.
fn pump(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    mut upstream: TcpStream,
    through: &Arc<Mutex<Vec<u8>>>,
) {
    let short = Some(std::time::Duration::from_millis(5));
    client.sock.set_read_timeout(short).unwrap();
    upstream.set_read_timeout(short).unwrap();
    let quiet = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    };
    let mut piece = [0; 4096];
    loop {
        match client.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                through.lock().unwrap().extend_from_slice(&piece[..length]);
                upstream.write_all(&piece[..length]).unwrap();
            }
            Err(error) if quiet(&error) => {}
            Err(_) => return,
        }
        match upstream.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => client.write_all(&piece[..length]).unwrap(),
            Err(error) if quiet(&error) => {}
            Err(_) => return,
        }
    }
}

/// A file with authorities.
pub(crate) fn authorities(name: &str, all: &[&Pair]) -> String {
    let path = fresh_path(name);
    std::fs::write(&path, all.iter().map(|pair| &*pair.pem).collect::<String>()).unwrap();
    path.display().to_string()
}
