//! How often keys were tried from an address that are none: a table of fixed size.
//!
//! 1. Only failures are counted. A request with a key that works is never looked up here, so it neither pays for
//!    the table nor is refused for what others at its address do.
//! 2. An address is forgotten when its failures have drained away. Where the table is full, who failed least
//!    makes room: what an attacker with many addresses can gain is to be counted less, never memory.
//! 3. Of IPv6 a /64 is one address.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::address::block;
use crate::clock::Moment;

/// How many groups of entries; a power of two.
const GROUPS: usize = 1024;
/// How many addresses that fall into one group are told apart.
const IN_A_GROUP: usize = 4;

/// The failures of each address.
#[derive(Debug)]
pub struct Attempts {
    origin: Moment,
    /// Nobody outside can tell which addresses share a group.
    marks: RandomState,
    groups: Box<[Mutex<[Entry; IN_A_GROUP]>]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    mark: u64,
    /// The nanosecond after the origin at which the last failure will have drained away.
    drained_at: u64,
}

/// How many failures may come at once, and the time in which as many drain away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// How many.
    pub failures: u32,
    /// In which time.
    pub per: Duration,
}

impl Attempts {
    /// An empty table whose clock begins at `origin`.
    #[must_use]
    pub fn new(origin: Moment) -> Self {
        let groups = (0..GROUPS).map(|_| Mutex::default()).collect();
        Self { origin, marks: RandomState::new(), groups }
    }

    /// Counts a failure, unless there are too many already.
    ///
    /// # Errors
    /// How long until the next one is tolerated.
    pub fn failed(&self, address: IpAddr, tolerance: Tolerance, now: Moment) -> Result<(), Duration> {
        let mark = self.marks.hash_one(block(address));
        let reading = now.nanos_since(self.origin);
        let per = u64::try_from(tolerance.per.as_nanos()).unwrap_or(u64::MAX);
        let each = per / u64::from(tolerance.failures.max(1));
        let group = usize::try_from(mark).unwrap_or_default() % GROUPS;
        let Some(group) = self.groups.get(group) else { return Ok(()) };
        let mut entries = group.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.iter().position(|entry| entry.mark == mark);
        let place =
            known.or_else(|| (0..IN_A_GROUP).min_by_key(|at| entries.get(*at).map(|one| one.drained_at)));
        let Some(entry) = place.and_then(|at| entries.get_mut(at)) else { return Ok(()) };
        let before = if known.is_some() { entry.drained_at.max(reading) } else { reading };
        let after = before.saturating_add(each);
        let over = after.saturating_sub(reading.saturating_add(per));
        if over > 0 {
            return Err(Duration::from_nanos(over));
        }
        *entry = Entry { mark, drained_at: after };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    const THREE: Tolerance = Tolerance { failures: 3, per: Duration::from_secs(60) };

    #[test]
    fn so_many_are_tolerated_and_then_one_each_time_that_one_drained() {
        let begun = Moment::now();
        let (table, address) = (Attempts::new(begun), "192.0.2.1".parse().unwrap());
        for _ in 0..3 {
            assert_eq!(table.failed(address, THREE, begun), Ok(()));
        }
        let wait = table.failed(address, THREE, begun).unwrap_err();
        assert_eq!(wait, Duration::from_secs(20));
        assert!(table.failed(address, THREE, begun.later(Duration::from_nanos(19_999_999_999))).is_err());
        assert_eq!(table.failed(address, THREE, begun.later(wait)), Ok(()));
        assert!(table.failed(address, THREE, begun.later(wait)).is_err());
        assert_eq!(table.failed("192.0.2.2".parse().unwrap(), THREE, begun), Ok(()), "another address");
    }

    #[test]
    fn a_network_of_ipv6_that_one_machine_has_is_one_address() {
        let begun = Moment::now();
        let table = Attempts::new(begun);
        let mut failed = |low: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 1, 2, 3, low);
            table.failed(address.into(), THREE, begun).is_err()
        };
        assert_eq!((0..5).map(&mut failed).collect::<Vec<_>>(), [false, false, false, true, true]);
        assert!(table.failed("2001:db8:0:8::1".parse().unwrap(), THREE, begun).is_ok());
    }

    #[test]
    fn a_crowd_takes_no_more_memory_and_does_not_free_who_failed_most() {
        let begun = Moment::now();
        let table = Attempts::new(begun);
        let worst = "192.0.2.1".parse().unwrap();
        while table.failed(worst, THREE, begun).is_ok() {}
        for at in 0..100_000u32 {
            let _ = table.failed(Ipv6Addr::from(u128::from(at) << 64).into(), THREE, begun);
        }
        assert!(table.failed(worst, THREE, begun).is_err());
        assert_eq!(table.groups.len() * IN_A_GROUP * size_of::<Entry>(), 64 * 1024);
    }
}
