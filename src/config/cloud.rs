//! Credentials that a cloud grants: `aws`, `google` and `azure` of a credential.
//!
//! 1. Keys and files are read when the configuration is, and a change of a file is a reason to load again. Only
//!    tokens that others rotate (web identity, pods) are read again for each question.
//! 2. Where a token service is follows from the cloud's own environment variables, so that what works with its SDK
//!    works here.
//! 3. What is shown to a token service goes there encrypted, or stays on this machine or its link.
//! 4. The upstream's proxy leads to token services on the public net; the others are asked straight, as by the SDKs.

mod aws;
mod azure;
mod google;
mod profile;
mod word;

use std::sync::Arc;

use http::{HeaderValue, Uri};
use zeroize::Zeroizing;

use super::egress::Towards;
use super::place::child;
use super::region::is_name;
use super::tls::Roots;
use super::upstream::{CredentialWritten, Of, UpstreamWritten};
use super::work::Work;
use crate::address::is_loopback;
use crate::clock::Moment;
use crate::cloud::{AwsKeys, Cloud, Grant, Means, Origin, Place, Scope, Source};
use crate::credentials::{Member, Proof};
use crate::egress::EgressProxy;
use crate::provider::{Api, Provider};
use crate::secret::{Fingerprint, Secret};

pub(super) use aws::{AwsWritten, domain};
pub(super) use azure::AzureWritten;
pub(super) use google::GoogleWritten;
pub(super) use word::WordOr;
#[cfg(test)]
pub(super) use word::Words;

/// A credential, compiled.
pub(super) enum Made {
    Secret(Secret),
    Cloud {
        granted: Granted,
        /// Everything that makes it what it is, secrets too.
        parts: Parts,
        scope: Option<Scope>,
        user_project: Option<HeaderValue>,
    },
}

/// From where the grant comes.
pub(super) enum Granted {
    Keys(AwsKeys),
    From(Source),
}

/// What a credential is known again by.
pub(super) type Parts = Vec<Zeroizing<String>>;

impl Granted {
    fn proxy(&self) -> Option<&EgressProxy> {
        match self {
            Self::Keys(_) => None,
            Self::From(source) => source.place().proxy.as_deref(),
        }
    }
}

impl Made {
    pub(super) fn fingerprint(&self, beside: &[&str]) -> Fingerprint {
        match self {
            Self::Secret(secret) => secret.fingerprint(beside),
            Self::Cloud { granted, parts, .. } => {
                let beside = beside.iter().map(|part| part.as_bytes());
                let all = beside.chain(parts.iter().map(|part| part.as_bytes()));
                match granted.proxy() {
                    None => Fingerprint::of(all),
                    // Through another proxy it is asked for anew.
                    Some(proxy) => proxy.written().with(all.collect::<Vec<_>>()),
                }
            }
        }
    }

    pub(super) fn proof(self, member: &Member, now: Moment) -> Proof {
        match self {
            Self::Secret(secret) => Proof::Header(secret),
            Self::Cloud { granted, scope, user_project, .. } => {
                let origin = match granted {
                    Granted::Keys(keys) => {
                        Origin::Fixed(Arc::new(Grant { means: Means::Keys(keys), until: None }))
                    }
                    Granted::From(source) => Origin::Fetched(member.holder_of(source, now)),
                };
                Proof::Cloud(Box::new(Cloud { origin, scope, user_project }))
            }
        }
    }
}

/// The cloud whose credentials a provider takes.
const fn cloud_of(provider: Provider) -> Option<&'static str> {
    match provider.api() {
        Api::Azure => Some("azure"),
        Api::Gemini | Api::Vertex => Some("google"),
        Api::Bedrock => Some("aws"),
        Api::OpenAi | Api::Anthropic => None,
    }
}

