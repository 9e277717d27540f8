//! Reads what token services answer: tokens, and why there is none.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::AUTHORIZATION;
use serde::Deserialize;

use super::{Grant, Means, Why};
use crate::clock::Moment;
use crate::provider_key::redacted;
use crate::secret::{Hidden, Secret};

/// How much is told of what a token service says.
const LONGEST: usize = 240;

/// A token as OAuth 2.0 grants it (RFC 6749, section 5.1). Azure's metadata services write numbers as texts, and
/// say until when instead of for how long.
#[derive(Deserialize)]
struct Token {
    #[serde(rename = "access_token")]
    text: String,
    expires_in: Option<Number>,
    expires_on: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Number {
    fn seconds(&self) -> Option<Duration> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Text(text) => text.parse().ok(),
        }
        .map(Duration::from_secs)
    }
}

/// An error as OAuth 2.0 tells it (RFC 6749, section 5.2), and as AWS's container endpoints do.
#[derive(Deserialize)]
struct Error {
    #[serde(alias = "code", alias = "Code")]
    error: Option<String>,
    #[serde(alias = "message", alias = "Message")]
    error_description: Option<String>,
}

/// A token from an answer of OAuth 2.0.
pub(super) fn token(status: StatusCode, body: &[u8], now: Moment) -> Result<Grant, Why> {
    if status != StatusCode::OK {
        return Err(refused(status, body));
    }
    // What serde says of a text that does not fit can repeat the text.
    let token: Token =
        serde_json::from_slice(body).map_err(|_| Why::new("the token service's answer holds no token"))?;
    let relative =
        token.expires_in.as_ref().and_then(Number::seconds).map(|left| now.wall().checked_add(left));
    let absolute = token.expires_on.as_ref().and_then(Number::seconds);
    let absolute = absolute.map(|at| SystemTime::UNIX_EPOCH.checked_add(at));
    let until = relative.or(absolute).flatten();
    let until = until.ok_or_else(|| Why::new("the token service does not say how long its token lives"))?;
    let secret = Secret::header(AUTHORIZATION, "Bearer ", &token.text);
    let secret = secret.map_err(|invalid| Why::new(format!("the token cannot be sent: {invalid}")))?;
    Ok(Grant { means: Means::Token(secret), until: Some(until) })
}

/// Why there is nothing, from an answer that is no grant.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> Why {
    let said: Option<Error> = serde_json::from_slice(body).ok();
    let (error, description) = said.map_or((None, None), |said| (said.error, said.error_description));
    because(status, error.as_deref(), description.as_deref())
}

/// The same from its parts.
pub(super) fn because(status: StatusCode, error: Option<&str>, description: Option<&str>) -> Why {
    let mut text = format!("the token service answered {}", status.as_u16());
    for part in [error, description].into_iter().flatten() {
        let line: String = part.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
        text.push_str(": ");
        text.push_str(&redacted(line.trim()));
    }
    Why::new(text)
}

/// Takes out of an explanation what must not be told.
#[must_use]
pub fn without(why: &Why, secret: Option<&Hidden>) -> Why {
    match secret.map(Hidden::reveal).filter(|secret| !secret.is_empty()) {
        Some(secret) => Why::new(why.text().replace(secret, "…")),
        None => why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(grant: &Grant) -> String {
        match &grant.means {
            Means::Token(secret) => secret.expose().1.to_str().unwrap().to_owned(),
            Means::Keys(_) => panic!("keys"),
        }
    }

    #[test]
    fn a_token_lives_as_long_as_its_service_says() {
        let now = Moment::now();
        for body in [
            r#"{"access_token":"ya29.abc","expires_in":3599,"token_type":"Bearer"}"#,
            r#"{"access_token":"ya29.abc","expires_in":"3599","expires_on":"1","token_type":"Bearer"}"#,
        ] {
            let grant = token(StatusCode::OK, body.as_bytes(), now).unwrap();
            assert_eq!(header(&grant), "Bearer ya29.abc");
            assert_eq!(grant.until, Some(now.wall() + Duration::from_secs(3599)));
        }
        let body = r#"{"access_token":"x","expires_on":"1795255200"}"#;
        let grant = token(StatusCode::OK, body.as_bytes(), now).unwrap();
        assert_eq!(grant.until, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_255_200)));
    }

    #[test]
    fn what_is_no_token_is_none_and_nothing_of_it_is_told() {
        for body in [
            r#"{"access_token":"canary","token_type":"Bearer"}"#,
            r#"{"access_token":["canary"],"expires_in":1}"#,
            r#"{"access_token":"canary\n","expires_in":1}"#,
            r#"{"access_token":"","expires_in":1}"#,
            r#"{"access_token":"canary","expires_in":-1}"#,
            "canary",
            "",
        ] {
            let why = token(StatusCode::OK, body.as_bytes(), Moment::now()).err().unwrap();
            assert!(!why.text().contains("canary"), "{body}: {why:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_one_line_without_what_was_sent() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid\nclient secret s3cr3t."}"#;
        let why = refused(StatusCode::UNAUTHORIZED, body);
        let told = without(&why, Some(&Hidden::new("s3cr3t")));
        let text = "the token service answered 401: invalid_client: AADSTS7000215: Invalid client secret ….";
        assert_eq!(told.text(), text);
        assert_eq!(refused(StatusCode::BAD_GATEWAY, b"<html>").text(), "the token service answered 502");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(9999));
        assert!(refused(StatusCode::BAD_REQUEST, long.as_bytes()).text().len() < 300);
    }
}
