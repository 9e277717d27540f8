//! Clients' certificates: demanded of everybody, tied to a key, or in the place of one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use common::{CHAT, OK, PATIENCE, Running, Setup, Upstream, until};
use portcullis::clock::Moment;
use portcullis::command::check;
use portcullis::config::{self, Sources};
use portcullis::limits::Registry;
use portcullis::project_key;
use portcullis::reload::Watch;
use portcullis::run::Gate;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An authority for clients.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { pem: made.pem(), issuer: Issuer::new(params, key) }
    }

    /// A certificate with these names, and whether it has had its last day.
    fn issue(&self, names: &[SanType], expired: bool) -> Shown {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Shown { certificate: made.der().clone(), key: key.serialize_der() }
    }
}

/// What a client shows.
struct Shown {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

const TEAM: &str = "spiffe://prod.example/ns/search/sa/web";

/// A gate with TLS and a folder for its files.
struct Stage {
    gate: Running,
    watch: Watch,
    folder: PathBuf,
    server: CertificateDer<'static>,
}

/// Starts a gate; `more` is what `tls` has besides, and `keys` comes behind the configuration.
fn stage(name: &str, upstream: &Upstream, authority: &Authority, more: &str, keys: &str) -> Stage {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("mtls-{name}"));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let pair = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), pair.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("clients.pem"), &authority.pem).unwrap();
    let tls = format!("{{ cert = \"cert.pem\", key = \"key.pem\", client_ca = \"file:clients.pem\"{more} }}");
    let setup = Setup::new(upstream.address).set("server", "tls", &tls).more(keys);
    std::fs::write(folder.join("portcullis.toml"), setup.text()).unwrap();
    let registry = Arc::new(Registry::new(Moment::now()));
    let variables = [("PROVIDER_KEY".to_owned(), setup.provider_key.clone())];
    let sources = Sources::at(&folder.join("portcullis.toml")).with_environment(variables);
    let loaded = config::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
    let watch = Watch::new(sources, &loaded);
    let written = common::Written::default();
    let gate = Gate::start(loaded, registry, written.clone()).unwrap();
    let server = pair.cert.der().clone();
    Stage { gate: Running { gate, setup, written }, watch, folder, server }
}

impl Stage {
    /// What `check` tells of the gate's configuration.
    fn checked(&self) -> String {
        let variables = [("PROVIDER_KEY".to_owned(), self.gate.setup.provider_key.clone())];
        let sources = Sources::at(&self.folder.join("portcullis.toml")).with_environment(variables);
        check::check(&sources, check::Format::Text).text
    }

