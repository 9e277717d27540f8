//! `[store] url`: the store that several gates share their limits by.

use std::sync::Arc;

use http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;

use super::store::StoreWritten;
use super::tls::Roots;
use super::work::Work;
use crate::address::is_loopback;
use crate::limits::OnFailure;
use crate::secret::Hidden;
use crate::snapshot::ShareSettings;

/// What becomes of requests while the store cannot be reached: one word for all limits, or one for each kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OnFailureWritten {
    /// For all limits.
    All(Failing),
    /// For each kind.
    Each(FailingEach),
}

/// One for each kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FailingEach {
    /// Of requests and tokens. Default: "local".
    pub(super) rates: Option<Failing>,
    /// Of money. Default: "deny".
    pub(super) money: Option<Failing>,
}

/// What becomes of requests while the store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Failing {
    /// Once what was leased is used up they are refused.
    Deny,
    /// Each gate has its share of what was left.
    Local,
}

impl From<Failing> for OnFailure {
    fn from(failing: Failing) -> Self {
        match failing {
            Failing::Deny => Self::Deny,
            Failing::Local => Self::Local,
        }
    }
}

const LIKE: &str = "write it like \"redis://10.0.0.5:6379\" or \"rediss://limits.example.com:6380/0\"";

impl Work<'_> {
    /// Compiles what says how limits are shared; nothing if no store is named.
    pub(super) fn share(&mut self, written: Option<&StoreWritten>) -> Option<Arc<ShareSettings>> {
        let written = written?;
        let Some(url) = written.url.as_deref() else {
            for (set, name) in [
                (written.password.is_some(), "password"),
                (written.user.is_some(), "user"),
                (written.ca_file.is_some(), "ca_file"),
                (written.prefix.is_some(), "prefix"),
                (written.on_failure.is_some(), "on_failure"),
            ] {
                if set {
                    let what = format!("`{name}` is for a store that several gates share, and none is named");
                    self.wrong(&format!("store.{name}"), &what, &format!("add url; {LIKE}"));
                }
            }
            return None;
        };
        let password = match written.password.as_deref() {
            None => None,
            reference => self.referred_secret("store.password", reference),
        };
        let password = password.map(|password| Hidden::new(password.trim()));
        let (host, port, tls, database) = self.place_of_store(url, written.ca_file.as_deref())?;
        let near = host == "localhost" || host.parse().is_ok_and(is_loopback);
        if password.is_some() && tls.is_none() && !near {
            self.lint(
                "store.url",
                "the password goes to this server in the clear",
                "write rediss:// and let the server speak TLS",
            );
        }
        if written.user.is_some() && written.password.is_none() {
            self.wrong("store.user", "a user needs a password", "write password = \"env:NAME\" beside it");
        }
        let prefix = written.prefix.as_deref().unwrap_or("portcullis");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
            self.wrong(
                "store.prefix",
                "a prefix is of letters, digits and - _ . : and not longer than 64",
                "write it like prefix = \"portcullis\"",
            );
        }
        let (rates, money) = match written.on_failure {
            None => (None, None),
            Some(OnFailureWritten::All(all)) => (Some(all), Some(all)),
            Some(OnFailureWritten::Each(each)) => (each.rates, each.money),
        };
        Some(Arc::new(ShareSettings {
            host: host.into(),
            port,
            tls,
            database,
            user: written.user.as_deref().map(Into::into),
            password,
            prefix: prefix.into(),
            rates: rates.map_or(OnFailure::Local, Into::into),
            money: money.map_or(OnFailure::Deny, Into::into),
        }))
    }

    fn place_of_store(
        &mut self,
        url: &str,
        ca_file: Option<&str>,
    ) -> Option<(String, u16, Option<Arc<rustls::ClientConfig>>, u32)> {
        let parsed = url.parse::<Uri>().ok();
        let encrypted = match parsed.as_ref().and_then(Uri::scheme_str) {
            Some("redis") => false,
            Some("rediss") => true,
            Some(_) | None => {
                self.wrong("store.url", "this is no address of a Redis or Valkey server", LIKE);
                return None;
            }
        };
        let authority = parsed.as_ref().and_then(Uri::authority)?;
        if authority.as_str().contains('@') {
            self.wrong(
                "store.url",
                "a password must never be written in the configuration itself",
                "write password = \"env:NAME\" and user = \"…\" beside the url; if this was a real password, it is spent: make a new one",
            );
            return None;
        }
        let path = parsed.as_ref().map_or("", Uri::path).trim_matches('/');
        let database = if path.is_empty() { Some(0) } else { path.parse().ok() };
        let Some(database) = database.filter(|_| parsed.as_ref().is_some_and(|uri| uri.query().is_none()))
        else {
            self.wrong("store.url", "behind the address stands the number of a database, or nothing", LIKE);
            return None;
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            self.wrong("store.url", "this names no host", LIKE);
            return None;
        }
        if !encrypted && ca_file.is_some() {
            self.wrong(
                "store.ca_file",
                "an authority is for rediss://, and this url is not",
                "write rediss:// in the url",
            );
        }
        let tls = if encrypted {
            let made = self.tls("store.ca_file", ca_file, &mut Roots::new())?;
            let mut made = rustls::ClientConfig::clone(&made);
            made.alpn_protocols.clear();
            Some(Arc::new(made))
        } else {
            None
        };
        Some((host, authority.port_u16().unwrap_or(6379), tls, database))
    }
}
