//! `google`: tokens of a service account.

use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::word::{WordOr, Words};
use super::{Granted, Parts};
use crate::cloud::{ServiceAccount, Source};
use crate::config::place::child;
use crate::config::shape::suggestion;
use crate::config::work::Work;

/// A service account's key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Google"))]
pub(in crate::config) struct GoogleWritten {
    /// Where the key is, as the JSON that Google gives out: `"file:/path"` or `"env:NAME"`.
    service_account: Option<String>,
}

impl Words for GoogleWritten {
    const WORDS: &[&str] = &["metadata"];
}

impl Work<'_> {
    pub(super) fn google(
        &mut self,
        path: &str,
        written: &WordOr<GoogleWritten>,
        tls: &Arc<rustls::ClientConfig>,
        parts: &mut Parts,
    ) -> Option<Granted> {
        match written {
            WordOr::Word(word) if word == "metadata" => {
                let name = "GCE_METADATA_HOST";
                let host = self.told(name);
                let text = format!(
                    "http://{}",
                    host.as_ref().map_or("metadata.google.internal", |host| host.as_str())
                );
                let at = self.place(path, name, &text, false, tls)?;
                parts.push(Zeroizing::new(text));
                Some(Granted::From(Source::GoogleMetadata { at }))
            }
            WordOr::Word(other) => {
                self.wrong(
                    path,
                    "there is no such source of tokens",
                    &suggestion(other, GoogleWritten::WORDS),
                );
                None
            }
            WordOr::Table(GoogleWritten { service_account }) => {
                let path = child(path, "service_account");
                let text = self.referred_secret(&path, service_account.as_deref())?;
                let account = match ServiceAccount::read(&text) {
                    Ok(account) => Arc::new(account),
                    Err(invalid) => {
                        let what = format!("what this refers to is no service account: {invalid}");
                        self.wrong(&path, &what, "put the JSON file there that Google gave out with the key");
                        return None;
                    }
                };
                let at = self.place(&path, "its token_uri", &account.token_uri, true, tls)?;
                parts.push(text);
                Some(Granted::From(Source::GoogleKey { at, account }))
            }
        }
    }
}
