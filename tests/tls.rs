//! TLS towards clients: what is spoken, which certificate is shown after a swap, and what a handshake may cost.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use common::{Client, OK, PATIENCE, Running, Setup, Upstream, until};
use portcullis::clock::Moment;
use portcullis::config::{self, Sources};
use portcullis::limits::Registry;
use portcullis::reload::Watch;
use portcullis::run::{Ended, Gate};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A certificate of its own authority, with its key.
struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    Pair { certificate: made.cert.der().clone(), pem, key }
}

/// A folder with a configuration and, behind a link as in a mounted volume, a certificate.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Puts a pair in place by renaming a link to its folder.
    fn put(&self, version: &str, certificate: &str, key: &str) {
        let folder = self.0.join(version);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate).unwrap();
        std::fs::write(folder.join("key.pem"), key).unwrap();
        let draft = self.0.join("draft");
        std::os::unix::fs::symlink(version, &draft).unwrap();
        std::fs::rename(draft, self.0.join("pair")).unwrap();
    }

    fn start(&self, setup: Setup) -> (Running, Watch) {
        let tls = r#"{ cert = "pair/cert.pem", key = "file:pair/key.pem" }"#;
        let setup = setup.set("server", "tls", tls);
        // A secret is no setting of this test's; only files and this process's environment are read from a disk.
        let text = setup.text();
        std::fs::write(self.0.join("portcullis.toml"), text).unwrap();
        let registry = Arc::new(Registry::new(Moment::now()));
        let variables = [("PROVIDER_KEY".to_owned(), setup.provider_key.clone())];
        let sources = Sources::at(&self.0.join("portcullis.toml")).with_environment(variables);
        let loaded = config::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
        let watch = Watch::new(sources, &loaded);
        let written = common::Written::default();
        let gate = Gate::start(loaded, registry, written.clone()).unwrap();
        (Running { gate, setup, written }, watch)
    }
}

/// What a client believes in.
fn trusting(pair: &Pair) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(pair.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut made = versions.with_root_certificates(roots).with_no_client_auth();
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(made)
}

fn socket(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Connects and shakes hands.
fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Tls, String> {
    let mut connection =
        ClientConnection::new(Arc::clone(config), "gate.example".try_into().unwrap()).unwrap();
    let mut stream = socket(address);
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| error.to_string())?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Sends a request and reads until the end of an answer whose body is this text.
fn ask(tls: &mut Tls, request: &[u8], end: &str) -> String {
    tls.write_all(request).unwrap();
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while !read.ends_with(end.as_bytes()) {
        let length = tls.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(read).unwrap()
}

fn failed(gate: &Running, why: &str) -> bool {
    gate.metrics().contains(&format!("portcullis_tls_handshakes_failed_total{{why=\"{why}\"}} 1\n"))
}

#[test]
fn requests_and_streams_pass_over_one_connection() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlate\r\n0\r\n\r\n";
    let upstream = Upstream::start(move |talk| {
        drop(talk.request());
        talk.send(OK).unwrap();
        drop(talk.request());
        talk.send(stream).unwrap();
        talk.closed();
    });
    let (folder, pair) = (Folder::new("serves"), pair());
    folder.put("one", &pair.pem, &pair.key);
    let (gate, _watch) = folder.start(Setup::new(upstream.address).set("server", "workers", "1"));
    let mut tls = connect(gate.address(), &trusting(&pair)).unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(ask(&mut tls, &gate.chat(), "{}").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(&mut tls, &gate.chat(), "0\r\n\r\n").contains("4\r\nlate\r\n"));
    assert_eq!(gate.records_when(2)[1]["client_ip"], "127.0.0.1");
    // The end is told as TLS tells it: `read` gives an error where the stream was only cut off.
    let stopping = std::thread::spawn(move || gate.stop());
    assert_eq!(tls.read(&mut [0]).unwrap(), 0);
    assert_eq!(stopping.join().unwrap(), Ended::Drained);
}

#[test]
fn a_session_is_resumed_by_a_ticket_also_after_a_reload() {
    let upstream = Upstream::answering(OK);
    let (folder, pair) = (Folder::new("resumes"), pair());
    folder.put("one", &pair.pem, &pair.key);
    let (gate, mut watch) = folder.start(Setup::new(upstream.address));
    let client = trusting(&pair);
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let mut tls = connect(gate.address(), &client).unwrap();
        ask(&mut tls, &gate.chat(), "{}");
        kinds.push(tls.conn.handshake_kind().unwrap());
        watch.apply(&gate.gate, "SIGHUP");
    }
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
}

