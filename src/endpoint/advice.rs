//! What a path that fits no endpoint was probably meant to be.
//!
//! Nearly every 404 behind a gateway is a base URL with its version prefix doubled or missing; the
//! sentence names that mistake instead of leaving the caller to compare paths by eye.

use super::{Gives, Verb, find};

/// The advice for a path that was not found, and whether it was only the method that was wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Advice {
    /// The path exists with another method.
    Method(Verb),
    /// A sentence on the path.
    Path(String),
}

/// Explains a miss.
#[must_use]
pub fn advise(verb: Option<Verb>, path: &str) -> Advice {
    let others = [Verb::Post, Verb::Get, Verb::Delete, Verb::Patch, Verb::Put];
    if let Some(other) = others.into_iter().find(|other| Some(*other) != verb && exists(*other, path)) {
        return Advice::Method(other);
    }
    Advice::Path(sentence(path))
}

fn exists(verb: Verb, path: &str) -> bool {
    find(path).is_some_and(|found| found.rows(verb).any(|fit| fit.endpoint.gives != Gives::WebSocket))
}

fn exists_at_all(path: &str) -> bool {
    Verb::ALL.into_iter().any(|verb| exists(verb, path))
}

fn sentence(path: &str) -> String {
    for version in ["/v1", "/v1beta", "/v1alpha"] {
        if let Some(rest) = split_doubled(path, version)
            && exists_at_all(&format!("{version}{rest}"))
        {
            return format!("The prefix {version} is doubled: take one {version} off the end of base_url.");
        }
    }
    for (first, second) in [("/v1", "/v1beta"), ("/v1beta", "/v1"), ("/v1", "/openai/v1")] {
        if let Some(rest) = path.strip_prefix(first)
            && rest.starts_with(second)
            && exists_at_all(rest)
        {
            return format!("The SDK adds {second} itself: take {first} off the end of base_url.");
        }
    }
    // Gemini's paths exist with either, and its SDKs end theirs with /v1beta.
    let versions = if path.contains(':') { ["/v1beta", "/v1"] } else { ["/v1", "/v1beta"] };
    for version in versions {
        if exists_at_all(&format!("{version}{path}")) {
            return format!("The prefix {version} is missing: end base_url with {version}.");
        }
    }
    if let Some(tidy) = path.strip_suffix('/')
        && exists_at_all(tidy)
    {
        return "Take the slash off its end.".to_owned();
    }
    if exists_at_all(&path.to_ascii_lowercase()) {
        return "Paths are written in lower case.".to_owned();
    }
    "Check the SDK's base_url against the table in the gateway's README.".to_owned()
}

/// What stands behind the doubling in `/v1/v1/rest` or `/name/v1/v1/rest`.
fn split_doubled<'p>(path: &'p str, version: &str) -> Option<&'p str> {
    let (_, rest) = path.split_once(&format!("{version}{version}/"))?;
    let rest_from = path.len() - rest.len() - 1;
    path.get(rest_from..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_mistakes_are_named() {
        for (path, word) in [
            ("/v1/v1/chat/completions", "doubled"),
            ("/v1/v1/messages", "doubled"),
            ("/openai/v1/v1/chat/completions", "doubled"),
            ("/v1beta/v1beta/models/gemini-2.5-flash:generateContent", "doubled"),
            ("/v1/v1beta/models/gemini-2.5-flash:generateContent", "take /v1 off"),
            ("/chat/completions", "missing"),
            ("/models/gemini-2.5-flash:generateContent", "The prefix /v1beta is missing"),
            ("/v1/chat/completions/", "slash"),
            ("/V1/Chat/Completions", "lower case"),
            ("/nothing", "README"),
        ] {
            let Advice::Path(sentence) = advise(Some(Verb::Post), path) else { panic!("{path}") };
            assert!(sentence.contains(word), "{path}: {sentence}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_from_a_wrong_path() {
        assert_eq!(advise(Some(Verb::Get), "/v1/chat/completions"), Advice::Method(Verb::Post));
        assert_eq!(advise(None, "/v1/models"), Advice::Method(Verb::Get));
    }
}
