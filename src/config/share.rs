//! `[store] url`: the store that several gates share their limits by.

use std::sync::Arc;

use rustls::ClientConfig;
use serde::Deserialize;

use super::store::StoreWritten;
use super::store_url::{self, LIKE, StoreUrl};
use super::tls::Roots;
use super::work::Work;
use crate::address::is_loopback;
use crate::limits::OnFailure;
use crate::secret::Hidden;
use crate::snapshot::{ShareSettings, StoreLogin, StorePlace};

/// What becomes of requests while the store cannot be reached: one word for all limits, or one for each kind.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum OnFailureWritten {
    /// For all limits.
    All(Failing),
    /// For each kind.
    Each(FailingEach),
}

/// One for each kind.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FailingEach {
    /// Of requests and tokens. Default: "local".
    pub(super) rates: Option<Failing>,
    /// Of money. Default: "deny".
    pub(super) money: Option<Failing>,
}

/// What becomes of requests while the store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
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

impl Work<'_> {
    /// Compiles what says how limits are shared; nothing if no store is named.
    pub(super) fn share(&mut self, written: Option<&StoreWritten>) -> Option<Arc<ShareSettings>> {
        let written = written?;
        let Some(url) = written.url.as_deref() else {
            for (set, name) in [
                (written.password.is_some(), "password"),
                (written.user.is_some(), "user"),
                (written.sentinel_password.is_some(), "sentinel_password"),
                (written.sentinel_user.is_some(), "sentinel_user"),
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
        let login = self.login_of_store(
            ("store.user", written.user.as_deref()),
            ("store.password", written.password.as_deref()),
        );
        let sentinel_login = self.login_of_store(
            ("store.sentinel_user", written.sentinel_user.as_deref()),
            ("store.sentinel_password", written.sentinel_password.as_deref()),
        );
        let StoreUrl { place, encrypted, database } = match store_url::read(url) {
            Ok(read) => read,
            Err((what, mend)) => {
                self.wrong("store.url", what, mend);
                return None;
            }
        };
        let tls = if encrypted { Some(self.tls_of_store(written.ca_file.as_deref())?) } else { None };
        if !encrypted && written.ca_file.is_some() {
            self.wrong(
                "store.ca_file",
                "an authority is for rediss://, and this url is not",
                "write rediss:// in the url",
            );
        }
        let servers = match &place {
            StorePlace::Server(server) => std::slice::from_ref(server),
            StorePlace::Sentinels { at, .. } => at,
            StorePlace::Cluster(nodes) => nodes,
        };
        let near = |host: &str| host == "localhost" || host.parse().is_ok_and(is_loopback);
        let secret = login.password.is_some() || sentinel_login.password.is_some();
        if secret && tls.is_none() && !servers.iter().all(|server| near(&server.host)) {
            self.lint(
                "store.url",
                "the password goes to this server in the clear",
                "write rediss:// and let the server speak TLS",
            );
        }
        if !matches!(place, StorePlace::Sentinels { .. }) {
            for (set, name) in [
                (written.sentinel_password.is_some(), "sentinel_password"),
                (written.sentinel_user.is_some(), "sentinel_user"),
            ] {
                if set {
                    let what = format!("`{name}` is for Sentinels, and the url names none");
                    self.wrong(
                        &format!("store.{name}"),
                        &what,
                        "remove it, or write redis+sentinel:// in the url",
                    );
                }
            }
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
            place,
            tls,
            database,
            login,
            sentinel_login,
            prefix: prefix.into(),
            rates: rates.map_or(OnFailure::Local, Into::into),
            money: money.map_or(OnFailure::Deny, Into::into),
        }))
    }

    /// How to speak TLS to a store.
    fn tls_of_store(&mut self, ca_file: Option<&str>) -> Option<Arc<ClientConfig>> {
        let made = self.tls("store.ca_file", ca_file, &mut Roots::new())?;
        let mut made = ClientConfig::clone(&made);
        made.alpn_protocols.clear();
        Some(Arc::new(made))
    }

    /// Who the gate is at a server.
    fn login_of_store(&mut self, user: (&str, Option<&str>), password: (&str, Option<&str>)) -> StoreLogin {
        if user.1.is_some() && password.1.is_none() {
            let name = password.0.trim_start_matches("store.");
            let mend = format!("write {name} = \"env:NAME\" beside it");
            self.wrong(user.0, "a user needs a password", &mend);
        }
        let told = match password.1 {
            None => None,
            reference => self.referred_secret(password.0, reference),
        };
        StoreLogin { user: user.1.map(Into::into), password: told.map(|told| Hidden::new(told.trim())) }
    }
}
