//! A proxy between the gate and what it asks: upstreams, and the token services that stand on the public net.

use std::fmt;
use std::sync::Arc;

use crate::secret::{Fingerprint, Secret};

/// A proxy that makes tunnels.
#[derive(Debug)]
pub struct EgressProxy {
    /// Its host: a name, or an address without brackets.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
    /// How to speak TLS to it; plain HTTP if there is none.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What authenticates the gate there.
    pub login: Option<Secret>,
    /// All that makes it what it is; connections through another are not the same.
    pub identity: Fingerprint,
}

impl EgressProxy {
    /// A proxy with this address, these settings of TLS and this login.
    #[must_use]
    pub fn new(
        host: Box<str>,
        port: u16,
        tls: Option<Arc<rustls::ClientConfig>>,
        login: Option<Secret>,
    ) -> Self {
        let written = written(&host, port, tls.is_some(), login.as_ref());
        // The same certificates are the same settings: the address tells them apart, as with the upstream's own.
        let settings = tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr());
        let identity = written.with([settings.to_be_bytes().as_slice()]);
        Self { host, port, tls, login, identity }
    }

    /// What it is known again by when the configuration is read again, whatever the files of authorities hold then.
    #[must_use]
    pub fn written(&self) -> Fingerprint {
        written(&self.host, self.port, self.tls.is_some(), self.login.as_ref())
    }
}

/// Where it is; nothing of its login.
impl fmt::Display for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Address(&self.host, self.port))
    }
}

/// A host and its port, in brackets where the host is an IPv6 address.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a>(pub &'a str, pub u16);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn written(host: &str, port: u16, encrypted: bool, login: Option<&Secret>) -> Fingerprint {
    let port = port.to_string();
    let parts = [host, &port, if encrypted { "https" } else { "http" }];
    match login {
        Some(login) => login.fingerprint(&parts),
        None => Fingerprint::of(parts.map(str::as_bytes)),
    }
}
