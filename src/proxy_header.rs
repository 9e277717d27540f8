//! The PROXY protocol, versions 1 and 2: the line or block with which a proxy begins a connection to say whose it
//! is (haproxy.org, "The PROXY protocol", 2020-03-05).
//!
//! 1. What is read is bounded: 107 bytes of version 1, and of version 2 a length that it says, 536 at most.
//! 2. Who connects in the proxy's own name, as its checks do, has the proxy's address.
//! 3. Who comes from something that has no IP address has none here either: it is [`UNKNOWN`], which only lists
//!    let in that let everybody in.
//! 4. Anything else is no header, and the connection is not served.
//!
//! Extensions (TLVs) are skipped, and with them the checksum that one of them may have: TCP has its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::UNKNOWN;

/// The shortest header of all, which is one of version 1.
const SHORTEST: usize = 15;
/// The longest of all, which is one of version 2.
pub const LONGEST: usize = FIRST + LONGEST_REST;
/// What of version 2 tells how long it is.
const FIRST: usize = 16;
/// The longest header of version 1, with its end (§2.1).
const LONGEST_LINE: usize = 107;
/// The longest rest of version 2: the addresses of Unix sockets are the longest, and TLVs come on top.
const LONGEST_REST: usize = 520;

const VERSION_1: &[u8] = b"PROXY ";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The proxy's own.
    Proxy,
    /// This client's.
    Client(IpAddr),
}

/// What was read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// There must be so many bytes in all.
    Needs(usize),
    /// It may end within so many bytes in all, and is a line.
    EndsWithin(usize),
    /// The whole header: its length, and whose the connection is.
    Whole(usize, Origin),
}

/// No header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHeader;

/// Reads the beginning of a connection.
///
/// # Errors
/// When it does not begin with a header.
pub fn read(bytes: &[u8]) -> Result<Header, NoHeader> {
    if let Some(rest) = bytes.strip_prefix(VERSION_1) {
        return line(rest, bytes.len());
    }
    if bytes.starts_with(VERSION_2) {
        return block(bytes);
    }
    let could_be = VERSION_1.starts_with(bytes) || VERSION_2.starts_with(bytes);
    if could_be { Ok(Header::Needs(SHORTEST)) } else { Err(NoHeader) }
}

fn line(rest: &[u8], so_far: usize) -> Result<Header, NoHeader> {
    let Some(end) = memchr::memchr(b'\n', rest) else {
        return if so_far < LONGEST_LINE { Ok(Header::EndsWithin(LONGEST_LINE)) } else { Err(NoHeader) };
    };
    let length = VERSION_1.len() + end + 1;
    let text = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(NoHeader)?;
    let text = std::str::from_utf8(text).map_err(|_| NoHeader)?;
    if length > LONGEST_LINE {
        return Err(NoHeader);
    }
    let mut words = text.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // Whatever else stands there says nothing (§2.1).
        return Ok(Header::Whole(length, Origin::Client(UNKNOWN)));
    }
    let mut next = || words.next().ok_or(NoHeader);
    let [source, target, source_port, target_port] = [next()?, next()?, next()?, next()?];
    let source = match family {
        "TCP4" => both::<Ipv4Addr>(source, target).map(IpAddr::V4),
        "TCP6" => both::<Ipv6Addr>(source, target).map(IpAddr::V6),
        _ => None,
    };
    let ports = [source_port, target_port].iter().all(|port| is_port(port));
    match source {
        Some(source) if ports && words.next().is_none() => Ok(Header::Whole(length, Origin::Client(source))),
        Some(_) | None => Err(NoHeader),
    }
}

/// The first of two addresses of one kind.
fn both<A: std::str::FromStr>(source: &str, target: &str) -> Option<A> {
    target.parse::<A>().ok()?;
    source.parse().ok()
}

fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain && text.parse::<u16>().is_ok()
}

