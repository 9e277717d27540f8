//! What AWS is asked for keys, and how its answers are read.
//!
//! Sources: the credential providers of the SDK reference guide, the API reference of STS, and "Use the
//! Instance Metadata Service" in the user guide of EC2.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;

use super::answer::{because, refused};
use super::source::show;
use super::{Ask, AwsKeys, Grant, Means, Place, Why};
use crate::secret::Hidden;

/// What ECS, EKS and the instance metadata service answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

/// The question to a container's endpoint.
pub(super) fn container(at: &Place, shown: Option<&str>) -> Result<Ask, Why> {
    let mut request = at.request(Method::GET, "", Bytes::new())?;
    if let Some(shown) = shown {
        show(&mut request, "authorization", shown)?;
    }
    Ok(Ask { request, secret: shown.map(|shown| Hidden::new(shown.trim_end())) })
}

/// The question to the security token service. It is not signed: the token is what proves.
pub(super) fn web_identity(at: &Place, role: &str, session: &str, token: &str) -> Result<Ask, Why> {
    let token = token.trim_end();
    let request = at.post(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token),
    ])?;
    Ok(Ask { request, secret: Some(Hidden::new(token)) })
}

/// The three questions to the metadata service of an instance.
pub mod instance {
    use super::{Ask, Bytes, Hidden, Method, Place, StatusCode, Why, show};

    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

    /// A session, which every other question needs.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn session(at: &Place) -> Result<Ask, Why> {
        let mut request = at.request(Method::PUT, "/latest/api/token", Bytes::new())?;
        show(&mut request, "x-aws-ec2-metadata-token-ttl-seconds", "60")?;
        Ok(Ask { request, secret: None })
    }

    /// The name of the instance's role.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn role(at: &Place, session: &str) -> Result<Ask, Why> {
        of(at, session, ROLES)
    }

    /// The role's keys.
    ///
    /// # Errors
    /// When they cannot be asked for.
    pub fn keys(at: &Place, session: &str, role: &str) -> Result<Ask, Why> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if role.is_empty() || !role.bytes().all(plain) {
            return Err(Why::new("the metadata service names no role: the instance has no instance profile"));
        }
        of(at, session, &format!("{ROLES}{role}"))
    }

    fn of(at: &Place, session: &str, path: &str) -> Result<Ask, Why> {
        let mut request = at.request(Method::GET, path, Bytes::new())?;
        show(&mut request, "x-aws-ec2-metadata-token", session)?;
        Ok(Ask { request, secret: Some(Hidden::new(session)) })
    }

    /// What a step answered, as one line of text.
    ///
    /// # Errors
    /// When it is none.
    pub fn line(status: StatusCode, body: &[u8]) -> Result<zeroize::Zeroizing<String>, Why> {
        if status != StatusCode::OK {
            return Err(Why::new(format!("the metadata service answered {}", status.as_u16())));
        }
        let text = std::str::from_utf8(body).ok().and_then(|text| text.lines().next()).map(str::trim);
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| zeroize::Zeroizing::new(text.to_owned()))
            .ok_or_else(|| Why::new("the metadata service's answer is empty"))
    }
}

/// Keys from an answer in JSON.
pub(super) fn read_json(status: StatusCode, body: &[u8]) -> Result<Grant, Why> {
    if status != StatusCode::OK {
        return Err(refused(status, body));
    }
    // The metadata service says with 200 that a role cannot be assumed; then there are no keys in it.
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return Err(Why::new(format!("{}, without keys", refused(status, body).text())));
    };
    granted(
        &answer.access_key_id,
        &answer.secret_access_key,
        answer.token.as_deref(),
        answer.expiration.as_deref(),
    )
}

/// Keys from an answer of the security token service, which speaks XML.
pub(super) fn read_xml(status: StatusCode, body: &[u8]) -> Result<Grant, Why> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    if status != StatusCode::OK {
        return Err(because(status, element(text, "Code"), element(text, "Message")));
    }
    let keys = element(text, "Credentials").unwrap_or_default();
    let of = |name: &str| element(keys, name);
    let (Some(id), Some(secret), Some(token)) =
        (of("AccessKeyId"), of("SecretAccessKey"), of("SessionToken"))
    else {
        return Err(Why::new("the token service's answer holds no keys"));
    };
    granted(id, secret, Some(token), of("Expiration"))
}

/// What stands between the first tags of this name. Nothing that is read here needs more of XML: keys, tokens
/// and dates hold no `&` and no `<`.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, behind) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = behind.split_once(&format!("</{name}>"))?;
    Some(inner.trim())
}

