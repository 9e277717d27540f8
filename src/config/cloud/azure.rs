//! `azure`: tokens of Entra ID.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::word::{WordOr, Words};
use super::{Granted, Parts};
use crate::cloud::Source;
use crate::config::place::child;
use crate::config::shape::suggestion;
use crate::config::work::Work;
use crate::secret::Hidden;

/// An application of Entra ID, or one of several managed identities.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Azure"))]
pub(in crate::config) struct AzureWritten {
    /// The tenant's id or domain.
    tenant: Option<String>,
    /// The application's id; alone, that of a managed identity.
    client_id: Option<String>,
    /// Where the application's secret is: `"env:NAME"` or `"file:/path"`. Without one, the identity is managed.
    client_secret: Option<String>,
    /// What the token is for. Default: <https://cognitiveservices.azure.com/.default>.
    scope: Option<String>,
    /// Where tokens are given out, for national clouds. Default: `AZURE_AUTHORITY_HOST`, or
    /// <https://login.microsoftonline.com>.
    authority: Option<String>,
}

impl Words for AzureWritten {
    const WORDS: &[&str] = &["managed-identity", "workload-identity"];
}

const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// The address of the metadata service, which is the same everywhere.
const INSTANCE: &str = "http://169.254.169.254";

type Tls = Arc<rustls::ClientConfig>;

impl Work<'_> {
    pub(super) fn azure(
        &mut self,
        path: &str,
        written: &WordOr<AzureWritten>,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<Granted> {
        match written {
            WordOr::Word(word) => match word.as_str() {
                "managed-identity" => {
                    let client = self.told("AZURE_CLIENT_ID").map(|client| client.trim().into());
                    self.managed(path, client, SCOPE, tls, parts)
                }
                "workload-identity" => self.workload(path, tls, parts),
                other => {
                    self.wrong(
                        path,
                        "there is no such source of tokens",
                        &suggestion(other, AzureWritten::WORDS),
                    );
                    None
                }
            },
            WordOr::Table(table) => self.application(path, table, tls, parts),
        }
    }

    fn application(
        &mut self,
        path: &str,
        table: &AzureWritten,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<Granted> {
        let AzureWritten { tenant, client_id, client_secret, scope, authority } = table;
        let scope = scope.as_deref().unwrap_or(SCOPE);
        if scope.is_empty() || !scope.bytes().all(|b| b.is_ascii_graphic()) {
            self.wrong(
                &child(path, "scope"),
                "this is no scope",
                &format!("write it like `scope = \"{SCOPE}\"`"),
            );
            return None;
        }
        if tenant.is_none() && client_secret.is_none() && authority.is_none() {
            return self.managed(path, client_id.as_deref().map(Into::into), scope, tls, parts);
        }
        for (key, is_there) in [("tenant", tenant.is_some()), ("client_id", client_id.is_some())] {
            if !is_there {
                let what = format!("an application of Entra ID needs its {key}");
                self.wrong(
                    &child(path, key),
                    &what,
                    &format!("write {key} = \"…\"; a managed identity has neither tenant nor secret"),
                );
            }
        }
        let secret = self.referred_secret(&child(path, "client_secret"), client_secret.as_deref());
        let (tenant, client) = (tenant.as_deref()?, client_id.as_deref()?);
        let secret = Zeroizing::new(secret?.trim_end_matches(['\r', '\n']).to_owned());
        let at = self.endpoint(path, tenant, authority.as_deref(), tls, parts)?;
        parts.extend([client, scope].map(|text| Zeroizing::new(text.to_owned())));
        let hidden = Hidden::new(&secret);
        parts.push(secret);
        Some(Granted::From(Source::AzureSecret {
            at,
            client: client.into(),
            secret: hidden,
            scope: scope.into(),
        }))
    }

    fn workload(&mut self, path: &str, tls: &Tls, parts: &mut Parts) -> Option<Granted> {
        let who = "the workload identity of AKS";
        let tenant = self.needed(path, "AZURE_TENANT_ID", who);
        let client = self.needed(path, "AZURE_CLIENT_ID", who);
        let file = self.needed(path, "AZURE_FEDERATED_TOKEN_FILE", who);
        let (tenant, client, file) = (tenant?, client?, file?);
        let at = self.endpoint(path, tenant.trim(), None, tls, parts)?;
        let source = Source::AzureFederated {
            at,
            client: client.trim().into(),
            token_file: PathBuf::from(file.as_str()),
            scope: SCOPE.into(),
        };
        parts.extend([client, file]);
        Some(Granted::From(source))
    }

    /// The tenant's token endpoint.
    fn endpoint(
        &mut self,
        path: &str,
        tenant: &str,
        authority: Option<&str>,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<crate::cloud::Place> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if tenant.is_empty() || tenant.starts_with('.') || !tenant.bytes().all(plain) {
            self.wrong(&child(path, "tenant"), "this is no tenant", "write the tenant's id or its domain");
            return None;
        }
        let name = "AZURE_AUTHORITY_HOST";
        let told = self.told(name);
        let (name, text) = match (authority, &told) {
            (Some(text), _) => ("authority", text),
            (None, Some(text)) => (name, text.as_str()),
            (None, None) => (name, AUTHORITY),
        };
        // The variable is also written as a host alone.
        let scheme = if text.contains("://") { "" } else { "https://" };
        let text = format!("{scheme}{}/{tenant}/oauth2/v2.0/token", text.trim().trim_end_matches('/'));
        let path = if authority.is_some() { child(path, "authority") } else { path.to_owned() };
        let at = self.place(&path, name, &text, true, tls)?;
        parts.push(Zeroizing::new(text));
        Some(at)
    }

    fn managed(
        &mut self,
        path: &str,
        client: Option<Box<str>>,
        scope: &str,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<Granted> {
        let identity = client.as_deref().unwrap_or_default().to_owned();
        parts.extend([identity, scope.to_owned()].map(Zeroizing::new));
        let scope = scope.into();
        let name = "IDENTITY_ENDPOINT";
        if let Some(text) = self.told(name) {
            let header = self.needed(path, "IDENTITY_HEADER", "App Service")?;
            let at = self.place(path, name, &text, true, tls)?;
            let source = Source::AzureAppService { at, header: Hidden::new(header.trim()), client, scope };
            parts.extend([text, header]);
            return Some(Granted::From(source));
        }
        let name = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
        let text = self.told(name);
        let text = text.as_ref().map_or(INSTANCE, |text| text.as_str());
        let at = self.place(path, name, text, false, tls)?;
        parts.push(Zeroizing::new(text.to_owned()));
        Some(Granted::From(Source::AzureInstance { at, client, scope }))
    }
}
