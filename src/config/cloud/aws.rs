//! `aws`: keys that sign, from where AWS's own SDKs take them.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::profile::{self, Profile};
use super::word::{WordOr, Words};
use super::{Granted, Parts};
use crate::cloud::{AwsKeys, Shown, Source};
use crate::config::load::Sources;
use crate::config::place::child;
use crate::config::shape::suggestion;
use crate::config::work::Work;
use crate::secret::Hidden;

/// Keys, or a profile in the files that AWS's tools share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Aws"))]
pub(in crate::config) struct AwsWritten {
    /// Where the access key's id is: `"env:NAME"` or `"file:/path"`.
    access_key_id: Option<String>,
    /// Where the secret access key is: `"env:NAME"` or `"file:/path"`.
    secret_access_key: Option<String>,
    /// Where the session's token is, if the keys are those of a session.
    session_token: Option<String>,
    /// The name of a profile in ~/.aws/credentials and ~/.aws/config, or in the files that
    /// `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name.
    profile: Option<String>,
}

impl Words for AwsWritten {
    const WORDS: &[&str] = &["environment", "container", "instance", "web-identity"];
}

/// The addresses of AWS's metadata services, which are the same everywhere.
const CONTAINER: &str = "http://169.254.170.2";
const INSTANCE: &str = "http://169.254.169.254";

type Tls = Arc<rustls::ClientConfig>;

