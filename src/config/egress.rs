//! `proxy` of an upstream: the proxy through which it is reached, if any, and with it the token services on the public
//! net that grant its credentials.
//!
//! 1. Nothing goes through a proxy unless the setting says so; the environment's variables are read only where it says
//!    `"environment"`, and then as the tools read them that made them common.
//! 2. A password for a proxy stands in `proxy_credentials` as env: or file:; in a variable it may stand in the URL.
//! 3. The environment's variables are judged for each host that is to be reached, a token service's own as well.
//! 4. No fault repeats what a variable holds.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::base_url::{BaseUrl, is_local};
use super::place::child;
use super::tls::Roots;
use super::upstream::UpstreamWritten;
use super::work::Work;
use crate::egress::EgressProxy;
use crate::secret::Secret;
use crate::upgrade::base64;

/// What stands in place of an address where the environment is to say it.
pub(super) const ENVIRONMENT: &str = "environment";

/// What an upstream's settings say of a proxy.
pub(super) struct Egress<'w> {
    /// Where the settings stand.
    path: &'w str,
    proxy: &'w str,
    /// What the upstream's own `ca_file` is: a proxy that speaks TLS is trusted as the upstream is.
    ca_file: Option<&'w str>,
    /// What `proxy_credentials` refers to.
    login: Option<Zeroizing<String>>,
}

/// Where a connection is to lead.
#[derive(Clone, Copy)]
pub(super) struct Towards<'t> {
    pub(super) host: &'t str,
    pub(super) port: u16,
    pub(super) encrypted: bool,
}

impl Work<'_> {
    /// What the settings say. Outside: nothing if a mistake is in it.
    #[expect(clippy::option_option, reason = "outside: is it right; inside: is there such a setting")]
    pub(super) fn egress<'w>(
        &mut self,
        path: &'w str,
        written: &'w UpstreamWritten,
    ) -> Option<Option<Egress<'w>>> {
        let login_at = child(path, "proxy_credentials");
        let reference = written.proxy_credentials.as_deref();
        let Some(proxy) = written.proxy.as_deref() else {
            if reference.is_some() {
                self.wrong(
                    &login_at,
                    "there is no proxy that these are for",
                    "write proxy too, or remove this",
                );
                return None;
            }
            return Some(None);
        };
        // Also where the environment names no proxy today, a mistake in it is one.
        let login = match reference {
            None => None,
            Some(reference) => Some(self.referred_secret(&login_at, Some(reference))?),
        };
        Some(Some(Egress { path, proxy, ca_file: written.ca_file.as_deref(), login }))
    }

    /// The proxy between the gate and a host. Outside: nothing if a mistake is in it.
    #[expect(clippy::option_option, reason = "outside: is it right; inside: is there a proxy")]
    pub(super) fn proxy_to(
        &mut self,
        to: Towards<'_>,
        egress: Option<&Egress<'_>>,
        roots: &mut Roots,
    ) -> Option<Option<Arc<EgressProxy>>> {
        let Some(Egress { path, proxy, ca_file, login }) = egress else { return Some(None) };
        let (at, login_at) = (child(path, "proxy"), child(path, "proxy_credentials"));
        let (address, within) = if *proxy == ENVIRONMENT {
            let Some(found) = self.proxy_of_environment(to) else { return Some(None) };
            let (address, within) = split(&found);
            (Zeroizing::new(address), within)
        } else {
            (Zeroizing::new((*proxy).to_owned()), None)
        };
        let parsed = BaseUrl::parse(&address).ok().filter(|parsed| parsed.path.is_empty());
        let Some(parsed) = parsed else {
            let what = if *proxy == ENVIRONMENT {
                "the environment names a proxy for this upstream that cannot be read"
            } else {
                "this is no address of a proxy"
            };
            let mend = "write it like \"http://proxy.example:3128\", without a password: that goes into proxy_credentials";
            self.wrong(&at, what, mend);
            return None;
        };
        let login = match (login, within) {
            (Some(referred), _) => Some(self.login(&login_at, referred)?),
            (None, Some(within)) => Some(self.login(&at, &within)?),
            (None, None) => None,
        };
        let tls =
            if parsed.encrypted { Some(self.tls(&child(path, "ca_file"), *ca_file, roots)?) } else { None };
        Some(Some(Arc::new(EgressProxy::new(parsed.host, parsed.port, tls, login))))
    }

    fn login(&mut self, path: &str, text: &str) -> Option<Secret> {
        let text = text.trim_end_matches(['\r', '\n']);
        if !text.contains(':') || text.chars().any(char::is_control) {
            let what = "what this refers to is no login for a proxy";
            self.wrong(path, what, "put name:password there, on one line");
            return None;
        }
        let encoded = Zeroizing::new(base64(text.as_bytes()));
        Secret::header(http::header::PROXY_AUTHORIZATION, "Basic ", &encoded).ok()
    }

    /// The proxy that the environment names for this host.
    fn proxy_of_environment(&self, to: Towards<'_>) -> Option<Zeroizing<String>> {
        let read = |names: &[&str]| {
            let found = names.iter().find_map(|name| self.sources.variable(name));
            found.filter(|value| !value.trim().is_empty())
        };
        if is_local(to.host) {
            return None;
        }
        if let Some(without) = read(&["no_proxy", "NO_PROXY"])
            && is_without(&without, &to.host.to_ascii_lowercase(), to.port)
        {
            return None;
        }
        // In capitals, a program that is started for a request could be told this one by the request's Proxy header.
        let own: &[&str] = if to.encrypted { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
        read(own).or_else(|| read(&["all_proxy", "ALL_PROXY"]))
    }
}