fn block(bytes: &[u8]) -> Result<Header, NoHeader> {
    let Some((first, rest)) = bytes.split_first_chunk::<FIRST>() else { return Ok(Header::Needs(FIRST)) };
    let [.., command, family, high, low] = *first;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_REST {
        return Err(NoHeader);
    }
    let whole = FIRST + length;
    let Some(rest) = rest.get(..length) else { return Ok(Header::Needs(whole)) };
    match command {
        // LOCAL: what stands behind says nothing (§2.2).
        0x20 => return Ok(Header::Whole(whole, Origin::Proxy)),
        0x21 => {}
        _ => return Err(NoHeader),
    }
    let source = match family {
        // TCP and UDP over IPv4 and IPv6: two addresses and two ports.
        0x11 | 0x12 => match rest.get(..12).and_then(<[u8]>::first_chunk::<4>) {
            Some(source) => IpAddr::V4(Ipv4Addr::from(*source)),
            None => return Err(NoHeader),
        },
        0x21 | 0x22 => match rest.get(..36).and_then(<[u8]>::first_chunk::<16>) {
            Some(source) => IpAddr::V6(Ipv6Addr::from(*source)),
            None => return Err(NoHeader),
        },
        // Unspecified, and Unix sockets.
        0x00 | 0x31 | 0x32 => UNKNOWN,
        _ => return Err(NoHeader),
    };
    Ok(Header::Whole(whole, Origin::Client(source)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Option<(usize, Origin)> {
        match read(bytes) {
            Ok(Header::Whole(length, origin)) => Some((length, origin)),
            Ok(Header::Needs(_) | Header::EndsWithin(_)) | Err(NoHeader) => None,
        }
    }

    fn client(text: &str) -> Origin {
        Origin::Client(text.parse().unwrap())
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = VERSION_2.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn lines_of_version_1_are_read_as_the_document_says() {
        let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        for (line, origin) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", client("192.0.2.1")),
            ("PROXY TCP6 2001:db8::1 ::1 1 0\r\n", client("2001:db8::1")),
            ("PROXY UNKNOWN\r\n", client("0.0.0.0")),
            ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", client("0.0.0.0")),
            (longest, client("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        ] {
            assert_eq!(whole(line.as_bytes()), Some((line.len(), origin)), "{line}");
            let more = format!("{line}GET / HTTP/1.1\r\n\r\n");
            assert_eq!(whole(more.as_bytes()), Some((line.len(), origin)), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_of_version_1_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.000.2.1 192.0.2.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY \r\n",
            "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "GET / HTTP/1.1\r\n",
            "\r\n\r\n\0\r\nQUIT\r",
        ] {
            assert_eq!(read(line.as_bytes()), Err(NoHeader), "{line:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "a".repeat(LONGEST_LINE));
        assert_eq!(read(endless.as_bytes()), Err(NoHeader));
        assert_eq!(read(format!("{endless}\r\n").as_bytes()), Err(NoHeader));
    }

    #[test]
    fn blocks_of_version_2_are_read_as_the_document_says() {
        let v4 = [&[192, 0, 2, 1, 192, 0, 2, 2][..], &[1, 2, 3, 4]].concat();
        let v6 = [&[0x20, 1, 13, 184][..], &[0; 11], &[1], &[0; 16], &[1, 2, 3, 4]].concat();
        let with_more = |addresses: &[u8]| [addresses, &[4, 0, 3, 1, 2, 3]].concat();
        for (command, family, rest, origin) in [
            (0x21, 0x11, v4.clone(), Some(client("192.0.2.1"))),
            (0x21, 0x12, v4.clone(), Some(client("192.0.2.1"))),
            (0x21, 0x11, with_more(&v4), Some(client("192.0.2.1"))),
            (0x21, 0x21, v6.clone(), Some(client("2001:db8::1"))),
            (0x21, 0x21, with_more(&v6), Some(client("2001:db8::1"))),
            (0x21, 0x00, Vec::new(), Some(client("0.0.0.0"))),
            (0x21, 0x31, vec![0; 216], Some(client("0.0.0.0"))),
            (0x20, 0x00, Vec::new(), Some(Origin::Proxy)),
            (0x20, 0x11, v4.clone(), Some(Origin::Proxy)),
            (0x20, 0xff, vec![0; 520], Some(Origin::Proxy)),
            (0x20, 0x00, vec![0; 521], None),
            (0x21, 0x11, v4[..11].to_vec(), None),
            (0x21, 0x21, v4.clone(), None),
            (0x21, 0x10, v4.clone(), None),
            (0x22, 0x11, v4.clone(), None),
            (0x11, 0x11, v4.clone(), None),
        ] {
            let bytes = version_2(command, family, &rest);
            assert_eq!(whole(&bytes), origin.map(|origin| (bytes.len(), origin)), "{command:x} {family:x}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_from_less_and_nothing_else_from_more(
            command in 0x1fu8..0x23, family in prop::sample::select(vec![0u8, 0x11, 0x21, 0x31]),
            rest in prop::collection::vec(any::<u8>(), 0..60), line in "PROXY (TCP4|TCP6|UNKNOWN)[ 0-9.:a-f]{0,60}\r\n",
            behind in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            for bytes in [version_2(command, family, &rest), line.into_bytes()] {
                let found = whole(&bytes);
                let more = [bytes.as_slice(), &behind].concat();
                prop_assert_eq!(whole(&more), found);
                for cut in 0..bytes.len() {
                    prop_assert_eq!(whole(&bytes[..cut]), None);
                    if found.is_some() {
                        prop_assert!(read(&bytes[..cut]).is_ok());
                    }
                }
            }
        }

        #[test]
        fn whatever_comes_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }
    }
}
