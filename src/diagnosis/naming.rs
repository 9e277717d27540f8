//! What an answer names and a mend can use: scopes, project, model, principal, the address that was seen…

use std::net::IpAddr;

use super::reading::{Answer, part};
use super::{About, Cause};

/// What stands in the metadata, and its name here.
const METADATA: [(&str, &str); 7] = [
    ("service", "service"),
    ("permission", "permission"),
    ("resource", "resource"),
    ("method", "method"),
    ("methodName", "method"),
    ("uid", "uid"),
    ("limit_source", "limit"),
];
/// What stands before the address from which a provider saw the request come, in small letters.
const BEFORE_ADDRESS: [&str; 8] = [
    "ip address",
    "your ip",
    "client ip",
    "client address",
    "client with ip",
    "requests from",
    "from ip",
    "ip:",
];
/// How often each of them is looked behind.
const MOST: usize = 8;
/// How far behind that it is looked for: pages put markup between.
const NEAR: usize = 400;

/// Causes in whose answers an address is the gate's own. In others it may be one that the caller wrote.
const OF_THE_PLACE: [About; 3] = [About::Region, About::Address, About::Way];

/// What the answer names, by name; each name once.
pub(super) fn named(answer: &Answer<'_>, cause: Option<&Cause>) -> Vec<(&'static str, Box<str>)> {
    let mut named: Vec<(&'static str, Box<str>)> = Vec::new();
    let mut name = |name: &'static str, value: Option<&str>| {
        let known = named.iter().any(|(known, _)| *known == name);
        if let Some(value) = value.filter(|value| !value.is_empty() && !known) {
            named.push((name, part(value)));
        }
    };
    let metadata =
        |name: &str| answer.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let message = answer.message.as_str();
    name("missing", missing_scopes(message));
    name("project", between(message, "Project `", &['`']));
    name("project", metadata("consumer").and_then(|consumer| consumer.strip_prefix("projects/")));
    name(
        "model",
        between(message, "access to model `", &['`'])
            .or_else(|| between(message, "to use the model `", &['`']))
            .or_else(|| between(message, "model: ", &[' ', '.', ','])),
    );
    name("principal", between(message, "User: ", &[' ']).or_else(|| between(message, "principal `", &['`'])));
    name(
        "action",
        between(message, "to perform: ", &[' ']).or_else(|| between(message, "data action `", &['`'])),
    );
    name("resource", between(message, "on resource: ", &[' ']));
    for (from, to) in METADATA {
        name(to, metadata(from));
    }
    name("permission", between(message, "Permission '", &['\'']));
    name("resource", between(message, "denied on resource '", &['\'']));
    let address = metadata("callerIp").and_then(|text| text.parse().ok()).or_else(|| address(&answer.said));
    let of_the_place = cause.is_none_or(|cause| OF_THE_PLACE.contains(&cause.about));
    name("address", address.filter(|_| of_the_place).map(|address| address.to_string()).as_deref());
    // Where the API gave the request a name, that is the one to quote.
    name("cf-ray", answer.header("cf-ray").filter(|_| !answer.has_request_id()));
    name("reason", answer.header("x-portcullis-reason"));
    named
}

/// The list of scopes behind `Missing scopes:`. They hold full stops; the list ends at one with a blank
/// behind it.
fn missing_scopes(message: &str) -> Option<&str> {
    let before = ["issing scopes: ", "issing scope: "];
    let (_, list) = before.iter().find_map(|before| message.split_once(before))?;
    let list = list.split(". ").next()?.lines().next()?;
    Some(list.trim_end_matches('.'))
}

/// The address from which the provider saw the request come, where the text tells it.
fn address(said: &str) -> Option<IpAddr> {
    let around = |c: char| c.is_ascii_whitespace() || "<>()[]{}\"'`,;=".contains(c);
    BEFORE_ADDRESS.iter().flat_map(|before| said.match_indices(before).take(MOST)).find_map(|(at, before)| {
        let behind = said.get(at + before.len()..)?;
        let near = behind.char_indices().nth(NEAR).map_or(behind, |(end, _)| behind.split_at(end).0);
        let words = near.split(around).map(|word| word.trim_end_matches(['.', ':']));
        let addresses = words.filter_map(|word| word.parse::<IpAddr>().ok());
        addresses.into_iter().find(|address| !address.is_unspecified())
    })
}

/// What stands between a text and the first of some characters.
fn between<'t>(text: &'t str, before: &str, ends: &[char]) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|c| ends.contains(&c)).next()
}
