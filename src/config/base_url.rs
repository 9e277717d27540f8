//! `base_url`: where an upstream is. Read strictly: what two readers could take differently is no
//! base URL.

use std::net::IpAddr;

use http::HeaderValue;

use crate::address::{is_loopback, is_private};
use crate::provider::{Api, Provider};

/// A base URL, taken apart.
#[derive(Debug)]
pub(super) struct BaseUrl {
    /// Whether it is https.
    pub(super) encrypted: bool,
    /// A name, or an address without brackets.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// The Host header.
    pub(super) authority: HeaderValue,
    /// Without a slash at its end.
    pub(super) path: Box<str>,
}

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Scheme,
    UserInfo,
    QueryOrFragment,
    Host,
    Port,
    Path,
}

impl Invalid {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Scheme => "a base_url begins with https:// or http://",
            Self::UserInfo => "a base_url holds no user name or password",
            Self::QueryOrFragment => "a base_url has no ? and no #",
            Self::Host => "the host of this base_url cannot be read",
            Self::Port => "the port of this base_url is not a number from 1 to 65535",
            Self::Path => "the path of this base_url is not plain",
        }
    }

    pub(super) const fn mend(self) -> &'static str {
        match self {
            Self::Scheme | Self::Port => "write it like \"https://llm.example.com/v1\"",
            Self::UserInfo => "put the secret into credentials, as env: or file:",
            Self::QueryOrFragment => "end it with the path; clients send queries themselves",
            Self::Host => {
                "write a host name in small ASCII letters, an IPv4 address, or an IPv6 address in brackets"
            }
            Self::Path => "write letters, digits, `-`, `.`, `_`, `~` between single slashes",
        }
    }
}

impl BaseUrl {
    /// Reads a base URL.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let (encrypted, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) | None => return Err(Invalid::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(Invalid::QueryOrFragment);
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at_checked(at).ok_or(Invalid::Host)?,
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Invalid::UserInfo);
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let usual = if encrypted { 443 } else { 80 };
        let port = port.map_or(Ok(usual), parse_port)?;
        let host = parse_host(host)?;
        let path = path.trim_end_matches('/');
        if !is_plain_path(path) {
            return Err(Invalid::Path);
        }
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let header = if port == usual { bracketed } else { format!("{bracketed}:{port}") };
        let authority = HeaderValue::from_str(&header).map_err(|_| Invalid::Host)?;
        Ok(Self { encrypted, host: host.into(), port, authority, path: path.into() })
    }

    /// Whether it is this machine.
    pub(super) fn is_local(&self) -> bool {
        is_local(&self.host)
    }

    /// Whether it is an address of a private network. A name is not: what it resolves to is for others to say.
    pub(super) fn is_private(&self) -> bool {
        self.host.parse().is_ok_and(is_private)
    }

    /// What stands at the end of the path though the gate appends it.
    pub(super) fn doubled(&self, provider: Provider) -> Option<&'static str> {
        let appended: &[&str] = match provider.api() {
            Api::OpenAi => &["/chat/completions", "/embeddings", "/responses"],
            Api::Anthropic => &["/v1", "/v1/messages"],
            Api::Gemini => &["/v1beta", "/v1", "/v1alpha"],
            Api::Vertex => &["/v1", "/v1beta1"],
            Api::Bedrock => &["/model"],
            Api::Azure => &["/openai", "/openai/v1", "/openai/deployments"],
        };
        appended.iter().copied().find(|end| self.path.ends_with(end))
    }
}

fn parse_port(text: &str) -> Result<u16, Invalid> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|port| *port != 0).ok_or(Invalid::Port)
}

fn parse_host(text: &str) -> Result<String, Invalid> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().map(|v6| v6.to_string()).map_err(|_| Invalid::Host);
    }
    if let Ok(IpAddr::V4(v4)) = text.parse() {
        return Ok(v4.to_string());
    }
    let label = |label: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label that is a number makes it an address in one of the forms that readers disagree on.
    let last = text.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    let fine = text.len() <= 253 && text.split('.').all(label) && !numeric;
    fine.then(|| text.to_owned()).ok_or(Invalid::Host)
}

fn is_plain_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segment = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    path.is_empty() || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

/// Whether a host is this machine.
pub(super) fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_apart() {
        let url = BaseUrl::parse("https://llm.example.com:8443/api/v1/").unwrap();
        assert_eq!(
            (&*url.host, url.port, &*url.path, url.encrypted),
            ("llm.example.com", 8443, "/api/v1", true)
        );
        assert_eq!(url.authority, "llm.example.com:8443");
        let url = BaseUrl::parse("http://[::1]:80").unwrap();
        assert_eq!((&*url.host, &*url.path), ("::1", ""));
        assert_eq!(url.authority, "[::1]");
        assert!(url.is_local());
    }

    #[test]
    fn what_can_be_misread_is_refused() {
        for (text, why) in [
            ("llm.example.com", Invalid::Scheme),
            ("HTTPS://llm.example.com", Invalid::Scheme),
            ("https://me:pw@llm.example.com", Invalid::UserInfo),
            ("https://llm.example.com?x=y", Invalid::QueryOrFragment),
            ("https://llm.example.com/#v1", Invalid::QueryOrFragment),
            ("https://", Invalid::Host),
            ("https://127.1", Invalid::Host),
            ("https://0x7f.0.0.0x1", Invalid::Host),
            ("https://2130706433", Invalid::Host),
            ("https://a..b", Invalid::Host),
            ("https://exämple.com", Invalid::Host),
            ("https://[::1", Invalid::Host),
            ("https://a:0", Invalid::Port),
            ("https://a:+1", Invalid::Port),
            ("https://a:", Invalid::Port),
            ("https://a/../b", Invalid::Path),
            ("https://a//b", Invalid::Path),
            ("https://a/%2e", Invalid::Path),
        ] {
            assert_eq!(BaseUrl::parse(text).err(), Some(why), "{text}");
        }
    }
}