impl Work<'_> {
    /// What a cloud grants; exactly one of the three is written.
    pub(super) fn granted(
        &mut self,
        path: &str,
        upstream: &Of<'_>,
        written: &CredentialWritten,
        roots: &mut Roots,
    ) -> Option<Made> {
        let CredentialWritten { aws, google, azure, quota_project, .. } = written;
        let name = if aws.is_some() {
            "aws"
        } else if google.is_some() {
            "google"
        } else {
            "azure"
        };
        let at = child(path, name);
        if cloud_of(upstream.provider) != Some(name) {
            let what = format!("provider {} takes no credential of this kind", upstream.provider);
            let mend = match cloud_of(upstream.provider) {
                Some(other) => format!("write {other} = …, or secret = \"env:NAME\""),
                None => "write secret = \"env:NAME\" or secret = \"file:/path\"".to_owned(),
            };
            self.wrong(&at, &what, &mend);
            return None;
        }
        let UpstreamWritten { project, location, .. } = upstream.written;
        if upstream.provider.api() == Api::Vertex && (project.is_none() || location.is_none()) {
            let what = "tokens of Google are for a project, and this upstream names none";
            let mend = "write project = \"my-project\" and location = \"europe-west4\" in the upstream";
            self.wrong(&child(upstream.path, "project"), what, mend);
        }
        let tls = self.tls(&child(upstream.path, "ca_file"), upstream.written.ca_file.as_deref(), roots)?;
        let user_project = self.quota_project(path, google.is_some(), quota_project.as_deref());
        let mut parts = vec![Zeroizing::new(quota_project.clone().unwrap_or_default())];
        let mut scope = None;
        let mut granted = if let Some(aws) = aws {
            let region = self.signing_region(upstream);
            let granted = self.aws(&at, aws, region.as_deref(), &tls, &mut parts);
            let region: Box<str> = region?.into();
            parts.push(Zeroizing::new(region.to_string()));
            scope = Some(Scope { region, service: "bedrock" });
            granted
        } else if let Some(google) = google {
            self.google(&at, google, &tls, &mut parts)
        } else {
            self.azure(&at, azure.as_ref()?, &tls, &mut parts)
        }?;
        self.lead(&mut granted, upstream, roots)?;
        Some(Made::Cloud { granted, parts, scope, user_project })
    }

    /// Puts the upstream's proxy before a token service on the public net. Nothing if a mistake is in it.
    fn lead(&mut self, granted: &mut Granted, upstream: &Of<'_>, roots: &mut Roots) -> Option<()> {
        let Granted::From(source) = granted else { return Some(()) };
        let Some(at) = source.public_place().filter(|at| !is_near(&at.host)) else { return Some(()) };
        let to = Towards { host: &at.host, port: at.port, encrypted: at.tls.is_some() };
        at.proxy = self.proxy_to(to, upstream.egress, roots)?;
        Some(())
    }

    fn quota_project(&mut self, path: &str, google: bool, text: Option<&str>) -> Option<HeaderValue> {
        let (text, path) = (text?, child(path, "quota_project"));
        if !google {
            self.wrong(&path, "only a credential of google takes this", "remove it");
            return None;
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-:.".contains(&b);
        let header = HeaderValue::from_str(text).ok().filter(|_| !text.is_empty() && text.bytes().all(plain));
        if header.is_none() {
            self.wrong(&path, "this is no project's id", "write it like `quota_project = \"my-project\"`");
        }
        header
    }

    fn signing_region(&mut self, upstream: &Of<'_>) -> Option<String> {
        let region = upstream.written.region.clone();
        if region.is_none() {
            let what = "a signature is for a region, and this upstream names none";
            self.wrong(
                &child(upstream.path, "region"),
                what,
                "write region = \"eu-central-1\", or wherever it is",
            );
        }
        region.filter(|region| is_name(region))
    }

    /// A variable of the environment, if it says something.
    fn told(&self, name: &str) -> Option<Zeroizing<String>> {
        self.sources.variable(name).filter(|text| !text.trim().is_empty())
    }

    /// The same; a fault if it does not.
    fn needed(&mut self, path: &str, name: &str, who: &str) -> Option<Zeroizing<String>> {
        let told = self.told(name);
        if told.is_none() {
            let what = format!("the environment variable {name} is not set");
            self.wrong(
                path,
                &what,
                &format!("{who} sets it; write another kind of credential if it does not"),
            );
        }
        told
    }

    /// Where a token service is. `name` says where the text stands.
    fn place(
        &mut self,
        path: &str,
        name: &str,
        text: &str,
        shows: bool,
        tls: &Arc<rustls::ClientConfig>,
    ) -> Option<Place> {
        let place = parsed(text, tls);
        let Some(place) = place else {
            let what = format!("{name} is no address of a token service");
            self.wrong(path, &what, "it begins with https:// or http://, and holds no user name");
            return None;
        };
        if shows && place.tls.is_none() && !is_near(&place.host) {
            let what = format!("{name} would be shown a secret unencrypted, at {}", place.host);
            self.wrong(path, &what, "use https; only this machine and its link are asked over http");
            return None;
        }
        Some(place)
    }
}

fn parsed(text: &str, tls: &Arc<rustls::ClientConfig>) -> Option<Place> {
    let uri: Uri = text.trim().parse().ok()?;
    let tls = match uri.scheme_str()? {
        "https" => Some(Arc::clone(tls)),
        "http" => None,
        _ => return None,
    };
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let header = HeaderValue::from_str(authority.as_str()).ok()?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Some(Place { host: host.into(), port, authority: header, path: path.into(), tls, proxy: None })
}

/// Whether what is sent there stays on this machine or on its link, where clouds have their services.
fn is_near(host: &str) -> bool {
    // EKS has its agent at this address too.
    let pod_identity = std::net::Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => v4.is_loopback() || v4.is_link_local(),
        Ok(std::net::IpAddr::V6(v6)) => {
            is_loopback(v6.into()) || v6.is_unicast_link_local() || v6 == pod_identity
        }
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_link_are_near() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "localhost", "169.254.170.2", "fe80::1", "fd00:ec2::23"]
        {
            assert!(is_near(host), "{host}");
        }
        for host in ["10.0.0.1", "fd00:ec2::24", "localhost.example", "login.microsoftonline.com", "0.0.0.0"]
        {
            assert!(!is_near(host), "{host}");
        }
    }
}
