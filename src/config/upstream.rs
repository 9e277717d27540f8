//! `[upstreams.NAME]`: the services that requests are forwarded to.

use std::sync::Arc;

use http::HeaderValue;
use serde::Deserialize;

use super::base_url::BaseUrl;
use super::capacity::BreakerWritten;
use super::cloud::{AwsWritten, AzureWritten, GoogleWritten, Made, WordOr};
use super::egress::{ENVIRONMENT, Egress, Towards};
use super::place::{child, item};
use super::tls::Roots;
use super::value::OneOrMany;
use super::work::Work;
use crate::credentials::{Credential, Credentials, MOST_WEIGHT, USUAL_WEIGHT};
use crate::diagnosis;
use crate::model_name::ModelList;
use crate::project_key::is_id;
use crate::provider::{Api, Provider};
use crate::secret::Secret;
use crate::snapshot::{MOST_UPSTREAMS, Upstream};

/// A service that requests are forwarded to.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Upstream"))]
pub(super) struct UpstreamWritten {
    /// What kind of service it is; brings paths, credential header and default base URL.
    pub(super) provider: Option<Provider>,
    /// Where the service is, as one would give it to the provider's own SDK. Default: the
    /// provider's; needed for azure-openai, vllm, llama-cpp, openai-compatible and
    /// anthropic-compatible.
    pub(super) base_url: Option<String>,
    /// Models that it serves; tells among several upstreams of one kind. Default: `["*"]`.
    pub(super) models: Option<OneOrMany>,
    /// Allows http:// to a host that is neither this machine nor given as a private address (RFC 1918, `fc00::/7`), and
    /// to a private address behind a proxy: credential and prompts travel unencrypted. Default: false.
    pub(super) plaintext: Option<bool>,
    /// A PEM file of certificate authorities that are trusted beside the public ones.
    pub(super) ca_file: Option<String>,
    /// How long a connection may take to be made. Default: "10s".
    pub(super) connect_timeout: Option<String>,
    /// How long the answer may take to begin. Default: "15m".
    pub(super) response_timeout: Option<String>,
    /// How long the answer may pause between two pieces. Default: "5m".
    pub(super) idle_timeout: Option<String>,
    /// How long an unused connection is kept. Default: "50s".
    pub(super) pool_idle: Option<String>,
    /// How long a connection is used at most, so that changes of its name's addresses are followed. Default: "5m".
    pub(super) max_connection_age: Option<String>,
    /// How many requests it may have at once. Default: any number.
    pub(super) max_in_flight: Option<usize>,
    /// How many connections it may have, and with them requests. Default: any number.
    pub(super) max_connections: Option<usize>,
    /// How many requests may wait for one of these to end. Default: 64.
    pub(super) max_queued: Option<usize>,
    /// How long one may wait. Default: "2s".
    pub(super) queue_timeout: Option<String>,
    /// When it is left alone. Default: after 10 connections in a row that could not be made.
    pub(super) breaker: Option<BreakerWritten>,
    /// A proxy through which it is reached, such as `"http://proxy.example:3128"`, or `"environment"` for what
    /// `HTTPS_PROXY` and `NO_PROXY` say. Token services on the public net that grant its credentials are asked through it
    /// too; those of the machine and its link, such as metadata services, never are. Default: none.
    pub(super) proxy: Option<String>,
    /// Where the login at the proxy is, as name:password: `"env:NAME"` or `"file:/path"`.
    pub(super) proxy_credentials: Option<String>,
    /// Where in the world it is: the region of AWS for bedrock, such as "eu-central-1". Makes the
    /// `base_url` where none is written.
    pub(super) region: Option<String>,
    /// The project of Google that requests are for, whatever clients name; vertex only.
    pub(super) project: Option<String>,
    /// The project's location, such as "europe-west4" or "global"; vertex only. Makes the `base_url` where none is
    /// written.
    pub(super) location: Option<String>,
    /// What authenticates the gate there. Of several, the one with the least to do takes a request, and the
    /// next takes over where the provider refused one.
    pub(super) credentials: Option<Vec<CredentialWritten>>,
}

