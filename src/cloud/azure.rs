//! What Entra ID and Azure's metadata services are asked for tokens.
//!
//! Sources: "OAuth 2.0 client credentials flow" of the Microsoft identity platform, "How to use managed identities
//! on an Azure VM", and the REST endpoint of managed identities in the App Service documentation.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::encode::form;
use super::source::show;
use super::{Ask, Place, Why};
use crate::secret::Hidden;

/// The question of an application with its secret.
pub(super) fn with_secret(at: &Place, client: &str, secret: &Hidden, scope: &str) -> Result<Ask, Why> {
    let request = at.post(&[
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret.reveal()),
        ("scope", scope),
    ])?;
    Ok(Ask { request, secret: Some(Hidden::new(secret.reveal())) })
}

/// The question of an application with a token that another issuer gave it.
pub(super) fn with_assertion(at: &Place, client: &str, token: &str, scope: &str) -> Result<Ask, Why> {
    let token = token.trim_end();
    let request = at.post(&[
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", token),
        ("scope", scope),
    ])?;
    Ok(Ask { request, secret: Some(Hidden::new(token)) })
}

/// The question to the metadata service of a machine.
pub(super) fn instance(at: &Place, client: Option<&str>, scope: &str) -> Result<Ask, Why> {
    let query = identity("2018-02-01", client, scope);
    let mut request =
        at.request(Method::GET, &format!("/metadata/identity/oauth2/token?{query}"), Bytes::new())?;
    request.headers_mut().insert(HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
    Ok(Ask { request, secret: None })
}

/// The question to the endpoint that an app service or a function is given.
pub(super) fn app_service(
    at: &Place,
    header: &Hidden,
    client: Option<&str>,
    scope: &str,
) -> Result<Ask, Why> {
    let mark = if at.path.contains('?') { '&' } else { '?' };
    let query = identity("2019-08-01", client, scope);
    let mut request = at.request(Method::GET, &format!("{mark}{query}"), Bytes::new())?;
    show(&mut request, "x-identity-header", header.reveal())?;
    Ok(Ask { request, secret: Some(Hidden::new(header.reveal())) })
}

/// What metadata services are asked: they want a resource where others take a scope.
fn identity(version: &str, client: Option<&str>, scope: &str) -> String {
    let resource = scope.strip_suffix("/.default").unwrap_or(scope);
    let mut fields = vec![("api-version", version), ("resource", resource)];
    fields.extend(client.map(|client| ("client_id", client)));
    form(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

    #[test]
    fn an_application_shows_its_secret() {
        let at = Place::for_tests("/t/oauth2/v2.0/token");
        let ask = with_secret(&at, "app", &Hidden::new("a~b&c"), SCOPE).unwrap();
        assert_eq!((ask.request.method(), ask.request.uri().path()), (&Method::POST, "/t/oauth2/v2.0/token"));
        let body = std::str::from_utf8(ask.request.body()).unwrap();
        let form = "grant_type=client_credentials&client_id=app&client_secret=a~b%26c\
                    &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default";
        assert_eq!(body, form);
        let ask = with_assertion(&at, "app", "ey.J\n", SCOPE).unwrap();
        let body = std::str::from_utf8(ask.request.body()).unwrap();
        assert!(body.contains(
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&"
        ));
        assert!(body.contains("&client_assertion=ey.J&"));
    }

    #[test]
    fn managed_identities_are_asked_for_the_resource() {
        let at = Place::for_tests("/");
        let ask = instance(&at, Some("id"), SCOPE).unwrap();
        let target = "/metadata/identity/oauth2/token?api-version=2018-02-01\
                      &resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=id";
        assert_eq!(ask.request.uri(), target);
        assert_eq!(ask.request.headers()["metadata"], "true");
        let at = Place::for_tests("/msi/token/");
        let ask = app_service(&at, &Hidden::new("canary"), None, SCOPE).unwrap();
        let target = "/msi/token/?api-version=2019-08-01&resource=https%3A%2F%2Fcognitiveservices.azure.com";
        assert_eq!(ask.request.uri(), target);
        assert_eq!(ask.request.headers()["x-identity-header"], "canary");
        assert!(!format!("{ask:?}").contains("canary"));
    }
}
