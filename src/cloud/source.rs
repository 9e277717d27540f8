//! The services that grant: what each is asked, and what its answer grants.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use super::google::ServiceAccount;
use super::{Grant, aws, azure, google};
use crate::clock::Moment;
use crate::egress::EgressProxy;
use crate::secret::Hidden;

/// From where a grant is fetched.
#[derive(Debug)]
pub enum Source {
    /// The endpoint that ECS, EKS Pod Identity and Greengrass give to a container.
    AwsContainer {
        /// The endpoint.
        at: Place,
        /// What it wants to be shown.
        authorization: Option<Shown>,
    },
    /// The role of an EC2 instance, by the second version of its metadata service.
    AwsInstance {
        /// The metadata service.
        at: Place,
    },
    /// A role that is taken on with the token in a file.
    AwsWebIdentity {
        /// The security token service.
        at: Place,
        /// The role's ARN.
        role: Box<str>,
        /// The session's name, which stands in AWS's logs.
        session: Box<str>,
        /// The file, which is read each time.
        token_file: PathBuf,
    },
    /// A service account's key.
    GoogleKey {
        /// The token service that the key names.
        at: Place,
        /// The key.
        account: Arc<ServiceAccount>,
    },
    /// The service account of a Google machine, pod or function.
    GoogleMetadata {
        /// The metadata service.
        at: Place,
    },
    /// An application of Entra ID that shows a secret.
    AzureSecret {
        /// The tenant's token endpoint.
        at: Place,
        /// The application.
        client: Box<str>,
        /// Its secret.
        secret: Hidden,
        /// What the token is for.
        scope: Box<str>,
    },
    /// An application of Entra ID that shows the token in a file.
    AzureFederated {
        /// The tenant's token endpoint.
        at: Place,
        /// The application.
        client: Box<str>,
        /// The file, which is read each time.
        token_file: PathBuf,
        /// What the token is for.
        scope: Box<str>,
    },
    /// The managed identity of an Azure machine.
    AzureInstance {
        /// The metadata service.
        at: Place,
        /// Which identity, if the machine has several.
        client: Option<Box<str>>,
        /// What the token is for.
        scope: Box<str>,
    },
    /// The managed identity of an app service or a function.
    AzureAppService {
        /// The endpoint that the app is given.
        at: Place,
        /// What it wants to be shown.
        header: Hidden,
        /// Which identity, if the app has several.
        client: Option<Box<str>>,
        /// What the token is for.
        scope: Box<str>,
    },
}

/// What a service wants to be shown.
#[derive(Debug)]
pub enum Shown {
    /// This.
    Text(Hidden),
    /// What this file holds each time.
    File(PathBuf),
}

/// Where a token service is.
#[derive(Clone, Debug)]
pub struct Place {
    /// A name, or an address without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
    /// The Host header.
    pub authority: HeaderValue,
    /// The path, and a query if there is one.
    pub path: Box<str>,
    /// How to speak TLS to it, if it does.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The proxy between, if there is one.
    pub proxy: Option<Arc<EgressProxy>>,
}

/// What a token service is asked.
pub struct Ask {
    /// The request.
    pub request: Request<Bytes>,
    /// What in it must not be told, whoever repeats it.
    pub secret: Option<Hidden>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ask({} {}, …)", self.request.method(), self.request.uri().path())
    }
}

/// Why nothing was granted; holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why(String);

impl Why {
    /// In words.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Source {
    /// Where it is asked.
    #[must_use]
    pub const fn place(&self) -> &Place {
        match self {
            Self::AwsContainer { at, .. }
            | Self::AwsInstance { at }
            | Self::AwsWebIdentity { at, .. }
            | Self::GoogleKey { at, .. }
            | Self::GoogleMetadata { at }
            | Self::AzureSecret { at, .. }
            | Self::AzureFederated { at, .. }
            | Self::AzureInstance { at, .. }
            | Self::AzureAppService { at, .. } => at,
        }
    }

    /// Where it is asked, if that is on the public net, where a proxy may stand between. The others belong to the
    /// machine or its link, and no proxy leads there.
    #[must_use]
    pub const fn public_place(&mut self) -> Option<&mut Place> {
        match self {
            Self::AwsWebIdentity { at, .. }
            | Self::GoogleKey { at, .. }
            | Self::AzureSecret { at, .. }
            | Self::AzureFederated { at, .. } => Some(at),
            Self::AwsContainer { .. }
            | Self::AwsInstance { .. }
            | Self::GoogleMetadata { .. }
            | Self::AzureInstance { .. }
            | Self::AzureAppService { .. } => None,
        }
    }

