//! Sets of networks, and the one form in which addresses are compared.
//!
//! An IPv4 address that arrives dressed as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address: it is
//! undressed on every side, at the socket, in a forwarded header and in the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Subnets};

/// A set of networks; an empty one contains nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// Every address.
    #[must_use]
    pub fn any() -> Self {
        Self { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)] }
    }

    /// Whether every address is in it.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::any()
    }

    /// Whether no address is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether the address is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => within(&self.v4, u32::from(v4)),
            IpAddr::V6(v6) => within(&self.v6, u128::from(v6)),
        }
    }

    /// The addresses that are in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            v4: merged(self.v4.iter().chain(&other.v4).copied().collect()),
            v6: merged(self.v6.iter().chain(&other.v6).copied().collect()),
        }
    }

    /// Whether some address is in both sets.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let crosses = |a: (u128, u128), b: (u128, u128)| a.0 <= b.1 && b.0 <= a.1;
        let wide = |&(low, high): &(u32, u32)| (u128::from(low), u128::from(high));
        self.v4.iter().any(|a| other.v4.iter().any(|b| crosses(wide(a), wide(b))))
            || self.v6.iter().any(|a| other.v6.iter().any(|b| crosses(*a, *b)))
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match canonical(network) {
                IpNet::V4(net) => v4.push((u32::from(net.network()), u32::from(net.broadcast()))),
                IpNet::V6(net) => v6.push((u128::from(net.network()), u128::from(net.broadcast()))),
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }
}

/// The networks as one would write them; `any` for every address, `nobody` for none.
impl std::fmt::Display for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_any() || self.is_empty() {
            return f.write_str(if self.is_any() { "any" } else { "nobody" });
        }
        let v4 = self.v4.iter().flat_map(|(low, high)| Ipv4Subnets::new((*low).into(), (*high).into(), 0));
        let v6 = self.v6.iter().flat_map(|(low, high)| Ipv6Subnets::new((*low).into(), (*high).into(), 0));
        for (at, network) in v4.map(IpNet::V4).chain(v6.map(IpNet::V6)).enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{}", network.addr())?;
            } else {
                write!(f, "{network}")?;
            }
        }
        Ok(())
    }
}

/// Undresses an IPv4-mapped network. One that is wider than the mapped range stays IPv6.
#[must_use]
pub fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(v4), Some(length)) => Ipv4Net::new(v4, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidNetwork {
    /// Not an address or a CIDR network at all.
    Unreadable,
    /// Bits are set behind the prefix; the network that was probably meant.
    HostBits(IpNet),
    /// An IPv4-mapped network that is wider than all of IPv4.
    WiderThanMapped,
}

/// Reads one entry of an allowlist: an address, or a network in CIDR form.
///
/// # Errors
/// When it is neither, or is written so that two readers could take it for different networks.
pub fn parse_network(text: &str) -> Result<IpNet, InvalidNetwork> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text.parse().map_err(|_| InvalidNetwork::Unreadable)?;
    if network.trunc() != network {
        return Err(InvalidNetwork::HostBits(network.trunc()));
    }
    let mapped = |v6: Ipv6Addr| v6.to_ipv4_mapped().is_some();
    match network {
        IpNet::V6(v6) if mapped(v6.addr()) && v6.prefix_len() < 96 => Err(InvalidNetwork::WiderThanMapped),
        IpNet::V4(_) | IpNet::V6(_) => Ok(canonical(network)),
    }
}

/// The loopback addresses.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    }
}

/// Whether the address is of a private network (RFC 1918, RFC 4193), which no router of the internet passes on.
/// Link-local ones are not among them: clouds answer at some of them.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// The addresses that count as one: of IPv6 a /64, since one machine has as many as it likes of it.
#[must_use]
pub fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}

/// The unspecified IPv4 address, for records of connections whose peer could not be asked.
pub const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn within<T: Ord + Copy>(ranges: &[(T, T)], value: T) -> bool {
    let after = ranges.partition_point(|range| range.0 <= value);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|range| value <= range.1)
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.0 <= last.1 => last.1 = last.1.max(range.1),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(list: &[&str]) -> Networks {
        list.iter().filter_map(|text| parse_network(text).ok()).collect()
    }

    #[test]
    fn nothing_is_in_the_empty_set() {
        assert!(!Networks::default().contains(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn mapped_addresses_are_their_ipv4_on_both_sides() {
        let mapped: IpAddr = "::ffff:10.1.2.3".parse().unwrap();
        assert!(networks(&["10.0.0.0/8"]).contains(mapped));
        assert!(networks(&["::ffff:10.0.0.0/104"]).contains("10.1.2.3".parse().unwrap()));
        assert!(!networks(&["::/1"]).contains(mapped));
    }

    #[test]
    fn networks_are_written_as_one_would_write_them() {
        let set = networks(&["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "192.0.2.7"]);
        assert_eq!(set.to_string(), "10.0.0.0/8, 192.0.2.7, 2001:db8::/32");
        assert_eq!(
            (Networks::any().to_string(), Networks::default().to_string()),
            ("any".into(), "nobody".into())
        );
    }

    #[test]
    fn ambiguous_networks_are_refused() {
        assert_eq!(parse_network("10.0.0.1/8"), Err(InvalidNetwork::HostBits("10.0.0.0/8".parse().unwrap())));
        assert_eq!(parse_network("010.0.0.1"), Err(InvalidNetwork::Unreadable));
        assert_eq!(parse_network("10.1"), Err(InvalidNetwork::Unreadable));
        assert_eq!(
            parse_network("::ffff:0:0/95"),
            Err(InvalidNetwork::HostBits("::fffe:0:0/95".parse().unwrap()))
        );
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (any::<u32>(), 0u8..=32).prop_filter_map("v4", |(bits, length)| {
                Some(IpNet::V4(Ipv4Net::new(Ipv4Addr::from(bits), length).ok()?.trunc()))
            }),
            (any::<u128>(), 0u8..=128).prop_filter_map("v6", |(bits, length)| {
                Some(IpNet::V6(ipnet::Ipv6Net::new(Ipv6Addr::from(bits), length).ok()?.trunc()))
            }),
        ]
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
            any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from(bits).to_ipv6_mapped())),
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
        ]
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_set_exactly_when_some_network_holds_it(
            list in prop::collection::vec(any_network(), 0..12), random in any_address(), pick in any::<prop::sample::Index>(),
        ) {
            let inside = if list.is_empty() { random } else { pick.get(&list).addr() };
            let set: Networks = list.iter().copied().collect();
            for address in [random, inside] {
                let plain = address.to_canonical();
                let expected = list.iter().any(|network| canonical(*network).contains(&plain));
                prop_assert_eq!(set.contains(address), expected);
            }
        }

        #[test]
        fn removing_a_network_never_lets_an_address_in_and_order_is_nothing(
            list in prop::collection::vec(any_network(), 1..12), address in any_address(), pick in any::<prop::sample::Index>(),
        ) {
            let full: Networks = list.iter().copied().collect();
            let mut fewer = list.clone();
            fewer.remove(pick.index(list.len()));
            let fewer: Networks = fewer.into_iter().collect();
            prop_assert!(full.contains(address) || !fewer.contains(address));
            let reversed: Networks = list.iter().rev().copied().collect();
            prop_assert_eq!(full, reversed);
        }
    }
}