/// A proxy's address as a variable has it, without the login that may stand in it.
fn split(text: &str) -> (String, Option<Zeroizing<String>>) {
    let text = text.trim().trim_end_matches('/');
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let Some((login, host)) = rest.rsplit_once('@') else { return (format!("{scheme}://{rest}"), None) };
    let login = login.split_once(':').unwrap_or((login, ""));
    let [name, password] = [login.0, login.1].map(|part| Zeroizing::new(unescaped(part)));
    (format!("{scheme}://{host}"), Some(Zeroizing::new(format!("{}:{}", *name, *password))))
}

/// A part of a URL as it is meant. What is no escape stands for itself.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            out.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a list of what is reached without a proxy holds a host: `*`, names that stand for all below them too,
/// addresses and networks, each with or without a port.
fn is_without(list: &str, host: &str, port: u16) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let bare = entry.trim_start_matches('[');
        let (name, wanted) = match bare.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse().ok()),
            Some(_) | None => (bare, None),
        };
        if wanted.is_some_and(|wanted: u16| wanted != port) {
            return false;
        }
        let name = name.trim_end_matches(']');
        if let Some(address) = address {
            return name.parse() == Ok(address)
                || name.parse().is_ok_and(|network: IpNet| network.contains(&address));
        }
        let name = name.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        host == name || host.strip_suffix(&*name).is_some_and(|before| before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_without_a_proxy() {
        for (list, host, without) in [
            ("*", "api.openai.com", true),
            ("openai.com", "api.openai.com", true),
            (".openai.com", "api.openai.com", true),
            ("*.openai.com", "api.openai.com", true),
            ("api.openai.com", "api.openai.com", true),
            ("API.OpenAI.com", "api.openai.com", true),
            ("penai.com", "api.openai.com", false),
            ("api.openai.com.evil.example", "api.openai.com", false),
            ("a.example, .openai.com ,b.example", "api.openai.com", true),
            ("api.openai.com:443", "api.openai.com", true),
            ("api.openai.com:8443", "api.openai.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("fd00::/8", "fd00::1", true),
            ("[fd00::1]:443", "fd00::1", true),
            ("[fd00::1]:444", "fd00::1", false),
            ("fd00::1", "fd00::1", true),
            ("", "api.openai.com", false),
            (" , ", "api.openai.com", false),
        ] {
            assert_eq!(is_without(list, host, 443), without, "{list} {host}");
        }
    }

    #[test]
    fn a_login_is_taken_out_of_a_variable() {
        for (text, address, login) in [
            ("proxy:3128", "http://proxy:3128", None),
            ("http://proxy:3128/", "http://proxy:3128", None),
            ("https://me:p%40ss%3A@proxy", "https://proxy", Some("me:p@ss:")),
            ("http://me@proxy:1", "http://proxy:1", Some("me:")),
            ("http://me:a@b@proxy:1", "http://proxy:1", Some("me:a@b")),
            ("http://me:%zz@proxy:1", "http://proxy:1", Some("me:%zz")),
        ] {
            let (found, within) = split(text);
            assert_eq!(
                (found.as_str(), within.as_ref().map(|text| text.as_str())),
                (address, login),
                "{text}"
            );
        }
    }
}
