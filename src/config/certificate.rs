//! `server.tls`: the certificate that the public listener shows, and its key.
//!
//! 1. A pair is taken as a whole: certificates that can be read, a key that can be used, and each of
//!    the other. Anything else is a mistake, so that a reload keeps the pair in force.
//! 2. Sessions are resumed by tickets, which the client keeps: nothing is remembered for one that may
//!    never come back. A ticket is good for the pair under which it was given.
//!    Where clients show certificates none is given, so that each connection is judged anew.
//! 3. No early data: what can be replayed must not ask a model.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use super::client_auth::ClientAuth;
use super::place::child;
use super::work::Work;
use crate::project_key;

/// The certificate that the public listener shows, and its key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ServerTls"))]
pub(super) struct TlsWritten {
    /// The file with the certificate and those that lead to its authority, in PEM: its path, or
    /// `"file:/path"`. One that does not begin with / is taken from the configuration's folder.
    pub(super) cert: Option<String>,
    /// The file with the certificate's private key, in PEM.
    pub(super) key: Option<String>,
    /// The file with the authorities of clients' certificates, in PEM. Default: clients show none.
    pub(super) client_ca: Option<String>,
    /// Whether each client must show a certificate, where there is a `client_ca`. Default: "required".
    pub(super) client_auth: Option<ClientAuth>,
}

/// How the pair is written.
const WRITTEN: &str =
    "write tls = { cert = \"file:/path/cert.pem\", key = \"file:/path/key.pem\" }, or remove tls";
/// How the files are made.
const CHAIN: &str = "put the certificate there and then those that lead to its authority, in PEM, from -----BEGIN CERTIFICATE----- on";
const KEY: &str = "put the certificate's key there in PEM, without a password: -----BEGIN PRIVATE KEY-----";

