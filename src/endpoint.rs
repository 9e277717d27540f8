//! Which paths the gate carries, and under which scope.
//!
//! 1. The client's raw path is compared byte for byte with the table; nothing is decoded,
//!    lower-cased or tidied up. What does not fit is refused.
//! 2. What goes upstream is built from the table and from the one parameter that was checked,
//!    never from the client's path.
//! 3. A query parameter that the row does not list is refused.

mod advice;
mod table;

use serde::{Deserialize, Serialize};

use crate::dialect::Surface;

pub use advice::{Advice, advise};
pub use table::ALL;

/// What a project may do; each endpoint asks for exactly one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Scope {
    /// Chat in every dialect: chat completions, messages, generateContent.
    #[serde(rename = "chat")]
    Chat,
    /// Plain text completions.
    #[serde(rename = "completions")]
    Completions,
    /// OpenAI's Responses.
    #[serde(rename = "responses")]
    Responses,
    /// Embeddings.
    #[serde(rename = "embeddings")]
    Embeddings,
    /// Moderation verdicts.
    #[serde(rename = "moderations")]
    Moderations,
    /// Counting tokens without generating any.
    #[serde(rename = "tokens")]
    Tokens,
    /// Listing the models that the project may use.
    #[serde(rename = "models:read")]
    ModelsRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 7] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Embeddings,
        Self::Moderations,
        Self::Tokens,
        Self::ModelsRead,
    ];

    /// The word in the configuration and the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::Tokens => "tokens",
            Self::ModelsRead => "models:read",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of scopes; an empty one allows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// The method of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; carries no body.
    Get,
    /// Asks the model; carries a JSON body.
    Post,
}

impl Verb {
    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Where a request says which model it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelIn {
    /// Nowhere: the endpoint does not use a model.
    Nowhere,
    /// In the body's `model`, which must be there.
    Body,
    /// In the body's `model`; without one the provider picks, which only a project that may use
    /// every model can allow.
    BodyOrProvidersChoice,
    /// In the path; a `model` in the body must say the same.
    Path,
}

/// Whether the answer is a stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Never.
    Never,
    /// When the body's `stream` is true.
    IfAsked,
    /// Always.
    Always,
}

/// One row of the table: an endpoint of one surface.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The endpoint's word in records and metrics.
    pub name: &'static str,
    /// The family of paths it belongs to.
    pub surface: Surface,
    /// Its method.
    pub verb: Verb,
    /// Its path behind the surface's root; `{model}` stands for one path segment.
    pub path: &'static str,
    /// The scope that a project needs.
    pub scope: Scope,
    /// Where the model is named.
    pub model: ModelIn,
    /// Whether the answer streams.
    pub streams: Streams,
    /// The query parameters it takes.
    pub query: &'static [&'static str],
    /// Whether the answer lists models, of which the project sees only its own.
    pub lists_models: bool,
}

/// An endpoint that fits a path, and what stood in the place of `{model}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'p> {
    /// The row.
    pub endpoint: &'static Endpoint,
    /// The root under which it was found: `/v1`, `/v1beta`…
    pub root: &'static str,
    /// The model or deployment in the path.
    pub model: Option<&'p str>,
}

/// The roots under which a surface's endpoints are found.
#[must_use]
pub const fn roots(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::OpenAi => &["/v1"],
        // The official SDK appends /v1/messages to its base URL, others append /messages.
        Surface::Anthropic => &["/v1", ""],
        Surface::Gemini => &["/v1beta", "/v1", "/v1alpha"],
        Surface::AzureDeployment => &["/openai/deployments"],
        Surface::AzureV1 => &["/openai/v1"],
    }
}