    /// The file that is read for each question, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::AwsContainer { authorization: Some(Shown::File(file)), .. }
            | Self::AwsWebIdentity { token_file: file, .. }
            | Self::AzureFederated { token_file: file, .. } => Some(file),
            Self::AwsContainer { .. }
            | Self::AwsInstance { .. }
            | Self::GoogleKey { .. }
            | Self::GoogleMetadata { .. }
            | Self::AzureSecret { .. }
            | Self::AzureInstance { .. }
            | Self::AzureAppService { .. } => None,
        }
    }

    /// The question; `file` is what stands in [`Source::file`]. An instance of AWS is asked three, see
    /// [`super::instance`].
    ///
    /// # Errors
    /// When it cannot be put.
    pub fn ask(&self, file: &str, now: Moment) -> Result<Ask, Why> {
        match self {
            Self::AwsContainer { at, authorization } => {
                let shown = match authorization {
                    Some(Shown::Text(text)) => Some(text.reveal()),
                    Some(Shown::File(_)) => Some(file),
                    None => None,
                };
                aws::container(at, shown)
            }
            Self::AwsInstance { at } => super::instance::session(at),
            Self::AwsWebIdentity { at, role, session, .. } => aws::web_identity(at, role, session, file),
            Self::GoogleKey { at, account } => google::with_key(at, account, now),
            Self::GoogleMetadata { at } => google::metadata(at),
            Self::AzureSecret { at, client, secret, scope } => azure::with_secret(at, client, secret, scope),
            Self::AzureFederated { at, client, scope, .. } => azure::with_assertion(at, client, file, scope),
            Self::AzureInstance { at, client, scope } => azure::instance(at, client.as_deref(), scope),
            Self::AzureAppService { at, header, client, scope } => {
                azure::app_service(at, header, client.as_deref(), scope)
            }
        }
    }

    /// What an answer grants.
    ///
    /// # Errors
    /// When it grants nothing.
    pub fn read(&self, status: StatusCode, body: &[u8], now: Moment) -> Result<Grant, Why> {
        match self {
            Self::AwsContainer { .. } | Self::AwsInstance { .. } => aws::read_json(status, body),
            Self::AwsWebIdentity { .. } => aws::read_xml(status, body),
            Self::GoogleKey { .. }
            | Self::GoogleMetadata { .. }
            | Self::AzureSecret { .. }
            | Self::AzureFederated { .. }
            | Self::AzureInstance { .. }
            | Self::AzureAppService { .. } => super::answer::token(status, body, now),
        }
    }

    /// What stands for a source where a test needs any.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::GoogleMetadata { at: Place::for_tests("/") }
    }
}

impl Place {
    /// A request for this place; `more` stands behind its path.
    pub(super) fn request(&self, method: Method, more: &str, body: Bytes) -> Result<Request<Bytes>, Why> {
        let base = if more.starts_with('/') { self.path.trim_end_matches('/') } else { &self.path };
        let target = format!("{base}{more}");
        let target = if target.is_empty() { "/".to_owned() } else { target };
        let mut request = Request::new(body);
        *request.uri_mut() =
            target.parse().map_err(|_| Why::new("the token service's path cannot be sent"))?;
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.insert(http::header::HOST, self.authority.clone());
        headers.insert(
            http::header::USER_AGENT,
            HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// A form that is posted.
    pub(super) fn post(&self, fields: &[(&str, &str)]) -> Result<Request<Bytes>, Why> {
        let mut request = self.request(Method::POST, "", super::encode::form(fields).into())?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(http::header::CONTENT_TYPE, form);
        Ok(request)
    }

    #[cfg(test)]
    pub(super) fn for_tests(path: &str) -> Self {
        let authority = HeaderValue::from_static("tokens.example");
        Self {
            host: "tokens.example".into(),
            port: 443,
            authority,
            path: path.into(),
            tls: None,
            proxy: None,
        }
    }
}

/// Puts in a header that holds a secret.
pub(super) fn show(request: &mut Request<Bytes>, name: &'static str, secret: &str) -> Result<(), Why> {
    let secret = secret.trim_end_matches(['\r', '\n']);
    let mut value = HeaderValue::from_str(secret)
        .map_err(|_| Why::new(format!("what is to be sent as {name} holds a line break")))?;
    value.set_sensitive(true);
    request.headers_mut().insert(HeaderName::from_static(name), value);
    Ok(())
}