/// What authenticates the gate at an upstream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Credential"))]
pub(super) struct CredentialWritten {
    /// The credential's name in records.
    pub(super) id: Option<String>,
    /// Where the secret is: `"env:NAME"` or `"file:/path"`. Never the secret itself.
    pub(super) secret: Option<String>,
    /// What signs requests, instead of a secret; bedrock only. "environment", "container", "instance" or
    /// "web-identity", or a table with keys or a profile.
    pub(super) aws: Option<WordOr<AwsWritten>>,
    /// From where tokens come, instead of a secret; vertex and gemini only. "metadata", or a table with a service
    /// account's key.
    pub(super) google: Option<WordOr<GoogleWritten>>,
    /// From where tokens come, instead of a secret; azure-openai only. "managed-identity" or "workload-identity", or
    /// a table with an application.
    pub(super) azure: Option<WordOr<AzureWritten>>,
    /// Sent as OpenAI-Organization; openai only.
    pub(super) organization: Option<String>,
    /// Sent as OpenAI-Project; openai only.
    pub(super) project: Option<String>,
    /// The project that Google bills, sent as x-goog-user-project; only beside google.
    pub(super) quota_project: Option<String>,
    /// How much of the load it takes beside the others, from 1 to 100. Default: 1.
    pub(super) weight: Option<u32>,
}

/// An upstream, as far as its credentials need it.
pub(super) struct Of<'w> {
    pub(super) name: &'w str,
    pub(super) path: &'w str,
    pub(super) provider: Provider,
    pub(super) written: &'w UpstreamWritten,
    /// What stands between it and the gate.
    pub(super) egress: Option<&'w Egress<'w>>,
}

/// Names that would hide a path.
const RESERVED: [&str; 14] = [
    "v1",
    "v1beta",
    "v1alpha",
    "v1beta1",
    "v2",
    "portcullis",
    "messages",
    "models",
    "chat",
    "healthz",
    "api",
    "model",
    "upload",
    "ws",
];

