//! How many connections are open, over all and from each address.
//!
//! An address has an entry only while it has a connection open, so the table is never larger than the bound
//! on all connections. Of IPv6 a /64 is one address, since one machine has as many as it likes of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use crate::address::block;

/// How many connections each address has open.
#[derive(Debug, Default)]
pub struct ByAddress(Mutex<HashMap<IpAddr, usize, foldhash::fast::RandomState>>);

impl ByAddress {
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize, foldhash::fast::RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, address: IpAddr, most: usize) -> bool {
        let mut open = self.open();
        let count = open.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    fn give_back(&self, address: IpAddr) {
        let mut open = self.open();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// An open connection's place in the count.
pub(super) struct Seat {
    shared: Arc<Shared>,
    /// The address by which it is counted as well.
    address: Option<IpAddr>,
}

impl Seat {
    /// The place of a new connection, if one is left.
    pub(super) fn take(shared: &Arc<Shared>, most: usize) -> Option<Self> {
        let one_more = |open: usize| (open < most).then(|| open + 1);
        shared.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        shared.ledger.metrics.connections.inc();
        Some(Self { shared: Arc::clone(shared), address: None })
    }

    /// The place of a connection that was counted before.
    pub(super) fn keep(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::AcqRel);
        shared.ledger.metrics.connections.inc();
        Self { shared: Arc::clone(shared), address: None }
    }

    /// Counts it for its address too; nothing if that has as many already.
    pub(super) fn of(mut self, address: IpAddr, most: usize) -> Option<Self> {
        let address = block(address);
        if !self.shared.by_address.take(address, most) {
            return None;
        }
        self.address = Some(address);
        Some(self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            self.shared.by_address.give_back(address);
        }
        self.shared.open.fetch_sub(1, Ordering::AcqRel);
        self.shared.ledger.metrics.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_left_is_forgotten() {
        let (table, one, two) =
            (ByAddress::default(), block("::1".parse().unwrap()), "10.0.0.1".parse().unwrap());
        assert!(table.take(one, 2) && table.take(one, 2) && !table.take(one, 2));
        assert!(table.take(two, 1) && !table.take(two, 1));
        table.give_back(one);
        assert!(table.take(one, 2));
        for address in [one, one, two] {
            table.give_back(address);
        }
        assert!(table.open().is_empty());
    }
}
