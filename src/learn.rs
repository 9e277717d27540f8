//! From what a project did to the least configuration that allows it.
//!
//! 1. Only what passed counts, rules that were only observed included: what was refused was not
//!    meant to be.
//! 2. Addresses, scopes and models are exactly those that were seen; addresses next to each other
//!    are written as the network that holds them and no other.
//! 3. The rate is the most that was seen in a minute.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model_name::can_be_listed;
use crate::store::read::{Decided, Peak};

/// What a project did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many requests passed.
    pub requests: i64,
    /// When the last of them came, in milliseconds since 1970.
    pub last: i64,
    /// How many of them some observed rule would have denied.
    pub would_deny: i64,
    /// How many were denied, and are not covered.
    pub denied: i64,
    /// The keys that it used.
    pub keys: BTreeSet<String>,
    /// The upstreams that its requests went to.
    pub upstreams: BTreeSet<String>,
    /// The scopes that it needed.
    pub scopes: BTreeSet<String>,
    /// The models that it asked for.
    pub models: BTreeSet<String>,
    /// How many names it asked for besides that no list should hold.
    pub unlisted: usize,
    /// Where it called from.
    pub networks: Vec<IpNet>,
    /// The most requests in a minute.
    pub most_in_a_minute: i64,
}

impl Seen {
    /// Gathers what a project did from the decisions on it.
    #[must_use]
    pub fn gather(decisions: &[Decided], peak: Peak) -> Self {
        let mut seen = Self { most_in_a_minute: peak.most_in_a_minute, ..Self::default() };
        let mut addresses = BTreeSet::new();
        for one in decisions {
            if !one.denied.is_empty() {
                seen.denied += one.count;
                continue;
            }
            seen.requests += one.count;
            seen.last = seen.last.max(one.last);
            if !one.would_deny.is_empty() {
                seen.would_deny += one.count;
            }
            seen.keys.insert(one.key_id.clone());
            addresses.insert(one.client);
            let named = [
                (&mut seen.upstreams, &one.upstream),
                (&mut seen.scopes, &one.scope),
                (&mut seen.models, &one.model),
            ];
            for (names, name) in named {
                if !name.is_empty() {
                    names.insert(name.clone());
                }
            }
        }
        let all = seen.models.len();
        seen.models.retain(|name| can_be_listed(name));
        seen.unlisted = all - seen.models.len();
        seen.networks = networks(addresses);
        seen
    }

    /// The configuration of the project, without its keys.
    #[must_use]
    pub fn toml(&self, project: &str) -> String {
        let mut out = String::new();
        let name = if project.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            project.to_owned()
        } else {
            format!("{project:?}")
        };
        let _ = writeln!(out, "[projects.{name}]");
        let _ = writeln!(out, "upstreams = {}", list(&self.upstreams));
        let _ = writeln!(out, "scopes = {}", list(&self.scopes));
        if self.unlisted > 0 {
            let names = if self.unlisted == 1 { "name of a model" } else { "names of models" };
            let _ = writeln!(out, "# {} {names} left out: with a *, or with what no name has", self.unlisted);
        }
        let _ = writeln!(out, "models = {}", list(&self.models));
        let _ = writeln!(out, "allow_ips = {}", list(self.networks.iter().map(written)));
        if self.most_in_a_minute > 0 {
            let _ = writeln!(out, "limits = {{ requests = \"{}/min\" }}", self.most_in_a_minute);
        }
        out
    }
}

/// The fewest networks that hold these addresses and no other.
fn networks(addresses: BTreeSet<IpAddr>) -> Vec<IpNet> {
    IpNet::aggregate(&addresses.into_iter().map(IpNet::from).collect())
}

/// A network as it is written; an address without a prefix.
fn written(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// A list in TOML, over several lines if it is long.
fn list(entries: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let entries: Vec<String> = entries.into_iter().map(|entry| format!("{:?}", entry.as_ref())).collect();
    let short = entries.join(", ");
    if short.len() <= 96 { format!("[{short}]") } else { format!("[\n    {},\n]", entries.join(",\n    ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(client: &str, model: &str, denied: &str, would_deny: &str, count: i64) -> Decided {
        Decided {
            project: "search".to_owned(),
            key_id: "search-prod".to_owned(),
            client: client.parse().unwrap(),
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            model: model.to_owned(),
            denied: denied.to_owned(),
            would_deny: would_deny.to_owned(),
            surface: "openai".to_owned(),
            scope: "chat".to_owned(),
            upstream: "openai".to_owned(),
            count,
            last: 0,
        }
    }

    #[test]
    fn what_no_list_should_hold_is_left_out() {
        let odd = ["*", "gpt*", "a b", "a\u{1b}[31m", "é", ""];
        let decisions: Vec<_> = odd.iter().map(|model| decided("10.0.0.2", model, "", "", 1)).collect();
        let toml = Seen::gather(&decisions, Peak::default()).toml("search");
        assert!(
            toml.contains("# 5 names of models left out: with a *, or with what no name has\nmodels = []\n"),
            "{toml}"
        );
    }

    #[test]
    fn what_passed_is_covered_and_nothing_else() {
        let peak = Peak { requests: 12, most_in_a_minute: 7, most_in_an_hour: 12 };
        let decisions = [
            decided("10.0.0.2", "a", "", "", 3),
            decided("10.0.0.3", "b", "", "model_not_allowed", 4),
            decided("10.9.9.9", "c", "model_not_allowed", "", 5),
            decided("2001:db8::1", "a", "", "", 1),
        ];
        let seen = Seen::gather(&decisions, peak);
        assert_eq!((seen.requests, seen.would_deny, seen.denied), (8, 4, 5));
        assert_eq!(seen.unlisted, 0);
        let toml = "[projects.search]\nupstreams = [\"openai\"]\nscopes = [\"chat\"]\nmodels = [\"a\", \"b\"]\n\
                    allow_ips = [\"10.0.0.2/31\", \"2001:db8::1\"]\nlimits = { requests = \"7/min\" }\n";
        assert_eq!(seen.toml("search"), toml);
    }

    #[test]
    fn a_long_list_has_a_line_for_each() {
        let many: Vec<String> = (0..40).map(|at| format!("model-{at}")).collect();
        assert_eq!(list(&many).lines().count(), 42);
        assert_eq!(list(["a"]), "[\"a\"]");
    }
}