impl Work<'_> {
    /// Compiles an upstream; nothing if it lacks what an upstream must have.
    pub(super) fn upstream(
        &mut self,
        name: &str,
        written: &UpstreamWritten,
        roots: &mut Roots,
    ) -> Option<Upstream> {
        let path = child("upstreams", name);
        let of = |key: &str| child(&path, key);
        self.upstream_name(&path, name);
        let egress = self.egress(&path, written);
        let through = egress.as_ref().and_then(Option::as_ref);
        let credentials = self.credentials(&path, name, written, through, roots);
        let provider = self.provider(&of("provider"), written.provider);
        let region = self.region(&path, provider, written);
        let ca_file = written.ca_file.as_deref();
        let base =
            provider.and_then(|provider| self.base_url(&path, provider, written, region.base_url.as_deref()));
        let tls = base.as_ref().map(|base| self.upstream_tls(&of("ca_file"), base, ca_file, roots));
        let models = match &written.models {
            Some(models) => self.models(&of("models"), Some(models)),
            None => ModelList::from_iter(["*"]),
        };
        let durations = [
            self.duration(&of("connect_timeout"), written.connect_timeout.as_deref(), 10),
            self.duration(&of("response_timeout"), written.response_timeout.as_deref(), 15 * 60),
            self.duration(&of("idle_timeout"), written.idle_timeout.as_deref(), 5 * 60),
            self.duration(&of("pool_idle"), written.pool_idle.as_deref(), 50),
            self.duration(&of("max_connection_age"), written.max_connection_age.as_deref(), 5 * 60),
        ];
        let [connect_timeout, response_timeout, idle_timeout, pool_idle, max_connection_age] = durations;
        let bounds = self.capacity(&path, written);
        let tolerance = self.tolerance(&path, written.breaker.as_ref());
        let proxy = base.as_ref().map(|base| {
            let to = Towards { host: &base.host, port: base.port, encrypted: base.encrypted };
            self.proxy_to(to, through, roots)
        });
        let (provider, base, tls, proxy, _) = (provider?, base?, tls??, proxy??, egress.as_ref()?);
        let place = format!("{}:{}", base.host, base.port);
        Some(Upstream {
            max_connection_age,
            bounds,
            tolerance,
            health: self.registry.health.of(name, &place),
            proxy,
            name: name.into(),
            provider,
            targets: Upstream::targets(provider, &base.path),
            makers: diagnosis::makers(provider, &base.host),
            host: base.host,
            port: base.port,
            authority: base.authority,
            tls,
            base_path: base.path,
            infix: region.infix,
            models,
            models_rule: self.rule(&of("models")),
            keyless: credentials.is_empty(),
            credentials: Credentials::new(credentials, name, &self.registry.credentials),
            connect_timeout,
            response_timeout,
            idle_timeout,
            pool_idle,
            rule: self.rule(&path),
        })
    }

    /// Nothing if a mistake is in it; inside, nothing if there is no TLS to this upstream.
    #[expect(clippy::option_option, reason = "outside: is it right; inside: is there TLS")]
    fn upstream_tls(
        &mut self,
        path: &str,
        base: &BaseUrl,
        ca_file: Option<&str>,
        roots: &mut Roots,
    ) -> Option<Option<Arc<rustls::ClientConfig>>> {
        if base.encrypted {
            return self.tls(path, ca_file, roots).map(Some);
        }
        if ca_file.is_some() {
            let what = "there is no TLS to this upstream, so the ca_file does nothing";
            self.lint(path, what, "remove it, or use https");
        }
        Some(None)
    }

    fn upstream_name(&mut self, path: &str, name: &str) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            self.wrong(
                path,
                "an upstream's name has 1 to 64 small letters, digits and `-`",
                "give it such a name: it stands in paths, as in /NAME/v1/…",
            );
        } else if RESERVED.contains(&name) {
            self.wrong(
                path,
                &format!("an upstream cannot be named `{name}`: that would hide the path /{name}"),
                "give it another name",
            );
        }
    }

    fn provider(&mut self, path: &str, provider: Option<Provider>) -> Option<Provider> {
        if provider.is_none() {
            let names: Vec<&str> = Provider::ALL.iter().map(|provider| provider.name()).collect();
            let mend = format!("write provider = \"…\" with one of: {}", names.join(", "));
            self.wrong(path, "this upstream has no provider", &mend);
        }
        provider
    }

    fn base_url(
        &mut self,
        path: &str,
        provider: Provider,
        written: &UpstreamWritten,
        regional: Option<&str>,
    ) -> Option<BaseUrl> {
        let (above, path) = (path, child(path, "base_url"));
        let text = written.base_url.as_deref().or(regional).or(provider.default_base_url());
        let Some(text) = text else {
            self.no_base_url(above, &path, provider);
            return None;
        };
        let mut base = match BaseUrl::parse(text) {
            Ok(base) => base,
            Err(invalid) => {
                self.wrong(&path, invalid.what(), invalid.mend());
                return None;
            }
        };
        // What is local here is not behind a proxy.
        let proxied = written.proxy.as_deref().is_some_and(|proxy| proxy != ENVIRONMENT);
        // A private address can be behind the environment's proxy.
        let alone = base.is_local() && !proxied || base.is_private() && written.proxy.is_none();
        if !base.encrypted && !alone && written.plaintext != Some(true) {
            let what = format!("the credential and every prompt would travel unencrypted to {}", base.host);
            self.wrong(&path, &what, "use https, or write plaintext = true if the network between is yours");
        }
        if let Some(doubled) = base.doubled(provider) {
            let what = format!("the gate itself puts {doubled} behind a base_url of provider {provider}");
            self.wrong(&path, &what, &format!("leave {doubled} away"));
        }
        // As OpenAI's SDK is given it: the gate puts that prefix, and others, behind the base URL itself.
        if let Some(bare) = base.path.strip_suffix(provider.openai_at()) {
            base.path = bare.into();
        }
        Some(base)
    }

    fn no_base_url(&mut self, above: &str, path: &str, provider: Provider) {
        let region = child(above, "region");
        if provider.api() != Api::Bedrock {
            let what = format!("an upstream of provider {provider} needs a base_url");
            self.wrong(path, &what, "write base_url = \"https://…\"");
        } else if !self.is_wrong(&region) {
            let what = format!("an upstream of provider {provider} needs a region, or a base_url");
            self.wrong(&region, &what, "write region = \"eu-central-1\", or wherever it is");
        }
    }

    fn credentials(
        &mut self,
        above: &str,
        upstream: &str,
        written: &UpstreamWritten,
        egress: Option<&Egress<'_>>,
        roots: &mut Roots,
    ) -> Vec<Credential> {
        let path = &child(above, "credentials");
        let list = written.credentials.as_deref().unwrap_or_default();
        // Without a provider nothing is compiled, but mistakes in the credentials are still told.
        let provider = written.provider.unwrap_or(Provider::OpenAi);
        if list.is_empty() && written.provider.is_some_and(|provider| !provider.facts().keyless) {
            let what = format!("an upstream of provider {provider} needs a credential");
            self.wrong(
                path,
                &what,
                "add [[upstreams.NAME.credentials]] with id and secret = \"env:NAME\" or \"file:/path\"",
            );
        }
        let mut made: Vec<Credential> = Vec::new();
        for (at, one) in list.iter().enumerate() {
            let path = item(path, at);
            let of = Of { name: upstream, path: above, provider, written, egress };
            let Some(credential) = self.credential(&path, &of, one, roots) else { continue };
            if made.iter().any(|other| other.id == credential.id) {
                let what = format!("there are two credentials `{}` here", credential.id);
                self.wrong(&child(&path, "id"), &what, "give each an id of its own");
            }
            made.push(credential);
        }
        made
    }

    fn credential(
        &mut self,
        path: &str,
        upstream: &Of<'_>,
        written: &CredentialWritten,
        roots: &mut Roots,
    ) -> Option<Credential> {
        let of = |key: &str| child(path, key);
        let provider = upstream.provider;
        let id = written.id.as_deref();
        match id {
            None => self.wrong(
                &of("id"),
                "this credential has no id",
                "name it: id = \"main\"; the name stands in records",
            ),
            Some(id) if !is_id(id) => {
                self.wrong(
                    &of("id"),
                    "a credential's id has 1 to 64 letters, digits, `-`, `.` and `_`",
                    "give it such an id",
                );
            }
            Some(_) => {}
        }
        let made = self.proof(path, upstream, written, roots);
        let organization = self.openai_header(&of("organization"), provider, written.organization.as_deref());
        let project = self.openai_header(&of("project"), provider, written.project.as_deref());
        let weight = self.weight(&of("weight"), written.weight);
        let (id, made) = (Arc::from(id?), made?);
        // What is sent with the secret can be what the provider refuses, and so can be where it is sent.
        let host = upstream.written.base_url.as_deref();
        let beside = [host, written.organization.as_deref(), written.project.as_deref()];
        let beside = beside.map(Option::unwrap_or_default);
        let roster = &self.registry.credentials;
        let member = roster.member(upstream.name, &id, made.fingerprint(&beside));
        let proof = made.proof(&member, self.now);
        let (number, rule) = (roster.number(upstream.name, &id), self.rule(path));
        Some(Credential { id, proof, organization, project, weight, member, number, rule })
    }

    /// What authenticates requests: a secret, or what a cloud grants.
    fn proof(
        &mut self,
        path: &str,
        upstream: &Of<'_>,
        written: &CredentialWritten,
        roots: &mut Roots,
    ) -> Option<Made> {
        let CredentialWritten { secret, aws, google, azure, .. } = written;
        let named = [("secret", secret.is_some()), ("aws", aws.is_some()), ("google", google.is_some())];
        let named = named.into_iter().chain([("azure", azure.is_some())]);
        let mut given = named.filter_map(|(name, given)| given.then_some(name));
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            let what = format!("this credential has both `{first}` and `{second}`");
            self.wrong(&child(path, second), &what, "keep the one that is meant");
            return None;
        }
        if aws.is_some() || google.is_some() || azure.is_some() {
            return self.granted(path, upstream, written, roots);
        }
        if ["aws", "google", "azure"].iter().any(|name| self.is_wrong(&child(path, name))) {
            return None;
        }
        let secret = self.secret(&child(path, "secret"), upstream.provider, secret.as_deref())?;
        Some(Made::Secret(secret))
    }

    fn weight(&mut self, path: &str, weight: Option<u32>) -> u32 {
        let weight = weight.unwrap_or(USUAL_WEIGHT);
        if !(1..=MOST_WEIGHT).contains(&weight) {
            let what = format!("a weight is from 1 to {MOST_WEIGHT}");
            self.wrong(path, &what, "write such a number; to use a credential no more, remove it");
        }
        weight
    }

    fn openai_header(&mut self, path: &str, provider: Provider, text: Option<&str>) -> Option<HeaderValue> {
        let text = text?;
        if provider != Provider::OpenAi {
            self.wrong(path, "only provider openai takes this", "remove it");
            return None;
        }
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let header = plain.then(|| HeaderValue::from_str(text).ok()).flatten();
        if header.is_none() {
            self.wrong(
                path,
                "this cannot be sent as a header",
                "write the identifier from the provider's settings page",
            );
        }
        header
    }

    fn secret(&mut self, path: &str, provider: Provider, reference: Option<&str>) -> Option<Secret> {
        let text = self.referred_secret(path, reference)?;
        let text = text.trim_end_matches(['\r', '\n']);
        let what = "what the secret refers to cannot be a credential: ";
        let mend = "put the provider's key there, and nothing else";
        if text.contains(char::is_whitespace) {
            self.wrong(path, &format!("{what}it holds a blank or a line break"), mend);
            return None;
        }
        let (name, prefix) = provider.credential_slot();
        match Secret::header(name, prefix, text) {
            Ok(secret) => Some(secret),
            Err(invalid) => {
                self.wrong(path, &format!("{what}{invalid}"), mend);
                None
            }
        }
    }
}

/// Most upstreams that a configuration can have.
pub(super) const MOST: usize = MOST_UPSTREAMS;
