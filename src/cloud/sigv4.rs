//! Signs requests for AWS, by Signature Version 4.
//!
//! Source: "Create a signed AWS API request" in the IAM user guide. Bedrock is no S3: each segment of the path
//! is encoded once more for the signature, so the `%3A` of a model's id is signed as `%253A`, and the digest of
//! the body is part of what is signed. Signed are the host, the content type and every header whose name
//! begins with `x-amz`; what a proxy on the way may change is not.
//!
//! 1. The body is digested piece by piece, as it is held; the pieces are never joined.
//! 2. The secret key stays in this file.

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};

use super::encode::{decoded, hex, percent};
use crate::clock::Moment;
use crate::secret::{Hidden, InvalidSecret, Secret};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// The header of a session token.
const SESSION: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Keys that sign.
#[derive(Debug)]
pub struct AwsKeys {
    id: Box<str>,
    secret: Hidden,
    /// Sent with each request, if the keys are those of a session.
    session: Option<Secret>,
}

/// What a signature is valid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Such as `eu-central-1`.
    pub region: Box<str>,
    /// The service's signing name.
    pub service: &'static str,
}

impl AwsKeys {
    /// Keys, with a session's token if they are those of a session.
    ///
    /// # Errors
    /// When one of them is empty or cannot be sent.
    pub fn new(id: &str, secret: &str, session: Option<&str>) -> Result<Self, InvalidSecret> {
        if id.is_empty() || secret.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(InvalidSecret::NotAnId);
        }
        let session = session.map(|token| Secret::header(SESSION, "", token)).transpose()?;
        Ok(Self { id: id.into(), secret: Hidden::new(secret), session })
    }

    /// The header of the session's token.
    #[must_use]
    pub const fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }
}

/// A request as far as it is signed.
#[derive(Debug)]
pub struct Signed<'r> {
    /// Its method.
    pub method: &'r str,
    /// Its path, as it is sent.
    pub path: &'r str,
    /// Its query, as it is sent.
    pub query: &'r str,
}

/// Signs a request: adds the date and the signature to its headers, which hold the session's token already.
pub fn sign<'p>(
    keys: &AwsKeys,
    scope: &Scope,
    request: &Signed<'_>,
    headers: &mut HeaderMap,
    body: impl IntoIterator<Item = &'p Bytes>,
    now: Moment,
) {
    let date = date(now);
    let day = date.get(..8).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&date) {
        headers.insert(DATE, value);
    }
    let (names, canonical) = canonical(request, headers, body);
    let within = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = hex(aws_lc_rs::digest::digest(&SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{within}\n{digest}");
    let signature = hex(hmac(&key(keys, scope, day), text.as_bytes()).as_ref());
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{within}, SignedHeaders={names}, Signature={signature}",
        keys.id
    );
    if let Ok(mut value) = HeaderValue::from_str(&value) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}

/// The key of a day, a region and a service.
fn key(keys: &AwsKeys, scope: &Scope, day: &str) -> Key {
    let first = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret.reveal()));
    let parts = [day, &scope.region, scope.service, "aws4_request"];
    parts.iter().fold(Key::new(HMAC_SHA256, first.as_bytes()), |key, part| {
        Key::new(HMAC_SHA256, hmac(&key, part.as_bytes()).as_ref())
    })
}

fn date(now: Moment) -> String {
    let stamp = jiff::Timestamp::try_from(now.wall()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The names of the signed headers, and the request in its canonical form.
fn canonical<'p>(
    request: &Signed<'_>,
    headers: &HeaderMap,
    body: impl IntoIterator<Item = &'p Bytes>,
) -> (String, String) {
    let mut text = format!("{}\n", request.method);
    path(&mut text, request.path);
    text.push('\n');
    query(&mut text, request.query);
    text.push('\n');
    let counts =
        |name: &&HeaderName| **name == HOST || **name == CONTENT_TYPE || name.as_str().starts_with("x-amz");
    let mut names: Vec<&HeaderName> = headers.keys().filter(counts).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in &names {
        text.push_str(name.as_str());
        text.push(':');
        for (at, value) in headers.get_all(*name).iter().enumerate() {
            let value = String::from_utf8_lossy(value.as_bytes());
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            text.push_str(if at > 0 { "," } else { "" });
            text.push_str(&words.join(" "));
        }
        text.push('\n');
    }
    let names = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(";");
    text.push('\n');
    text.push_str(&names);
    text.push('\n');
    let mut digest = Context::new(&SHA256);
    for piece in body {
        digest.update(piece);
    }
    text.push_str(&hex(digest.finish().as_ref()));
    (names, text)
}

/// The path without empty and dot segments, encoded once more.
fn path(out: &mut String, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push('/');
        percent(out, segment.as_bytes(), b"");
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
}

/// The query's parts, each decoded and encoded in one way, in order.
fn query(out: &mut String, query: &str) {
    let encoded = |text: &str| {
        let mut out = String::with_capacity(text.len());
        percent(&mut out, &decoded(text), b"");
        out
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let mut parts: Vec<(String, String)> = parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parts.sort_unstable();
    for (at, (name, value)) in parts.iter().enumerate() {
        out.push_str(if at > 0 { "&" } else { "" });
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// Requests, and what botocore 1.44.5 signed them with; made by `tests/sdk/sigv4.py`.
    const SIGNED: &str = include_str!("signed.json");

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        seconds: u64,
        method: String,
        path: String,
        query: String,
        headers: Vec<(String, String)>,
        pieces: Vec<String>,
        session: Option<String>,
        authorization: String,
    }

    #[test]
    fn every_request_is_signed_as_botocore_signs_it() {
        let cases: Vec<Case> = serde_json::from_str(SIGNED).unwrap();
        assert!(cases.len() >= 10);
        for case in cases {
            let keys = AwsKeys::new(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                case.session.as_deref(),
            );
            let keys = keys.unwrap();
            let scope = Scope { region: "eu-central-1".into(), service: "bedrock" };
            let mut headers = HeaderMap::new();
            for (name, value) in &case.headers {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            if let Some(session) = keys.session() {
                let (name, value) = session.expose();
                headers.insert(name, value.clone());
            }
            let pieces: Vec<Bytes> = case.pieces.iter().cloned().map(Bytes::from).collect();
            let request = Signed { method: &case.method, path: &case.path, query: &case.query };
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(case.seconds);
            let now = Moment::now().dated(wall);
            sign(&keys, &scope, &request, &mut headers, &pieces, now);
            assert_eq!(headers[AUTHORIZATION], case.authorization, "{}", case.name);
        }
    }

    #[test]
    fn keys_that_cannot_be_sent_are_none() {
        let of = |id, secret, session| AwsKeys::new(id, secret, session).err();
        assert_eq!(of("", "x", None), Some(InvalidSecret::Empty));
        assert_eq!(of("AKID", "", None), Some(InvalidSecret::Empty));
        assert_eq!(of("AKID\n", "x", None), Some(InvalidSecret::NotAnId));
        assert_eq!(of("AKID", "x", Some("a\nb")), Some(InvalidSecret::NotAHeader));
        let keys = AwsKeys::new("AKID", "canary", Some("canary")).unwrap();
        assert!(!format!("{keys:?}").contains("canary"));
    }
}