    /// Sends a chat request with this key and certificate; the answer's status and text, or nothing if there was
    /// no connection.
    fn ask(&self, shown: Option<&Shown>, key: &str) -> Option<(u16, String)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match shown {
            Some(shown) => {
                let key = PrivateKeyDer::try_from(shown.key.clone()).unwrap();
                builder.with_client_auth_cert(vec![shown.certificate.clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let client = ClientConnection::new(Arc::new(config), "gate.example".try_into().unwrap()).unwrap();
        let stream = TcpStream::connect(self.gate.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut tls = StreamOwned::new(client, stream);
        let bytes = common::post("/v1/chat/completions", key, CHAT);
        tls.write_all(&bytes).ok()?;
        let (mut read, mut piece) = (Vec::new(), [0; 4096]);
        while !read.ends_with(b"}") {
            match tls.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(length) => read.extend_from_slice(&piece[..length]),
            }
        }
        let text = String::from_utf8(read).unwrap();
        Some((text[9..12].parse().unwrap(), text))
    }

    fn status(&self, shown: Option<&Shown>, key: &str) -> Option<u16> {
        self.ask(shown, key).map(|(status, _)| status)
    }

    fn own(&self) -> &str {
        &self.gate.setup.client_key
    }
}

#[test]
fn without_a_good_certificate_there_is_no_connection() {
    let (upstream, authority, other) = (Upstream::answering(OK), Authority::new(), Authority::new());
    let stage = stage("required", &upstream, &authority, "", "");
    let good = authority.issue(&[], false);
    assert_eq!(stage.status(Some(&good), stage.own()), Some(200));
    assert_eq!(stage.status(Some(&good), "pcl_wrong"), Some(401), "it stands for no key");
    for (name, shown) in [
        ("none", None),
        ("another authority's", Some(other.issue(&[], false))),
        ("an expired one", Some(authority.issue(&[], true))),
    ] {
        assert_eq!(stage.status(shown.as_ref(), stage.own()), None, "{name}");
    }
    assert_eq!(upstream.requests().len(), 1);
    until("they are counted", || {
        stage.gate.metrics().contains("portcullis_tls_handshakes_failed_total{why=\"failed\"} 3\n")
    });
}

#[test]
fn where_none_is_demanded_one_that_is_shown_must_be_good() {
    let (upstream, authority, other) = (Upstream::answering(OK), Authority::new(), Authority::new());
    let stage = stage("optional", &upstream, &authority, ", client_auth = \"optional\"", "");
    assert_eq!(stage.status(None, stage.own()), Some(200));
    assert_eq!(stage.status(Some(&authority.issue(&[], false)), stage.own()), Some(200));
    assert_eq!(stage.status(Some(&other.issue(&[], false)), stage.own()), None);
}

#[test]
fn a_key_that_is_tied_to_a_certificate_works_with_it_only() {
    let (upstream, authority) = (Upstream::answering(OK), Authority::new());
    let tied = common::setup::new_key("tied");
    let hash = common::setup::sha256(&tied);
    let keys = format!(
        "\n[[projects.search.keys]]\nid = \"tied\"\nsha256 = \"{hash}\"\ncertificate = {{ san = \"{TEAM}\" }}\n"
    );
    let stage = stage("tied", &upstream, &authority, ", client_auth = \"optional\"", &keys);
    let right = authority.issue(&[dns("web.example"), uri(TEAM)], false);
    assert_eq!(stage.status(Some(&right), &tied), Some(200));
    let told = stage.checked();
    assert!(told.contains(&format!("  key        tied; certificate {TEAM}\n")), "{told}");
    for (what, shown) in [
        ("none was shown", None),
        (
            "another one was shown",
            Some(authority.issue(&[uri("spiffe://prod.example/ns/search/sa/webs")], false)),
        ),
        (
            "another one was shown",
            Some(authority.issue(&[uri("spiffe://prod.example/ns/search/sa/WEB")], false)),
        ),
        ("another one was shown", Some(authority.issue(&[], false))),
    ] {
        let (status, text) = stage.ask(shown.as_ref(), &tied).unwrap();
        assert!(status == 403 && text.contains("certificate_required") && text.contains(what), "{text}");
    }
    // It stands for nothing by itself, and another key is not tied to it.
    let (status, text) = stage.ask(Some(&right), "").unwrap();
    assert!(status == 401 && text.contains("key_missing"), "{text}");
    assert_eq!(stage.status(None, stage.own()), Some(200));
    let record = &stage.gate.records_when(7)[1];
    assert_eq!(
        (&record["reason"], &record["rule"]),
        (&"certificate_required".into(), &"projects.search.keys[1].certificate".into())
    );
}

#[test]
fn a_certificate_can_stand_for_a_key() {
    let (upstream, authority) = (Upstream::answering(OK), Authority::new());
    let pinned = authority.issue(&[], false);
    let digest = portcullis::command::key::hex(&project_key::digest(&pinned.certificate));
    let keys = format!(
        "\n[[projects.search.keys]]\nid = \"web\"\ncertificate = {{ san = \"{TEAM}\" }}\n\
         [[projects.search.keys]]\nid = \"batch\"\ncertificate = {{ san = \"Batch.Example\" }}\nrevoked = true\n\
         [[projects.search.keys]]\nid = \"pinned\"\ncertificate = {{ sha256 = \"{digest}\" }}\n"
    );
    let stage = stage("stands", &upstream, &authority, "", &keys);
    let told = stage.checked();
    assert!(told.contains(&format!("  key        web; certificate {TEAM} alone\n")), "{told}");
    assert!(told.contains(&format!("  key        pinned; certificate sha256:{digest} alone\n")), "{told}");
    for (shown, key, status, reason) in [
        (authority.issue(&[uri(TEAM)], false), "", 200, ""),
        (pinned, "", 200, ""),
        (authority.issue(&[dns("BATCH.example")], false), "", 403, "key_revoked"),
        (authority.issue(&[dns("*.example")], false), "", 401, "key_missing"),
        (authority.issue(&[dns("batch.example.com")], false), "", 401, "key_missing"),
        (authority.issue(&[dns("batch.example"), uri(TEAM)], false), "", 400, "key_conflict"),
        // A key that is sent is the one that counts.
        (authority.issue(&[uri(TEAM)], false), "pcl_wrong", 401, "key_malformed"),
    ] {
        let (got, text) = stage.ask(Some(&shown), key).unwrap();
        assert!(got == status && text.contains(reason), "{status} {reason}: {text}");
    }
    let records = stage.gate.records_when(7);
    assert_eq!([&records[0]["key_id"], &records[1]["key_id"]], ["web", "pinned"]);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn authorities_are_swapped_like_certificates() {
    let (upstream, old, new) = (Upstream::answering(OK), Authority::new(), Authority::new());
    let mut stage = stage("swap", &upstream, &old, "", "");
    let _lines = tracing::dispatcher::set_default(&stage.gate.gate.dispatch());
    let (of_old, of_new) = (old.issue(&[], false), new.issue(&[], false));
    assert_eq!(stage.status(Some(&of_old), stage.own()), Some(200));
    std::fs::write(stage.folder.join("clients.pem"), &new.pem).unwrap();
    assert!(!stage.watch.changed() && stage.watch.changed(), "its file is looked at");
    stage.watch.apply(&stage.gate.gate, "a file changed");
    assert_eq!(stage.status(Some(&of_old), stage.own()), None);
    assert_eq!(stage.status(Some(&of_new), stage.own()), Some(200));
    std::fs::write(stage.folder.join("clients.pem"), "nothing").unwrap();
    stage.watch.apply(&stage.gate.gate, "a file changed");
    let log = stage.gate.log();
    let fault = log.iter().rfind(|line| line["event"] == "configuration_fault").unwrap();
    assert_eq!(fault["path"], "server.tls.client_ca");
    assert_eq!(stage.status(Some(&of_new), stage.own()), Some(200), "the old ones stay");
}

#[test]
fn nothing_is_resumed_that_was_not_judged_anew() {
    let (upstream, authority) = (Upstream::answering(OK), Authority::new());
    let stage = stage("resumed", &upstream, &authority, "", "");
    let shown = authority.issue(&[], false);
    let mut roots = RootCertStore::empty();
    roots.add(stage.server.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(shown.key.clone()).unwrap();
    let config =
        builder.with_root_certificates(roots).with_client_auth_cert(vec![shown.certificate], key).unwrap();
    let config = Arc::new(config);
    for _ in 0..2 {
        let client = ClientConnection::new(Arc::clone(&config), "gate.example".try_into().unwrap()).unwrap();
        let mut tls = StreamOwned::new(client, TcpStream::connect(stage.gate.address()).unwrap());
        tls.write_all(&stage.gate.chat()).unwrap();
        let mut first = [0; 12];
        tls.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        assert_eq!(tls.conn.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}