#[test]
fn a_certificate_is_swapped_under_running_connections() {
    let upstream = Upstream::answering(OK);
    let (folder, old, new) = (Folder::new("swap"), pair(), pair());
    folder.put("one", &old.pem, &old.key);
    let (gate, mut watch) = folder.start(Setup::new(upstream.address));
    let mut before = connect(gate.address(), &trusting(&old)).unwrap();
    ask(&mut before, &gate.chat(), "{}");
    assert!(connect(gate.address(), &trusting(&new)).is_err());

    folder.put("two", &new.pem, &new.key);
    assert!(!watch.changed() && watch.changed(), "a link that was swapped is a change");
    watch.apply(&gate.gate, "a file changed");
    ask(&mut connect(gate.address(), &trusting(&new)).unwrap(), &gate.chat(), "{}");
    let refused = connect(gate.address(), &trusting(&old)).expect_err("the old one is no longer shown");
    assert!(refused.contains("certificate"), "{refused}");
    ask(&mut before, &gate.chat(), "{}");
}

#[test]
fn a_broken_pair_keeps_the_old_one_and_is_told() {
    let upstream = Upstream::answering(OK);
    let (folder, old, new) = (Folder::new("broken"), pair(), pair());
    folder.put("one", &old.pem, &old.key);
    let (gate, mut watch) = folder.start(Setup::new(upstream.address));
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let no_key = new.key.replace("PRIVATE KEY", "NOTHING");
    let locked = new.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (at, (certificate, key, what)) in [
        (new.pem.as_str(), old.key.as_str(), "is not the key of the certificate in"),
        ("", &new.key, "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            &new.key,
            "holds something that is not",
        ),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &new.key, "that cannot be read"),
        (&new.pem, &no_key, "holds no private key"),
        (&new.pem, &locked, "is locked with a password"),
    ]
    .into_iter()
    .enumerate()
    {
        folder.put(&format!("broken-{at}"), certificate, key);
        watch.apply(&gate.gate, "a file changed");
        let log = gate.log();
        let fault = log.iter().rfind(|line| line["event"] == "configuration_fault").unwrap();
        let told = fault["what"].as_str().unwrap();
        assert!(told.contains(what) && told.contains(".pem"), "{what}: {fault}");
        assert!(fault["at"].as_str().unwrap().contains("portcullis.toml:"), "{fault}");
        assert_ne!(fault["mend"], "");
        let text = gate.written.text();
        assert!(new.key.lines().all(|line| line.starts_with("---") || !text.contains(line)), "{text}");
        ask(&mut connect(gate.address(), &trusting(&old)).unwrap(), &gate.chat(), "{}");
    }
    std::fs::remove_file(folder.0.join("pair")).unwrap();
    watch.apply(&gate.gate, "a file changed");
    assert!(
        gate.log().iter().any(|line| line["what"].as_str().unwrap_or_default().contains("cannot be read"))
    );
    ask(&mut connect(gate.address(), &trusting(&old)).unwrap(), &gate.chat(), "{}");
    folder.put("two", &new.pem, &new.key);
    watch.apply(&gate.gate, "a file changed");
    ask(&mut connect(gate.address(), &trusting(&new)).unwrap(), &gate.chat(), "{}");
}

#[test]
fn who_shakes_no_hands_holds_up_nobody() {
    let upstream = Upstream::answering(OK);
    let (folder, pair) = (Folder::new("silent"), pair());
    folder.put("one", &pair.pem, &pair.key);
    let setup = Setup::new(upstream.address).set("server", "max_connections", "40");
    let (gate, _watch) = folder.start(setup);
    let under_way = || gate.shared().handshakes.load(std::sync::atomic::Ordering::SeqCst);
    let silent: Vec<TcpStream> = (0..16).map(|_| socket(gate.address())).collect();
    until("all are in their handshake", || under_way() == 16);
    let mut late = socket(gate.address());
    assert!(matches!(late.read(&mut [0]), Ok(0) | Err(_)), "there are too many");
    until("it is counted", || failed(&gate, "too_many"));
    drop(silent);
    until("they are gone", || under_way() == 0);
    ask(&mut connect(gate.address(), &trusting(&pair)).unwrap(), &gate.chat(), "{}");

    let mut wild = socket(gate.address());
    wild.write_all(&[0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]).unwrap();
    while wild.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
    until("it is counted", || failed(&gate, "failed"));

    let waiting = socket(gate.address());
    until("it is in its handshake", || under_way() == 1);
    let begun = Moment::now();
    assert_eq!(gate.stop(), Ended::Drained, "a handshake does not hold up the end");
    assert!(begun.elapsed() < PATIENCE / 3);
    drop(waiting);
}

#[test]
fn plain_http_is_told_what_to_write() {
    let upstream = Upstream::answering(OK);
    let (folder, pair) = (Folder::new("plain"), pair());
    folder.put("one", &pair.pem, &pair.key);
    let (gate, _watch) = folder.start(Setup::new(upstream.address));
    let mut client = Client::connect(gate.address());
    client.send(gate.chat());
    let answer = client.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.whole && answer.text().contains("https://"), "{answer:?}");
    client.hang_up();
    until("it is counted", || failed(&gate, "plain_http"));
    assert!(upstream.requests().is_empty());
    assert_eq!(gate.records().len(), 0);
}