impl Work<'_> {
    /// How the public listener speaks TLS; nothing if it is not to.
    pub(super) fn listener_tls(
        &mut self,
        written: Option<&TlsWritten>,
        http2: bool,
    ) -> Option<Arc<ServerConfig>> {
        let written = written?;
        let chain = self.pem_file("server.tls", "cert", written.cert.as_deref());
        let key = self.pem_file("server.tls", "key", written.key.as_deref());
        let authorities = match &written.client_ca {
            Some(file) => {
                self.client_certificates = true;
                Some(self.pem_file("server.tls", "client_ca", Some(file))?)
            }
            None => None,
        };
        if written.client_auth.is_some() && authorities.is_none() {
            let what = "nobody says which certificates are good";
            self.wrong("server.tls.client_auth", what, "add client_ca = \"file:/path/ca.pem\", or remove it");
        }
        let auth = written.client_auth.unwrap_or_default();
        let (chain, key) = (chain?, key?);
        if key.open {
            let what = format!("others than its owner may read {}", key.file.display());
            self.lint(&key.path, &what, "chmod 600 it, or give it to the gate's user alone");
        }
        let theirs = authorities.as_ref().map_or(&[][..], |pem| pem.bytes.as_slice());
        let flags =
            [u8::from(http2), u8::from(authorities.is_some()), u8::from(auth == ClientAuth::Required)];
        let parts = [&flags[..], &chain.bytes, b"\0", &key.bytes, b"\0", theirs];
        let digest = project_key::digest(&Zeroizing::new(parts.concat()));
        if let Some(made) = self.registry.listener_tls(&digest) {
            return Some(made);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = self.chain(&chain);
        let signing = self.signing_key(&key, &provider);
        let pair = CertifiedKey::new(certificates?, signing?);
        if let Err(error) = pair.keys_match() {
            let (chain_file, key_file) = (chain.file.display(), key.file.display());
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                let what = format!("{key_file} is not the key of the certificate in {chain_file}");
                let mend = "put the key there that the certificate was issued for, or replace both together";
                self.wrong(&key.path, &what, mend);
            } else {
                let what = format!("{chain_file} begins with a certificate that cannot be read");
                self.wrong(&chain.path, &what, CHAIN);
            }
            return None;
        }
        let verifier = match &authorities {
            Some(authorities) => Some(self.verifier(authorities, auth, &provider)?),
            None => None,
        };
        let Some(made) = listener(provider, pair, verifier, http2) else {
            self.wrong("server.tls", "TLS cannot be set up", "report this as a bug");
            return None;
        };
        self.registry.keep_listener_tls(digest, Arc::clone(&made));
        Some(made)
    }

    fn pem_file(&mut self, section: &str, name: &str, written: Option<&str>) -> Option<Pem> {
        let path = child(section, name);
        let Some(text) = written else {
            if !self.holds_wrong(&path) {
                self.wrong(section, &format!("`{name}` is missing"), WRITTEN);
            }
            return None;
        };
        let text = text.strip_prefix("file:").unwrap_or(text);
        if text.contains("-----BEGIN") {
            let spent = "; if this was a real key, it is spent: make a new one";
            let mend = format!("{WRITTEN}{}", if name == "key" { spent } else { "" });
            self.wrong(&path, &format!("`{name}` is a file, never the text itself"), &mend);
            return None;
        }
        if text.is_empty() || text.starts_with("env:") {
            self.wrong(&path, &format!("`{name}` is the path of a file"), WRITTEN);
            return None;
        }
        let file = self.sources.folder().join(text);
        let (bytes, open) = self.read_file(&path, &file)?;
        Some(Pem { path, file, bytes, open })
    }

    pub(super) fn chain(&mut self, pem: &Pem) -> Option<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_slice_iter(&pem.bytes).collect::<Result<Vec<_>, _>>();
        let what = match read {
            Ok(chain) if !chain.is_empty() => return Some(chain),
            Ok(_) => "holds no certificate",
            Err(_) => "holds something that is not a certificate",
        };
        self.wrong(&pem.path, &format!("{} {what}", pem.file.display()), CHAIN);
        None
    }

    fn signing_key(&mut self, pem: &Pem, provider: &CryptoProvider) -> Option<Arc<dyn SigningKey>> {
        let Ok(mut key) = PrivateKeyDer::from_pem_slice(&pem.bytes) else {
            let locked = memchr::memmem::find(&pem.bytes, b"ENCRYPTED").is_some();
            let what = if locked { "is locked with a password" } else { "holds no private key" };
            self.wrong(&pem.path, &format!("{} {what}", pem.file.display()), KEY);
            return None;
        };
        let signing = provider.key_provider.load_private_key(key.clone_key());
        key.zeroize();
        if signing.is_err() {
            let what = format!("{} holds a key that cannot be used", pem.file.display());
            self.wrong(&pem.path, &what, "use an ECDSA, Ed25519 or RSA key of at least 2048 bits");
        }
        signing.ok()
    }
}

/// A file that was read.
pub(super) struct Pem {
    /// The setting that names it.
    pub(super) path: String,
    pub(super) file: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    /// Whether others may read it.
    open: bool,
}

fn listener(
    provider: Arc<CryptoProvider>,
    pair: CertifiedKey,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    http2: bool,
) -> Option<Arc<ServerConfig>> {
    let versions =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    // A ticket would carry a client's certificate past its last day.
    let resumes = verifier.is_none();
    let builder = match verifier {
        Some(verifier) => versions.with_client_cert_verifier(verifier),
        None => versions.with_no_client_auth(),
    };
    let mut made = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    made.alpn_protocols =
        if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    made.session_storage = Arc::new(NoServerSessionStorage {});
    if resumes {
        made.ticketer = aws_lc_rs::Ticketer::new().ok()?;
    } else {
        made.send_tls13_tickets = 0;
    }
    made.max_early_data_size = 0;
    let made = Arc::new(made);
    // What a connection would find out, found out now.
    ServerConnection::new(Arc::clone(&made)).ok()?;
    Some(made)
}