/// The endpoint of a surface with this method and raw path.
#[must_use]
pub fn find(surface: Surface, verb: Verb, path: &str) -> Option<Match<'_>> {
    // Only /messages is found without a version: anything may stand at the root of a host.
    roots(surface).iter().filter(|root| !root.is_empty() || verb == Verb::Post).find_map(|root| {
        let rest = path.strip_prefix(root)?;
        table::of(surface).iter().filter(|endpoint| endpoint.verb == verb).find_map(|endpoint| {
            let model = if endpoint.model == ModelIn::Path {
                Some(fit(endpoint.path, rest)?)
            } else {
                (endpoint.path == rest).then_some(None)?
            };
            Some(Match { endpoint, root, model })
        })
    })
}

/// What stands for `{model}` in a path that fits a row with one.
fn fit<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let (before, after) = pattern.split_once("{model}")?;
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    // A colon in front of a verb is the verb's, not the name's.
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'@') || (b == b':' && after.is_empty())
    };
    (!name.is_empty() && name.len() <= LONGEST_MODEL && name.bytes().all(plain) && !dots(name))
        .then_some(name)
}

/// The longest model name that is looked at.
pub const LONGEST_MODEL: usize = 256;

/// `.` and `..` mean something to those who tidy paths.
fn dots(name: &str) -> bool {
    name.bytes().all(|b| b == b'.')
}

impl Endpoint {
    /// The row's number in [`ALL`].
    #[must_use]
    pub fn index(&'static self) -> usize {
        ALL.iter().position(|other| std::ptr::eq(other, self)).unwrap_or(usize::MAX)
    }

    /// Whether the row takes a query parameter of this name.
    #[must_use]
    pub fn takes_query(&self, name: &str) -> bool {
        self.query.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(surface: Surface, verb: Verb, path: &str) -> Option<(&'static str, Option<&str>)> {
        find(surface, verb, path).map(|m| (m.endpoint.name, m.model))
    }

    #[test]
    fn sdk_paths_are_found() {
        use Surface::{Anthropic, AzureDeployment, AzureV1, Gemini, OpenAi};
        use Verb::{Get, Post};
        for (surface, verb, path, expected) in [
            (OpenAi, Post, "/v1/chat/completions", ("chat", None)),
            (OpenAi, Get, "/v1/models/ft:gpt-4o:acme::1", ("models.get", Some("ft:gpt-4o:acme::1"))),
            (Anthropic, Post, "/v1/messages", ("messages", None)),
            (Anthropic, Post, "/messages", ("messages", None)),
            (
                Gemini,
                Post,
                "/v1/models/gemini-2.5-flash:generateContent",
                ("generate", Some("gemini-2.5-flash")),
            ),
            (
                Gemini,
                Post,
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
                ("stream_generate", Some("gemini-2.5-pro")),
            ),
            (
                AzureDeployment,
                Post,
                "/openai/deployments/prod-4o/chat/completions",
                ("chat", Some("prod-4o")),
            ),
            (AzureV1, Post, "/openai/v1/responses", ("responses", None)),
        ] {
            assert_eq!(found(surface, verb, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn variants_of_a_path_are_not_the_path() {
        for path in [
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/./chat/completions",
            "/v1/x/../chat/completions",
            "/v1/chat/completions/",
            "/V1/chat/completions",
            "/v1/chat%2fcompletions",
            "/v1/chat/completions;a=b",
            "/v1/models/..",
            "/v1/models/a/b",
            "/v1/models/a%2fb",
            "/v1/v1/chat/completions",
        ] {
            for surface in Surface::ALL {
                for verb in [Verb::Get, Verb::Post] {
                    assert_eq!(find(surface, verb, path), None, "{path}");
                }
            }
        }
    }

    #[test]
    fn rows_are_sorted_by_surface_and_unique() {
        let keys: Vec<_> = ALL.iter().map(|e| (e.surface, e.verb.name(), e.path)).collect();
        assert!(keys.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let unique: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
        for (at, endpoint) in ALL.iter().enumerate() {
            assert_eq!(endpoint.index(), at);
            assert_eq!(endpoint.path.contains('{'), endpoint.model == ModelIn::Path, "{}", endpoint.path);
        }
    }
}