impl Work<'_> {
    pub(super) fn aws(
        &mut self,
        path: &str,
        written: &WordOr<AwsWritten>,
        region: Option<&str>,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<Granted> {
        let note = |parts: &mut Parts, text: &str| parts.push(Zeroizing::new(text.to_owned()));
        match written {
            WordOr::Table(AwsWritten {
                profile: Some(name),
                access_key_id,
                secret_access_key,
                session_token,
            }) => {
                if access_key_id.is_some() || secret_access_key.is_some() || session_token.is_some() {
                    self.wrong(path, "a profile brings its own keys", "keep the profile, or the keys");
                    return None;
                }
                self.profile(&child(path, "profile"), name, region, tls, parts)
            }
            WordOr::Table(table) => {
                let mut of =
                    |key: &str, reference: Option<&str>| self.referred_secret(&child(path, key), reference);
                let id = of("access_key_id", table.access_key_id.as_deref());
                let secret = of("secret_access_key", table.secret_access_key.as_deref());
                let session = match table.session_token.as_deref() {
                    Some(reference) => Some(of("session_token", Some(reference))?),
                    None => None,
                };
                self.keys(path, [Some(id?), Some(secret?), session], parts)
            }
            WordOr::Word(word) => match word.as_str() {
                "environment" => {
                    let who = "whoever starts the gate";
                    let id = self.needed(path, "AWS_ACCESS_KEY_ID", who);
                    let secret = self.needed(path, "AWS_SECRET_ACCESS_KEY", who);
                    let session = self.told("AWS_SESSION_TOKEN");
                    self.keys(path, [Some(id?), Some(secret?), session], parts)
                }
                "container" => self.container(path, tls, parts),
                "instance" => {
                    let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
                    let text = self.told(name);
                    let text = text.as_ref().map_or(INSTANCE, |text| text.as_str());
                    let at = self.place(path, name, text, false, tls)?;
                    note(parts, text);
                    Some(Granted::From(Source::AwsInstance { at }))
                }
                "web-identity" => {
                    let who = "EKS";
                    let role = self.needed(path, "AWS_ROLE_ARN", who);
                    let file = self.needed(path, "AWS_WEB_IDENTITY_TOKEN_FILE", who);
                    let session = self.told("AWS_ROLE_SESSION_NAME");
                    let session = session.as_ref().map_or("portcullis", |text| text.as_str());
                    self.web_identity(path, &role?, session, &file?, (region, tls), parts)
                }
                other => {
                    self.wrong(
                        path,
                        "there is no such source of keys",
                        &suggestion(other, AwsWritten::WORDS),
                    );
                    None
                }
            },
        }
    }

    /// Keys from id, secret and session.
    fn keys(
        &mut self,
        path: &str,
        texts: [Option<Zeroizing<String>>; 3],
        parts: &mut Parts,
    ) -> Option<Granted> {
        let texts = texts.map(|text| text.map(|text| Zeroizing::new(text.trim().to_owned())));
        let [id, secret, session] = &texts;
        let made = AwsKeys::new(id.as_ref()?, secret.as_ref()?, session.as_ref().map(|text| text.as_str()));
        match made {
            Ok(keys) => {
                parts.extend(texts.into_iter().map(Option::unwrap_or_default));
                Some(Granted::Keys(keys))
            }
            Err(invalid) => {
                let what = format!("these cannot be the keys of AWS: {invalid}");
                self.wrong(
                    path,
                    &what,
                    "put the id, the secret key and the session's token there, as AWS gives them",
                );
                None
            }
        }
    }

    fn container(&mut self, path: &str, tls: &Tls, parts: &mut Parts) -> Option<Granted> {
        let (relative, full) =
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let (name, text) = match self.told(relative) {
            Some(text) => (relative, format!("{CONTAINER}{}", text.as_str())),
            None => (full, self.needed(path, full, "ECS or EKS Pod Identity")?.to_string()),
        };
        let token_file = self.told("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let token = self.told("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        let at = self.place(path, name, &text, true, tls)?;
        parts.extend([Zeroizing::new(text)].into_iter().chain(token_file.clone()).chain(token.clone()));
        let authorization = match (token_file, token) {
            (Some(file), _) => Some(Shown::File(PathBuf::from(file.as_str()))),
            (None, Some(token)) => Some(Shown::Text(Hidden::new(token.trim()))),
            (None, None) => None,
        };
        Some(Granted::From(Source::AwsContainer { at, authorization }))
    }

    fn web_identity(
        &mut self,
        path: &str,
        role: &str,
        session: &str,
        file: &str,
        (region, tls): (Option<&str>, &Tls),
        parts: &mut Parts,
    ) -> Option<Granted> {
        let name = "AWS_ENDPOINT_URL_STS";
        let text = match self.told(name) {
            Some(text) => text.to_string(),
            None => format!("https://sts.{}.{}", region?, domain(region?)),
        };
        let at = self.place(path, name, &text, true, tls)?;
        parts.extend([role, session, file, &text].map(|text| Zeroizing::new(text.to_owned())));
        Some(Granted::From(Source::AwsWebIdentity {
            at,
            role: role.into(),
            session: session.into(),
            token_file: PathBuf::from(file),
        }))
    }

    fn profile(
        &mut self,
        path: &str,
        name: &str,
        region: Option<&str>,
        tls: &Tls,
        parts: &mut Parts,
    ) -> Option<Granted> {
        let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let files = [
            ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", name),
            ("AWS_CONFIG_FILE", ".aws/config", in_config.as_str()),
        ];
        let mut found = Profile::new();
        let (mut any, mut looked) = (false, Vec::new());
        for (variable, usual, section) in files {
            let named = self.told(variable).map(|file| PathBuf::from(file.as_str()));
            let at = named.or_else(|| Some(PathBuf::from(self.told("HOME")?.as_str()).join(usual)));
            let Some(at) = at else { continue };
            if let Ok((bytes, _)) = Sources::file(&at)
                && let Ok(text) = std::str::from_utf8(&bytes)
            {
                any |= profile::read(text, section, &mut found);
            }
            looked.push(at.display().to_string());
            // Also if it is not there yet.
            self.referred.push(at);
        }
        if !any {
            let files = if looked.is_empty() { "any file".to_owned() } else { looked.join(" or ") };
            let what = format!("there is no profile `{name}` in {files}");
            self.wrong(path, &what, "name another, or set AWS_SHARED_CREDENTIALS_FILE for the gate");
            return None;
        }
        let mut of = |key: &str| found.remove(key).filter(|text| !text.is_empty());
        let (id, secret) = (of("aws_access_key_id"), of("aws_secret_access_key"));
        if id.is_some() && secret.is_some() {
            return self.keys(path, [id, secret, of("aws_session_token")], parts);
        }
        if let (Some(role), Some(file)) = (of("role_arn"), of("web_identity_token_file")) {
            let session = of("role_session_name");
            let session = session.as_ref().map_or("portcullis", |text| text.as_str());
            return self.web_identity(path, &role, session, &file, (region, tls), parts);
        }
        let what = format!("the profile `{name}` holds neither keys nor a role with a web identity");
        let mend = "roles of other profiles, single sign-on and processes are not followed: name a profile with keys, or \
                    use \"instance\", \"container\" or \"web-identity\"";
        self.wrong(path, &what, mend);
        None
    }
}

/// The domain of a region's services.
pub(in crate::config) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}
