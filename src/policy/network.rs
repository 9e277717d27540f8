//! May this address speak to the gate at all?
//!
//! 1. The client is the socket's peer, unless the peer is a trusted proxy.
//! 2. Behind a trusted proxy the forwarded header is walked from the right over all its lines; the
//!    first address that is no trusted proxy is the client.
//! 3. An entry that cannot be read denies: what stands left of it was written by nobody we trust.
//! 4. If every entry is a trusted proxy, the left-most is the client.
//!
//! Only the header that the configuration names is read. A proxy passes on what it does not set
//! itself, so reading both would let clients write the other.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use super::{Policy, Sight};
use crate::denial::{Denial, Reason, RuleId};
use crate::exchange::{Admitted, Formed};
use crate::record::AddressSource;
use crate::snapshot::{ForwardedHeader, Server};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Policy for Network {
    type From = Formed;
    type Into = Admitted;

    fn decide(&self, from: Formed, sight: &mut Sight<'_>) -> Result<Admitted, Denial> {
        let server = &sight.snapshot.server;
        let found = client_address(from.peer, &sight.head.headers, server).map_err(|hop| {
            Denial::by(Reason::AddressUnreadable, RuleId::BUILT_IN)
                .because(format!("entry {hop} from the right is not an address"))
        })?;
        sight.notes.client = Some(found);
        let (address, _) = found;
        if !server.allow_ips.contains(address) {
            let denial = Denial::by(Reason::AddressNotAllowed, server.allow_ips_rule);
            sight.refuse(server.allow_ips_observed, denial)?;
        }
        Ok(Admitted { address })
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address and how it was found.
///
/// # Errors
/// The number, from the right, of the entry that cannot be read.
fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    server: &Server,
) -> Result<(IpAddr, AddressSource), u16> {
    let peer = peer.to_canonical();
    if !server.trusted_proxies.contains(peer) {
        return Ok((peer, AddressSource::Peer));
    }
    match server.forwarded_header {
        ForwardedHeader::XForwardedFor => {
            walk(peer, headers, &X_FORWARDED_FOR, server, x_forwarded_for, AddressSource::ForwardedFor)
        }
        ForwardedHeader::Forwarded => {
            walk(peer, headers, &http::header::FORWARDED, server, forwarded, AddressSource::Forwarded)
        }
    }
}

fn walk(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    server: &Server,
    read: fn(&str) -> Option<IpAddr>,
    source: fn(u16) -> AddressSource,
) -> Result<(IpAddr, AddressSource), u16> {
    let mut found = (peer, AddressSource::Peer);
    let mut hop = 0u16;
    let lines: smallvec::SmallVec<[_; 4]> = headers.get_all(name).iter().collect();
    for line in lines.into_iter().rev() {
        let line = line.to_str().map_err(|_| hop.saturating_add(1))?;
        for entry in line.rsplit(',') {
            hop = hop.saturating_add(1);
            let address = read(entry.trim_matches([' ', '\t'])).ok_or(hop)?.to_canonical();
            found = (address, source(hop));
            if !server.trusted_proxies.contains(address) {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// One entry of X-Forwarded-For: an address, or as some proxies write it, with a port.
fn x_forwarded_for(entry: &str) -> Option<IpAddr> {
    if let Some(inner) = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6);
    }
    entry.parse::<IpAddr>().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

/// One element of Forwarded (RFC 7239 section 4): its `for=`, quoted if IPv6 or with a port. An
/// obfuscated identifier and `unknown` are no addresses.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim_matches([' ', '\t']).eq_ignore_ascii_case("for").then_some(value.trim_matches([' ', '\t']))
    });
    let (node, None) = (nodes.next()?, nodes.next()) else { return None };
    let bare = match node.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None if node.contains(':') => return None,
        None => node,
    };
    // Bare IPv6 is not of RFC 7239's form, and two readers could cut it at different colons.
    if bare.starts_with('[') || !bare.contains(':') || bare.matches(':').count() == 1 {
        return x_forwarded_for(bare);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Networks, parse_network};
    use crate::attempts::Tolerance;
    use crate::snapshot::{Bounds, FailedKeys};
    use std::time::Duration;

    fn server(trusted: &[&str], header: ForwardedHeader) -> Server {
        let networks = |list: &[&str]| list.iter().map(|n| parse_network(n).unwrap()).collect::<Networks>();
        Server {
            tls: None,
            listen: Vec::new(),
            socket_mode: 0,
            proxy_protocol: false,
            admin_listen: None,
            workers: 1,
            trusted_proxies: networks(trusted),
            forwarded_header: header,
            allow_ips: Networks::any(),
            allow_ips_rule: RuleId::BUILT_IN,
            allow_ips_observed: false,
            max_body: 1,
            max_body_rule: RuleId::BUILT_IN,
            max_held: 1,
            max_held_rule: RuleId::BUILT_IN,
            max_upload: 1,
            max_upload_rule: RuleId::BUILT_IN,
            body_timeout: Duration::ZERO,
            body_timeout_rule: RuleId::BUILT_IN,
            header_timeout: Duration::ZERO,
            drain: Duration::ZERO,
            max_connections: 1,
            bounds: Bounds {
                http2: true,
                connections_per_ip: 1,
                write_timeout: Duration::ZERO,
                upload_rate: 1,
                upload_rate_rule: RuleId::BUILT_IN,
                failed_keys: FailedKeys {
                    tolerance: Tolerance { failures: 1, per: Duration::ZERO },
                    rule: RuleId::BUILT_IN,
                },
            },
        }
    }

    fn find(peer: &str, header: ForwardedHeader, lines: &[&str]) -> Result<(String, AddressSource), u16> {
        let name = match header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &server(&["10.0.0.0/8", "fd00::/8"], header))
            .map(|(address, source)| (address.to_string(), source))
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        use AddressSource::{ForwardedFor, Peer};
        let x = ForwardedHeader::XForwardedFor;
        let is = |address: &str, source| Ok((address.to_owned(), source));
        assert_eq!(find("192.0.2.1", x, &["203.0.113.9"]), is("192.0.2.1", Peer));
        assert_eq!(find("10.0.0.3", x, &[]), is("10.0.0.3", Peer));
        assert_eq!(find("::ffff:10.0.0.3", x, &["203.0.113.9"]), is("203.0.113.9", ForwardedFor(1)));
        assert_eq!(
            find("10.0.0.3", x, &["1.1.1.1, 203.0.113.9, 10.9.9.9"]),
            is("203.0.113.9", ForwardedFor(2))
        );
        assert_eq!(
            find("10.0.0.3", x, &["1.1.1.1", "203.0.113.9", "10.9.9.9"]),
            is("203.0.113.9", ForwardedFor(2))
        );
        assert_eq!(find("10.0.0.3", x, &["10.1.1.1, ::ffff:10.2.2.2"]), is("10.1.1.1", ForwardedFor(2)));
        assert_eq!(find("10.0.0.3", x, &["::ffff:203.0.113.9"]), is("203.0.113.9", ForwardedFor(1)));
        assert_eq!(find("10.0.0.3", x, &["203.0.113.9:4711"]), is("203.0.113.9", ForwardedFor(1)));
        assert_eq!(find("fd00::1", x, &["[2001:db8::1]:443"]), is("2001:db8::1", ForwardedFor(1)));
    }

    #[test]
    fn what_cannot_be_read_denies() {
        let x = ForwardedHeader::XForwardedFor;
        assert_eq!(find("10.0.0.3", x, &["203.0.113.9, unknown"]), Err(1));
        assert_eq!(find("10.0.0.3", x, &["203.0.113.9, , 10.0.0.1"]), Err(2));
        assert_eq!(find("10.0.0.3", x, &["203.0.113.9", ""]), Err(1));
        assert_eq!(find("10.0.0.3", x, &["010.0.0.1"]), Err(1));
        // Left of the client nobody looks: whoever stands there wrote it.
        assert!(find("10.0.0.3", x, &["rubbish, 203.0.113.9"]).is_ok());
    }

    #[test]
    fn rfc_7239_is_read_strictly() {
        let f = ForwardedHeader::Forwarded;
        let is = |address: &str| Ok((address.to_owned(), AddressSource::Forwarded(1)));
        assert_eq!(find("10.0.0.3", f, &["for=203.0.113.9;proto=https"]), is("203.0.113.9"));
        assert_eq!(find("10.0.0.3", f, &["For=\"[2001:db8::1]:80\""]), is("2001:db8::1"));
        assert_eq!(find("10.0.0.3", f, &["for=\"203.0.113.9:80\";by=x"]), is("203.0.113.9"));
        for bad in [
            "for=_hidden",
            "for=unknown",
            "for=2001:db8::1",
            "for=\"2001:db8::1\"",
            "proto=https",
            "for=1.1.1.1;for=2.2.2.2",
            "",
        ] {
            assert_eq!(find("10.0.0.3", f, &[bad]), Err(1), "{bad}");
        }
    }
}