fn granted(id: &str, secret: &str, token: Option<&str>, expiration: Option<&str>) -> Result<Grant, Why> {
    let token = token.filter(|token| !token.is_empty());
    let keys = AwsKeys::new(id, secret, token)
        .map_err(|invalid| Why::new(format!("the keys cannot be used: {invalid}")))?;
    let until = match expiration {
        None => None,
        Some(text) => {
            let stamp = text.parse::<jiff::Timestamp>().map(SystemTime::from);
            Some(stamp.map_err(|_| Why::new("the keys' expiration is no date"))?)
        }
    };
    Ok(Grant { means: Means::Keys(keys), until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-11-21T10:00:00Z
    fn until() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_255_200)
    }

    #[test]
    fn a_container_is_asked_with_what_it_wants_to_be_shown() {
        let at = Place::for_tests("/v2/credentials/3fe1?x=1");
        let ask = container(&at, Some("canary\n")).unwrap();
        assert_eq!(ask.request.uri(), "/v2/credentials/3fe1?x=1");
        assert_eq!(ask.request.headers()["authorization"], "canary");
        assert!(!format!("{ask:?}").contains("canary"));
        assert!(container(&at, Some("a\nb")).is_err());
        assert!(!container(&at, None).unwrap().request.headers().contains_key("authorization"));
    }

    #[test]
    fn an_instance_is_asked_in_three_steps() {
        let at = Place::for_tests("/");
        let ask = instance::session(&at).unwrap();
        assert_eq!((ask.request.method(), ask.request.uri().path()), (&Method::PUT, "/latest/api/token"));
        let session = instance::line(StatusCode::OK, b"AQAE==").unwrap();
        let ask = instance::keys(&at, &session, "gate-role").unwrap();
        assert_eq!(ask.request.uri(), "/latest/meta-data/iam/security-credentials/gate-role");
        assert_eq!(ask.request.headers()["x-aws-ec2-metadata-token"], "AQAE==");
        for role in ["", "a/../b", "a b", "<html>"] {
            assert!(instance::keys(&at, &session, role).is_err(), "{role}");
        }
        assert!(instance::line(StatusCode::NOT_FOUND, b"x").is_err());
        assert!(instance::line(StatusCode::OK, b"\n").is_err());
    }

    #[test]
    fn keys_are_read_from_json() {
        let body = br#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAX","SecretAccessKey":"s/+","Token":"t",
            "Expiration":"2026-11-21T10:00:00Z"}"#;
        let grant = read_json(StatusCode::OK, body).unwrap();
        assert_eq!(grant.until, Some(until()));
        assert!(matches!(grant.means, Means::Keys(keys) if keys.session().is_some()));
        let body = br#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role gate."}"#;
        let why = read_json(StatusCode::OK, body).err().unwrap();
        let text = "the token service answered 200: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role gate., without keys";
        assert_eq!(why.text(), text);
        let body = br#"{"AccessKeyId":"ASIAX","SecretAccessKey":"s","Expiration":"soon"}"#;
        assert_eq!(read_json(StatusCode::OK, body).err().unwrap().text(), "the keys' expiration is no date");
    }

    #[test]
    fn keys_are_read_from_xml() {
        let body = b"<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
            <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t==</SessionToken>
            <SecretAccessKey>s/+</SecretAccessKey><Expiration>2026-11-21T10:00:00Z</Expiration>
            <AccessKeyId>ASIAX</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>
            </AssumeRoleWithWebIdentityResponse>";
        assert_eq!(read_xml(StatusCode::OK, body).unwrap().until, Some(until()));
        let body = b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code>
            <Message>No OpenIDConnect provider found</Message></Error></ErrorResponse>";
        let why = read_xml(StatusCode::BAD_REQUEST, body).err().unwrap();
        let text = "the token service answered 400: InvalidIdentityToken: No OpenIDConnect provider found";
        assert_eq!(why.text(), text);
        assert!(read_xml(StatusCode::OK, b"<Credentials></Credentials>").is_err());
    }

    #[test]
    fn a_role_is_asked_for_with_the_token() {
        let ask = web_identity(&Place::for_tests("/"), "arn:aws:iam::1:role/r", "gate", "ey.J\n").unwrap();
        let body = std::str::from_utf8(ask.request.body()).unwrap();
        let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr\
                    &RoleSessionName=gate&WebIdentityToken=ey.J";
        assert_eq!(body, form);
    }
}
