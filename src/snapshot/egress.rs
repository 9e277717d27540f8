//! A proxy through which an upstream is reached.

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
