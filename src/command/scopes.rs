//! `portcullis scopes`: which words a project's `scopes` takes, and which endpoints each opens.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::dialect::Surface;
use crate::endpoint::{self, Endpoint, Family, Scope, ScopeSet};
use crate::limits::Registry;
use crate::provider::Provider;

/// Prints the scopes: of one upstream, by its name in the configuration or that of its provider, with their
/// endpoints; else of all, without.
#[must_use]
pub fn run(config: &Path, of: Option<&str>, as_json: bool) -> u8 {
    let provider = match of.map(|name| named(config, name)) {
        None => None,
        Some(Some(provider)) => Some(provider),
        Some(None) => {
            let name = of.unwrap_or_default();
            let is_scope = Scope::all().any(|scope| scope.name() == name || scope.family.name() == name);
            if is_scope {
                complain(&format!(
                    "`{name}` is a scope; `portcullis scopes PROVIDER` shows which endpoints it opens there, such as \
                     `portcullis scopes openai`"
                ));
                return WRONG;
            }
            complain(&format!(
                "there is no provider `{name}`, and no upstream of that name in {} (`portcullis check` tells what is \
                 wrong with it)",
                config.display()
            ));
            return WRONG;
        }
    };
    say(&if as_json { format!("{:#}", as_value(provider)) } else { as_text(provider) });
    FINE
}

/// The provider of that name, or that of the upstream which has it in the configuration.
fn named(config: &Path, name: &str) -> Option<Provider> {
    let known = Provider::ALL.iter().copied().find(|provider| provider.name() == name);
    known.or_else(|| {
        let snapshot = load(&Sources::at(config), &Registry::new(Moment::now())).ok()?.snapshot;
        Some(snapshot.upstreams.get(snapshot.upstream_named(name)?)?.provider)
    })
}

/// The endpoints that a scope opens.
fn opens(provider: Option<Provider>, scope: Scope) -> impl Iterator<Item = &'static Endpoint> {
    let served = move |endpoint: &&Endpoint| provider.is_none_or(|one| one.serving(endpoint).is_some());
    endpoint::all().iter().filter(move |endpoint| endpoint.scope == scope).filter(served)
}

/// The path as a client writes it.
fn spelled(endpoint: &Endpoint) -> String {
    if endpoint.surface == Surface::Passthrough {
        return "/UPSTREAM/…".to_owned();
    }
    let roots = endpoint.surface.roots().iter();
    let root =
        roots.filter(|root| !endpoint.at_root && (root.only)(endpoint)).map(|root| root.spelled).next();
    format!("{}{}", root.unwrap_or_default(), endpoint.path)
}

fn as_text(provider: Option<Provider>) -> String {
    let mut out = String::new();
    for family in Family::ALL {
        let scopes: Vec<Scope> = Scope::all().filter(|scope| scope.family == *family).collect();
        let any = scopes.iter().any(|scope| opens(provider, *scope).next().is_some());
        if !any && *family != Family::Passthrough {
            continue;
        }
        let _ = writeln!(out, "{:<18} {}", family.name(), family.about());
        for scope in scopes {
            let endpoints: Vec<&Endpoint> = opens(provider, scope).collect();
            if provider.is_none() {
                if family.is_split() {
                    let _ = writeln!(out, "  {:<26} {} endpoints", scope.name(), endpoints.len());
                }
                continue;
            }
            if family.is_split() && !endpoints.is_empty() {
                let _ = writeln!(out, "  {}", scope.name());
            }
            for endpoint in endpoints {
                let also =
                    endpoint.also.map(|also| format!("    needs {} too", also.name())).unwrap_or_default();
                let _ = writeln!(out, "    {:<6} {}{also}", endpoint.verb.name(), spelled(endpoint));
            }
        }
    }
    out.push_str(
        "\n\"*\" stands for all but admin and passthrough. A bare name stands for :read and :write.",
    );
    if provider.is_none() {
        out.push_str("\n`portcullis scopes PROVIDER` shows the endpoints.");
    }
    out
}

fn as_value(provider: Option<Provider>) -> Value {
    let star = ScopeSet::usual();
    let scopes = Scope::all().map(|scope| {
        let endpoints: Vec<Value> = opens(provider, scope)
            .map(|endpoint| {
                json!({
                    "name": endpoint.name,
                    "surface": endpoint.surface.name(),
                    "method": endpoint.verb.name(),
                    "path": spelled(endpoint),
                    "also": endpoint.also.map(Scope::name),
                })
            })
            .collect();
        json!({ "scope": scope.name(), "about": scope.family.about(), "in_star": star.contains(scope), "endpoints": endpoints })
    });
    Value::Array(scopes.collect())
}
