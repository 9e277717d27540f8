//! Clients' certificates: whose are taken, and which key is tied to which.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use serde::Deserialize;

use super::certificate::Pem;
use super::key::parse_digest;
use super::place::child;
use super::work::Work;
use crate::certificate::{Mark, named};

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum ClientAuth {
    /// Without one there is no connection.
    #[default]
    Required,
    /// It may; one that it shows must be good.
    Optional,
}

/// The certificate that a key is tied to; one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "KeyCertificate"))]
pub(super) struct CertificateWritten {
    /// A URI such as a SPIFFE id, or a DNS name, that stands among the certificate's alternative names.
    pub(super) san: Option<String>,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    pub(super) sha256: Option<String>,
}

const WRITTEN: &str = "write certificate = { san = \"spiffe://domain/path\" } or { sha256 = \"…\" }";

impl Work<'_> {
    /// Judges clients' certificates by the authorities of a file.
    pub(super) fn verifier(
        &mut self,
        pem: &Pem,
        auth: ClientAuth,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let mut roots = RootCertStore::empty();
        for authority in self.chain(pem)? {
            if roots.add(authority).is_err() {
                let what =
                    format!("{} holds something that is not a certificate authority", pem.file.display());
                self.wrong(
                    &pem.path,
                    &what,
                    "put the certificates of the authorities there in PEM, and nothing else",
                );
                return None;
            }
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = match auth {
            ClientAuth::Required => builder,
            ClientAuth::Optional => builder.allow_unauthenticated(),
        };
        let made = builder.build();
        if made.is_err() {
            self.wrong(
                &pem.path,
                "clients' certificates cannot be judged by this file",
                "report this as a bug",
            );
        }
        made.ok()
    }

    /// What a key's certificate is known by; nothing if the key is tied to none, or the text is wrong.
    pub(super) fn mark(&mut self, path: &str, written: Option<&CertificateWritten>) -> Option<Mark> {
        let written = written?;
        let mark = self.written_mark(path, written);
        if mark.is_some() && !self.client_certificates {
            let what = "no client is asked for a certificate";
            self.wrong(
                path,
                what,
                "name the authority of your clients: server.tls.client_ca = \"file:/path/ca.pem\"",
            );
        }
        mark
    }

    fn written_mark(&mut self, path: &str, written: &CertificateWritten) -> Option<Mark> {
        match (&written.san, &written.sha256) {
            (Some(name), None) => {
                let mark = named(name);
                if mark.is_none() {
                    let what = "this can be no name of a certificate";
                    let mend = "write a URI such as spiffe://domain/path, or a DNS name, as it stands in the certificate";
                    self.wrong(&child(path, "san"), what, mend);
                }
                mark
            }
            (None, Some(text)) => {
                let digest = parse_digest(&text.replace(':', "").to_ascii_lowercase());
                if digest.is_none() {
                    let mend = "write what `openssl x509 -noout -fingerprint -sha256 -in cert.pem` prints";
                    self.wrong(&child(path, "sha256"), "a SHA-256 has 64 hexadecimal digits", mend);
                }
                digest.map(Mark::Digest)
            }
            (None, None) | (Some(_), Some(_)) => {
                if !self.holds_wrong(path) {
                    self.wrong(path, "a certificate is known by one thing: its name, or its digest", WRITTEN);
                }
                None
            }
        }
    }
}
