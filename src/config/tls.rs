//! How to speak TLS to upstreams: which authorities are trusted.
//!
//! 1. There is no switch that turns verification off. An upstream with a certificate of its own is reached with
//!    `ca_file`, which is trusted beside the others.
//! 2. The others are the public authorities, compiled in; or, where `SSL_CERT_FILE` names a file, those in it, as with
//!    other programs: a company whose network opens TLS has its own there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::fault::{Fault, Place, Severity};
use super::load::Sources;
use super::work::Work;
use crate::project_key::{Digest, digest};

/// The variable that names a file of authorities.
pub(super) const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// What was made for upstreams without a `ca_file`, and of which file: kept over reloads, so that sessions can be resumed.
static USUAL: Mutex<Option<(Option<Digest>, Arc<ClientConfig>)>> = Mutex::new(None);

/// The authorities that are trusted in any case.
#[derive(Debug)]
pub(super) struct Trusted {
    authorities: RootCertStore,
    /// Of the file that they are from.
    digest: Option<Digest>,
}

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
            let trusted = self.trusted()?;
            let mut usual = USUAL.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, made)) = &*usual
                && *of == trusted.digest
            {
                return Some(Arc::clone(made));
            }
            let made = self.built(path, trusted.authorities.clone())?;
            *usual = Some((trusted.digest, Arc::clone(&made)));
            return Some(made);
        };
        if let Some(made) = roots.get(file) {
            return Some(Arc::clone(made));
        }
        let (pem, _) = self.read(path, file)?;
        let mut store = self.trusted()?.authorities.clone();
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

    /// Whether a file of the system says whom to trust.
    pub(super) fn trusts_the_system(&self) -> bool {
        self.trusted.get().is_some_and(|trusted| trusted.as_ref().is_some_and(|of| of.digest.is_some()))
    }

    /// What is trusted in any case, told once what is wrong with it.
    fn trusted(&mut self) -> Option<Arc<Trusted>> {
        if let Some(known) = self.trusted.get() {
            return known.clone();
        }
        let named = self.sources.variable(SSL_CERT_FILE).filter(|name| !name.is_empty());
        let trusted = match named {
            Some(file) => self.trusted_by(Path::new(file.as_str())),
            None => Some(Trusted {
                authorities: RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
                digest: None,
            }),
        };
        self.trusted.get_or_init(|| trusted.map(Arc::new)).clone()
    }

    /// What a file of the system has; certificates in it that cannot be used are left out, as by other programs.
    fn trusted_by(&mut self, file: &Path) -> Option<Trusted> {
        self.referred.push(file.to_owned());
        let read = Sources::file(file).map_err(|error| format!("{} cannot be read: {error}", file.display()));
        let found = read.and_then(|(pem, _)| {
            let mut authorities = RootCertStore::empty();
            let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            authorities.add_parsable_certificates(
                all.map_err(|error| format!("{} is not PEM: {error}", file.display()))?,
            );
            if authorities.is_empty() {
                return Err(format!("{} holds no certificate of an authority", file.display()));
            }
            Ok(Trusted { authorities, digest: Some(digest(&pem)) })
        });
        let mend = "name a file of PEM certificates, or leave the variable away: then the public authorities are trusted";
        let place = || Some(Place::Variable { variable: SSL_CERT_FILE.to_owned() });
        found.map_err(|what| self.faults.push(Fault::new(Severity::Error, "", place(), &what, mend))).ok()
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
