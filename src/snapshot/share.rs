//! Where the store is by which several gates share their limits.

use std::sync::Arc;

use crate::limits::OnFailure;
use crate::secret::Hidden;

/// The store by which several gates share their limits.
#[derive(Debug)]
pub struct ShareSettings {
    /// Its host.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
    /// How to speak TLS to it; in the clear if there is none.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The number of its database.
    pub database: u32,
    /// The user.
    pub user: Option<Box<str>>,
    /// The password.
    pub password: Option<Hidden>,
    /// What the names of its keys begin with.
    pub prefix: Box<str>,
    /// What becomes of requests and tokens while it is away.
    pub rates: OnFailure,
    /// What becomes of money while it is away.
    pub money: OnFailure,
}

impl ShareSettings {
    /// Whether it is the same store, and the same limits in it.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        let place =
            |one: &Self| (one.host.clone(), one.port, one.database, one.user.clone(), one.prefix.clone());
        place(self) == place(other) && self.tls.is_some() == other.tls.is_some()
    }
}
