//! A client's certificate, as far as keys are tied to it: its digest, and the names that its authority gave it.
//!
//! Whether it is good was judged in the handshake. Names are compared as they are written, never as patterns: a
//! certificate for `*.example` stands for no other name.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::project_key::{self, Digest};

/// What a certificate is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The SHA-256 of the whole certificate.
    Digest(Digest),
    /// A URI, such as a SPIFFE id, or a DNS name in small letters, among its alternative names.
    Name(Box<str>),
}

/// The certificate that a client showed.
#[derive(Debug)]
pub struct Certificate {
    marks: Vec<Mark>,
}

impl Certificate {
    /// Reads a certificate. Of one that cannot be read only the digest is known.
    #[must_use]
    pub fn read(der: &CertificateDer<'_>) -> Self {
        let mut marks = vec![Mark::Digest(project_key::digest(der))];
        if let Ok(read) = EndEntityCert::try_from(der) {
            marks.extend(read.valid_uri_names().map(|uri| Mark::Name(uri.into())));
            marks.extend(read.valid_dns_names().map(|name| Mark::Name(name.to_ascii_lowercase().into())));
        }
        Self { marks }
    }

    /// All that it is known by.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }
}

/// The mark of a name as an operator writes it: a URI has a scheme and is taken as it is, a DNS name in small
/// letters.
#[must_use]
pub fn named(text: &str) -> Option<Mark> {
    let plain = !text.is_empty() && text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic());
    if text.contains("://") {
        return plain.then(|| Mark::Name(text.into()));
    }
    let dns = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    (plain && dns).then(|| Mark::Name(text.to_ascii_lowercase().into()))
}
