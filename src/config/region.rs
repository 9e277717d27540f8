//! `region`, `project` and `location` of an upstream: where in the world its service is, and whose it is there.

use super::cloud::domain;
use super::place::child;
use super::upstream::UpstreamWritten;
use super::work::Work;
use crate::provider::{Api, Provider};

/// What the settings make of an upstream.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// The base URL where none is written.
    pub(super) base_url: Option<String>,
    /// What stands between the API's version and the paths of endpoints.
    pub(super) infix: Box<str>,
}

impl Work<'_> {
    pub(super) fn region(
        &mut self,
        path: &str,
        provider: Option<Provider>,
        written: &UpstreamWritten,
    ) -> Region {
        let UpstreamWritten { region, project, location, .. } = written;
        let Some(provider) = provider else { return Region::default() };
        let (bedrock, vertex) = (provider.api() == Api::Bedrock, provider.api() == Api::Vertex);
        let settings = [
            ("region", region, bedrock, "bedrock"),
            ("project", project, vertex, "vertex"),
            ("location", location, vertex, "vertex"),
        ];
        for (name, text, fits, whose) in settings {
            let path = child(path, name);
            match text {
                Some(_) if !fits => {
                    self.wrong(&path, &format!("only provider {whose} takes this"), "remove it");
                }
                Some(text) if !is_name(text) => {
                    let example =
                        if bedrock { "region = \"eu-central-1\"" } else { "project = \"my-project\"" };
                    let mend = format!("write it as the cloud spells it, like `{example}`");
                    self.wrong(&path, &format!("this is no {name}"), &mend);
                }
                None | Some(_) => {}
            }
        }
        if bedrock {
            let region = region.as_deref().filter(|region| is_name(region));
            let base_url =
                region.map(|region| format!("https://bedrock-runtime.{region}.{}", domain(region)));
            return Region { base_url, infix: Box::default() };
        }
        let (Some(project), Some(location)) = (project, location) else {
            let missing = if project.is_some() { "location" } else { "project" };
            if vertex && (project.is_some() || location.is_some()) {
                let what = "a project of Google is asked for at a location";
                self.wrong(&child(path, missing), what, &format!("write {missing} = \"…\" too, or neither"));
            }
            return Region::default();
        };
        if !vertex || !is_name(project) || !is_name(location) {
            return Region::default();
        }
        let base_url = match location.as_str() {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
            _ => format!("https://{location}-aiplatform.googleapis.com"),
        };
        Region { base_url: Some(base_url), infix: format!("/projects/{project}/locations/{location}").into() }
    }
}

/// Whether a text can be part of a host's name or of a path.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert!(is_name("eu-central-1"));
        for text in ["", "EU", "eu.evil.example", "eu/1", "..", "-a", "a-", "a b", "a%2fb", "ü"] {
            assert!(!is_name(text), "{text}");
        }
    }
}
