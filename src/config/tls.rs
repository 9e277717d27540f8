//! How to speak TLS to upstreams: which authorities are trusted.
//!
//! There is no switch that turns verification off. An upstream with a certificate of its own is
//! reached with `ca_file`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::work::Work;

/// The public authorities; one for the life of the process, so that sessions can be resumed.
static PUBLIC: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// The TLS settings that this configuration has built so far, by `ca_file`.
pub(super) type Roots = HashMap<String, Arc<ClientConfig>>;

impl Work<'_> {
    /// The TLS settings for an upstream with or without a `ca_file`.
    pub(super) fn tls(
        &mut self,
        path: &str,
        ca_file: Option<&str>,
        roots: &mut Roots,
    ) -> Option<Arc<ClientConfig>> {
        let Some(file) = ca_file else {
            return match PUBLIC.get() {
                Some(public) => Some(Arc::clone(public)),
                None => self.built(path, public()).map(|made| Arc::clone(PUBLIC.get_or_init(|| made))),
            };
        };
        if let Some(made) = roots.get(file) {
            return Some(Arc::clone(made));
        }
        let (pem, _) = self.read(path, file)?;
        let mut store = public();
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            if !certificate.is_ok_and(|certificate| store.add(certificate).is_ok()) {
                self.wrong(
                    path,
                    &format!("{file} holds something that is not a certificate authority"),
                    "put PEM certificates there, and nothing else",
                );
                return None;
            }
            count += 1;
        }
        if count == 0 {
            self.wrong(
                path,
                &format!("{file} holds no certificate"),
                "put PEM certificates there, from -----BEGIN CERTIFICATE----- on",
            );
            return None;
        }
        let made = self.built(path, store)?;
        roots.insert(file.to_owned(), Arc::clone(&made));
        Some(made)
    }

    fn built(&mut self, path: &str, store: RootCertStore) -> Option<Arc<ClientConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let Ok(versions) =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        else {
            self.wrong(path, "TLS cannot be set up", "report this as a bug");
            return None;
        };
        let mut made = versions.with_root_certificates(store).with_no_client_auth();
        made.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Arc::new(made))
    }
}

fn public() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}
