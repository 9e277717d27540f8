//! What Google is asked for tokens.
//!
//! Sources: "Using OAuth 2.0 for Server to Server Applications" (the grant with a key, RFC 7523), and "Access
//! tokens" of the metadata server in the Compute Engine documentation.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;

use super::encode::{base64url, form};
use super::{Ask, Place, Why};
use crate::clock::Moment;
use crate::secret::Hidden;

/// What the token may be used for; what the account may do is decided by its roles.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long the assertion is valid, in seconds; the longest that Google takes.
const VALID: i64 = 3600;

/// A service account's key.
pub struct ServiceAccount {
    email: Box<str>,
    key_id: Option<Box<str>>,
    key: KeyPair,
    /// The token service, as the key names it.
    pub token_uri: Box<str>,
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceAccount({}, …)", self.email)
    }
}

/// Why a text is no key of a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// It is not the JSON that Google gives out.
    Form,
    /// It is a credential of another kind.
    Kind,
    /// The private key in it cannot be read.
    Key,
}

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Form => "it is not the JSON of a service account's key",
            Self::Kind => "it is a credential of another kind; only a service account's key can be used",
            Self::Key => "the private key in it cannot be read",
        })
    }
}

/// The file as Google gives it out.
#[derive(Deserialize)]
struct File {
    r#type: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
}

impl ServiceAccount {
    /// Reads the JSON file that Google gives out.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn read(text: &str) -> Result<Self, InvalidKey> {
        let file: File = serde_json::from_str(text).map_err(|_| InvalidKey::Form)?;
        if file.r#type.as_deref().is_some_and(|kind| kind != "service_account") {
            return Err(InvalidKey::Kind);
        }
        let (Some(email), Some(key)) = (file.client_email, file.private_key.map(zeroize::Zeroizing::new))
        else {
            return Err(InvalidKey::Form);
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).map_err(|_| InvalidKey::Key)?;
        let key = KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| InvalidKey::Key)?;
        let token_uri = file.token_uri.unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned());
        let key_id = file.private_key_id.map(Into::into);
        Ok(Self { email: email.into(), key_id, key, token_uri: token_uri.into() })
    }

    /// The signed statement that is exchanged for a token.
    fn assertion(&self, now: Moment) -> Result<String, Why> {
        let issued = now.unix_seconds();
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": issued, "exp": issued + VALID,
        });
        let text = format!(
            "{}.{}",
            base64url(head.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Why::new("the service account's key cannot sign"))?;
        Ok(format!("{text}.{}", base64url(&signature)))
    }
}

/// The question with a service account's key.
pub(super) fn with_key(at: &Place, account: &ServiceAccount, now: Moment) -> Result<Ask, Why> {
    let assertion = account.assertion(now)?;
    let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let request = at.post(&[("grant_type", kind), ("assertion", &assertion)])?;
    Ok(Ask { request, secret: Some(Hidden::new(&assertion)) })
}

/// The question to the metadata server of a machine, a pod or a function.
pub(super) fn metadata(at: &Place) -> Result<Ask, Why> {
    let scopes = form(&[("scopes", SCOPE)]);
    let path = format!("/computeMetadata/v1/instance/service-accounts/default/token?{scopes}");
    let mut request = at.request(Method::GET, &path, Bytes::new())?;
    let flavor = (HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"));
    request.headers_mut().insert(flavor.0, flavor.1);
    Ok(Ask { request, secret: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use std::time::{Duration, SystemTime};

    fn file(kind: &str) -> String {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let text = json!({
            "type": kind, "client_email": "gate@p.iam.gserviceaccount.com", "private_key_id": "k1",
            "private_key": key.serialize_pem(), "token_uri": "https://oauth2.googleapis.com/token",
        });
        text.to_string()
    }

    fn unbase64url(text: &str) -> Vec<u8> {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = |c| (0..6).rev().map(move |at| alphabet.find(c).unwrap() >> at & 1);
        let bits: Vec<usize> = text.chars().flat_map(bits).collect();
        let byte = |bits: &[usize]| u8::try_from(bits.iter().fold(0, |byte, bit| byte << 1 | bit)).unwrap();
        bits.chunks_exact(8).map(byte).collect()
    }

    #[test]
    fn the_assertion_says_who_asks_for_what_and_is_signed_by_the_key() {
        let account = ServiceAccount::read(&file("service_account")).unwrap();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_255_200);
        let at = Place::for_tests("/token");
        let ask = with_key(&at, &account, Moment::now().dated(wall)).unwrap();
        let body = std::str::from_utf8(ask.request.body()).unwrap();
        let assertion =
            body.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
        let (text, signature) = assertion.unwrap().rsplit_once('.').unwrap();
        let (head, claims) = text.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice::<serde_json::Value>(&unbase64url(part)).unwrap();
        assert_eq!(read(head), json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
        let said = json!({
            "iss": "gate@p.iam.gserviceaccount.com", "scope": SCOPE, "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_795_255_200, "exp": 1_795_258_800,
        });
        assert_eq!(read(claims), said);
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, account.key.public_key().as_ref());
        public.verify(text.as_bytes(), &unbase64url(signature)).unwrap();
    }

    #[test]
    fn other_files_are_no_keys_and_nothing_of_them_is_told() {
        let read = |text: &str| ServiceAccount::read(text).err();
        assert_eq!(read(&file("authorized_user")), Some(InvalidKey::Kind));
        assert_eq!(read("canary"), Some(InvalidKey::Form));
        assert_eq!(read(r#"{"type":"service_account","client_email":"x"}"#), Some(InvalidKey::Form));
        assert_eq!(read(r#"{"client_email":"x","private_key":"canary"}"#), Some(InvalidKey::Key));
        let account = ServiceAccount::read(&file("service_account")).unwrap();
        assert_eq!(format!("{account:?}"), "ServiceAccount(gate@p.iam.gserviceaccount.com, …)");
    }

    #[test]
    fn the_metadata_server_is_asked_for_the_default_account() {
        let ask = metadata(&Place::for_tests("/")).unwrap();
        let target = "/computeMetadata/v1/instance/service-accounts/default/token\
                      ?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform";
        assert_eq!(ask.request.uri(), target);
        assert_eq!(ask.request.headers()["metadata-flavor"], "Google");
    }
}
