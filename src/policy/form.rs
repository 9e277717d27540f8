//! Is the request of a form that can be judged at all?
//!
//! 1. The target is a plain path: not a whole URI, not an authority, not `*`.
//! 2. There is exactly one Host, and it is a host. Nothing else of it is used: the gate does not
//!    route by names that the client chooses.
//!    HTTP/2 says scheme, host and path apart: the scheme is one of HTTP's, and where the host is said twice
//!    both say the same (RFC 9113 §8.3.1).
//! 3. The only expectation is `100-continue`.
//! 4. A body is framed by its length or by `chunked` alone: of several codings two readers could
//!    take off different ones.

use http::{HeaderMap, HeaderValue, Uri, Version, header};

use super::{Policy, Sight, single};
use crate::denial::{Denial, Reason};
use crate::exchange::{Accepted, Formed};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Form;

impl Policy for Form {
    type From = Accepted;
    type Into = Formed;

    fn decide(&self, from: Accepted, sight: &mut Sight<'_>) -> Result<Formed, Denial> {
        let headers = &sight.head.headers;
        if sight.head.version == Version::HTTP_2 {
            said_apart(&sight.head.uri, headers)?;
        } else {
            said_in_one_line(&sight.head.uri, headers)?;
        }
        let known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        if !single(headers, &header::EXPECT).is_ok_and(|expected| expected.is_none_or(known)) {
            return Err(Denial::built_in(Reason::ExpectationUnsupported));
        }
        if !is_plainly_framed(headers) {
            return Err(
                Denial::built_in(Reason::BodyInvalid).because("its transfer coding is not plain chunked")
            );
        }
        Ok(Formed { peer: from.peer })
    }
}

fn said_in_one_line(uri: &Uri, headers: &HeaderMap) -> Result<(), Denial> {
    if uri.scheme().is_some() {
        return Err(Denial::built_in(Reason::TargetInvalid).because("a proxy's whole-URI form was sent"));
    }
    if uri.authority().is_some() || !uri.path().starts_with('/') {
        return Err(Denial::built_in(Reason::TargetInvalid).because("a host or * was sent in a path's place"));
    }
    match single(headers, &header::HOST) {
        Ok(Some(host)) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(Denial::built_in(Reason::HostInvalid)),
    }
}

/// The same of HTTP/2.
fn said_apart(uri: &Uri, headers: &HeaderMap) -> Result<(), Denial> {
    if !uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"))
        || !uri.path().starts_with('/')
    {
        return Err(
            Denial::built_in(Reason::TargetInvalid).because("it is neither HTTP nor HTTPS, or no path")
        );
    }
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    match (authority, single(headers, &header::HOST).map(|host| host.map(HeaderValue::as_bytes))) {
        (Some(host), Ok(None)) | (None, Ok(Some(host))) if is_host(host) => Ok(()),
        (Some(one), Ok(Some(other))) if is_host(one) && one.eq_ignore_ascii_case(other) => Ok(()),
        _ => Err(Denial::built_in(Reason::HostInvalid)),
    }
}

/// Whether every reader sees the body end in the same place.
#[must_use]
pub fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    single(headers, &header::TRANSFER_ENCODING).is_ok_and(|coding| coding.is_none_or(chunked))
}

/// A name or address with an optional port; no user, no path, no blanks.
fn is_host(host: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= 300 && host.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Uri, header};

    use super::{is_host, said_in_one_line};
    use crate::denial::Reason;

    #[test]
    fn what_is_no_path_is_named() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("gate"))]);
        let told = |target| {
            said_in_one_line(&Uri::from_static(target), &headers)
                .map_err(|denial| (denial.reason, denial.detail))
        };
        let named = |detail: &str| Err((Reason::TargetInvalid, Some(detail.into())));
        assert_eq!(told("/v1/models"), Ok(()));
        // Of `CONNECT host:443` and `OPTIONS *`.
        assert_eq!(told("gate:443"), named("a host or * was sent in a path's place"));
        assert_eq!(told("*"), named("a host or * was sent in a path's place"));
        assert_eq!(told("http://gate/v1/models"), named("a proxy's whole-URI form was sent"));
    }

    #[test]
    fn hosts_with_more_than_a_host_are_none() {
        for host in ["gate", "gate:8080", "[::1]:80", "10.0.0.1"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["", "a/b", "a@b", "localhost/#@x", "a b", "a,b"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
