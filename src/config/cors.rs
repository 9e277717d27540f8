//! `projects.NAME.cors`: which web pages may call with the project's keys.

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;

use super::place::child;
use super::project::ALL;
use super::value::OneOrMany;
use super::work::Work;
use crate::snapshot::{Cors, Project, WebOrigin};

/// Which web pages may call with the project's keys. Without it browsers let none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Cors"))]
pub(super) struct CorsWritten {
    /// The pages' origins, each as its scheme, host and port: `"https://app.example"`.
    pub(super) origins: Option<OneOrMany>,
    /// How long a browser may remember that it asked. Default: "10m".
    pub(super) max_age: Option<String>,
}

const MAX_AGE_SECONDS: u64 = 600;

impl Work<'_> {
    /// Compiles a project's `cors`; nothing if it is not there.
    pub(super) fn cors(&mut self, path: &str, written: Option<&CorsWritten>) -> Option<Cors> {
        let written = written?;
        let list = child(path, "origins");
        let entries = match written.origins.as_ref() {
            Some(OneOrMany::One(one)) if one != ALL => {
                self.wrong(&list, "`origins` must be a list", "write origins = [\"https://app.example\"]");
                Vec::new()
            }
            list_of_them => self.entries(&list, list_of_them, Some(ALL)),
        };
        if entries.is_empty() && !self.holds_wrong(&list) {
            let mend = "write cors = { origins = [\"https://app.example\"] }, or remove cors";
            self.wrong(path, "`cors` lists no origin", mend);
        }
        let origins = entries.iter().filter_map(|(path, text)| self.origin(path, text)).collect();
        let max_age = self.duration(&child(path, "max_age"), written.max_age.as_deref(), MAX_AGE_SECONDS);
        Some(Cors { origins, max_age })
    }

    fn origin(&mut self, path: &str, text: &str) -> Option<HeaderValue> {
        match judged(text) {
            Ok(origin) => Some(origin),
            Err((what, mend)) => {
                self.wrong(path, what, mend);
                None
            }
        }
    }
}

/// Every origin that some enabled project lists. Where several do, a browser remembers for the shortest time.
pub(super) fn web_origins(projects: &[Project]) -> Vec<WebOrigin> {
    let mut all: Vec<WebOrigin> = Vec::new();
    for cors in projects.iter().filter(|project| project.enabled).filter_map(|project| project.cors.as_ref())
    {
        for origin in &cors.origins {
            match all.iter_mut().find(|known| known.origin == *origin) {
                Some(known) => known.max_age = Duration::min(known.max_age, cors.max_age),
                None => all.push(WebOrigin { origin: origin.clone(), max_age: cors.max_age }),
            }
        }
    }
    all
}

type Mistake = (&'static str, &'static str);

/// The origin as a browser writes it, which is what it is compared with, byte for byte.
fn judged(text: &str) -> Result<HeaderValue, Mistake> {
    const LIKE: &str = "write it as the browser does: \"https://app.example\", or \"http://localhost:5173\"";
    if text == ALL {
        return Err(("`*` would let every web page call", "list the origins of your own pages"));
    }
    if text == "null" {
        let mend = "serve the page from an address of its own and list that";
        return Err(("`null` is every page without an origin: a file, or one in a sandbox", mend));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(("an origin begins with a scheme", LIKE));
    };
    let of_scheme = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(of_scheme) {
        return Err(("this is not the scheme of an origin", LIKE));
    }
    if rest.ends_with('/') && rest.find('/') == Some(rest.len() - 1) {
        return Err(("an origin has no slash at its end", "take the slash away"));
    }
    if rest.contains(['/', '?', '#', '@']) {
        return Err(("an origin is a scheme, a host and a port, and no path", LIKE));
    }
    if rest.contains('*') {
        return Err(("an origin is compared as it stands; `*` stands for nothing here", "list each origin"));
    }
    if rest.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(("browsers write origins in lower case", "write it in lower case"));
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !rest.ends_with(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let of_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let plain = match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(of_name),
    };
    if !plain {
        return Err(("this is not the host of an origin", LIKE));
    }
    match port {
        Some(port) if port.parse::<u16>().map(|port| port.to_string()).as_deref() != Ok(port) => {
            Err(("this is not a port", LIKE))
        }
        Some("443") if scheme == "https" => Err(("browsers leave out the port 443", "take `:443` away")),
        Some("80") if scheme == "http" => Err(("browsers leave out the port 80", "take `:80` away")),
        Some(_) | None => HeaderValue::from_str(text).map_err(|_| ("this is not an origin", LIKE)),
    }
}
