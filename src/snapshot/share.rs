//! Where the store is by which several gates share their limits.

use std::fmt;
use std::sync::Arc;

use crate::limits::OnFailure;
use crate::secret::Hidden;

/// The store by which several gates share their limits.
#[derive(Debug)]
pub struct ShareSettings {
    /// How its server is found.
    pub place: StorePlace,
    /// How to speak TLS to it, and to those who name it; in the clear if there is none.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The number of its database.
    pub database: u32,
    /// The user, and the password.
    pub login: StoreLogin,
    /// The same at the Sentinels.
    pub sentinel_login: StoreLogin,
    /// What the names of its keys begin with.
    pub prefix: Box<str>,
    /// What becomes of requests and tokens while it is away.
    pub rates: OnFailure,
    /// What becomes of money while it is away.
    pub money: OnFailure,
}

/// Who the gate is at a server.
#[derive(Debug, Default)]
pub struct StoreLogin {
    /// The user; without one, the server's default one.
    pub user: Option<Box<str>>,
    /// The password.
    pub password: Option<Hidden>,
}

/// How the server is found that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// It is this one.
    Server(StoreServer),
    /// These Sentinels name it.
    Sentinels {
        /// Where they are.
        at: Box<[StoreServer]>,
        /// What they call the primary and its replicas.
        name: Box<str>,
    },
    /// Each of these nodes knows which of the cluster's owns the keys.
    Cluster(Box<[StoreServer]>),
}

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreServer {
    /// Its name or address.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
}

impl ShareSettings {
    /// Whether it is the same store, and the same limits in it.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        let who = |one: &Self| (one.database, one.login.user.clone(), one.prefix.clone(), one.tls.is_some());
        self.place == other.place && who(self) == who(other)
    }
}

impl fmt::Display for StoreServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = match self {
            Self::Server(server) => return server.fmt(f),
            Self::Sentinels { at, name } => {
                write!(f, "{name} of ")?;
                at
            }
            Self::Cluster(nodes) => nodes,
        };
        for (number, server) in servers.iter().enumerate() {
            write!(f, "{}{server}", if number == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
