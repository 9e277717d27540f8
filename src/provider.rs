//! The services that the gate can stand before, as a table.
//!
//! Sources: the providers' own SDKs (base URLs, credential headers, names of variables) as of November
//! 2026. Where a service moves, `base_url` in the configuration is enough.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::dialect::Surface;
use crate::endpoint::Endpoint;
use crate::endpoint::Family::{
    self, Agents, Assistants, Audio, Batches, Chat, Chatkit, Completions, Containers, Conversations,
    Decisions, Embeddings, Evals, Files, FineTuning, Images, Live, Models, Moderations, Realtime, Responses,
    Skills, StoredCompletions, Tokens, VectorStores, Videos, Voices, Webhooks,
};

/// Whose API a service speaks in the first place: decides its credential's header and what its errors mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
    /// Vertex AI's.
    Vertex,
    /// Azure OpenAI's.
    Azure,
    /// Bedrock's.
    Bedrock,
}

/// A family of paths that a service answers.
#[derive(Clone, Copy, Debug)]
pub struct Serves {
    /// The paths.
    pub surface: Surface,
    /// What stands before them, behind the service's base URL.
    pub at: &'static str,
    /// Which parts of it; all if none are named.
    pub families: &'static [Family],
    /// Endpoints of these parts, by name, that the service answers otherwise and has a row of its own for.
    pub without: &'static [&'static str],
    /// Whether it is the service's own API. Requests that name no upstream go to a service by another API
    /// only if there is none whose own it is.
    pub own: bool,
}

/// What is known of a service.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The name in the configuration.
    pub name: &'static str,
    /// Whose API it speaks in the first place.
    pub api: Api,
    /// The base URL that is used where the configuration sets none: that of its own SDK. What is set may end
    /// with the prefix of OpenAI's paths, as OpenAI's SDK is given it.
    pub base_url: Option<&'static str>,
    /// The paths that it answers.
    pub serves: &'static [Serves],
    /// What clients put between its base URL and the path: its own SDK, or another's, as the service tells them to.
    pub sdk_root: &'static str,
    /// Whether it may be without a credential: a model server of one's own.
    pub keyless: bool,
    /// Whether streams of OpenAI's chat report usage there only if `stream_options` asks. Not where they always do, and
    /// not where the option may be refused.
    pub reports_if_asked: bool,
    /// The environment variable in which its key is usually found.
    pub variable: &'static str,
}

const fn own(surface: Surface, at: &'static str) -> Serves {
    Serves { surface, at, families: &[], without: &[], own: true }
}

const fn part(surface: Surface, at: &'static str, families: &'static [Family]) -> Serves {
    Serves { surface, at, families, without: &[], own: true }
}

const fn part_without(
    surface: Surface,
    at: &'static str,
    families: &'static [Family],
    without: &'static [&'static str],
) -> Serves {
    Serves { surface, at, families, without, own: true }
}

const fn other(surface: Surface, at: &'static str, families: &'static [Family]) -> Serves {
    Serves { surface, at, families, without: &[], own: false }
}

/// What nearly every service has of OpenAI's API.
const BASIC: &[Family] = &[Chat, Completions, Responses, Embeddings, Models];
const CHAT: &[Family] = &[Chat, Completions, Models];
const MESSAGES: &[Family] = &[Chat, Tokens];
/// All that a service of unknown make may have of OpenAI's API: its administration is not among it.
const COMPATIBLE: &[Family] = &[
    Chat,
    StoredCompletions,
    Completions,
    Responses,
    Conversations,
    Embeddings,
    Moderations,
    Decisions,
    Audio,
    Voices,
    Images,
    Videos,
    Realtime,
    Live,
    Tokens,
    Models,
    Files,
    Batches,
    FineTuning,
    VectorStores,
    Assistants,
    Containers,
    Evals,
    Skills,
    Chatkit,
    Agents,
    Webhooks,
];
const MISTRAL: &[Family] = &[Chat, Responses, Tokens, Embeddings, Moderations, Audio, Files, Models];
const GROQ: &[Family] = &[Chat, Responses, Embeddings, Audio, Models, Files, Batches];
const XAI: &[Family] =
    &[Chat, Completions, Responses, Embeddings, Images, Videos, Models, Files, Batches, Realtime];
const TOGETHER: &[Family] =
    &[Chat, Completions, Responses, Embeddings, Audio, Images, Models, Files, Batches];
const AZURE: &[Family] = COMPATIBLE;
const LOCAL: &[Family] = &[Chat, Completions, Responses, Embeddings, Audio, Images, Models, Realtime];
const GOOGLE: &[Family] = &[Chat, Embeddings, Images, Videos, Models, Batches, Files];

macro_rules! providers {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $api:ident $base_url:expr, $serves:expr, $sdk_root:literal $keyless:literal $asked:literal $variable:literal;)*) => {
        /// What kind of service an upstream is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub enum Provider {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)*
        }

        impl Provider {
            /// Every provider.
            pub const ALL: &[Provider] = &[$(Self::$variant),*];

            /// What is known of it.
            #[must_use]
            pub const fn facts(self) -> &'static Facts {
                match self {
                    $(Self::$variant => {
                        const SERVES: &[Serves] = $serves;
                        &Facts {
                            name: $name, api: Api::$api, base_url: $base_url, serves: SERVES, sdk_root: $sdk_root,
                            keyless: $keyless, reports_if_asked: $asked, variable: $variable,
                        }
                    })*
                }
            }
        }
    };
}

providers! {
    /// OpenAI itself.
    OpenAi "openai" OpenAi Some("https://api.openai.com/v1"), &[own(Surface::OpenAi, "")], "" false true "OPENAI_API_KEY";
    /// Anthropic itself.
    Anthropic "anthropic" Anthropic Some("https://api.anthropic.com"), &[own(Surface::Anthropic, "/v1")], "" false false "ANTHROPIC_API_KEY";
    /// Google's Gemini API (AI Studio).
    Gemini "gemini" Gemini Some("https://generativelanguage.googleapis.com"),
        &[own(Surface::Gemini, ""), other(Surface::OpenAi, "/v1beta/openai", GOOGLE)], "" false true "GEMINI_API_KEY";
    /// Google's Vertex AI; a secret is an API key of its express mode.
    Vertex "vertex" Vertex Some("https://aiplatform.googleapis.com"), &[own(Surface::Vertex, "")], "" false true "GOOGLE_API_KEY";
    /// An Azure OpenAI resource; needs a `base_url`.
    AzureOpenAi "azure-openai" Azure None,
        &[own(Surface::Azure, "/openai/deployments"), part(Surface::OpenAi, "/openai/v1", AZURE)], "" false true "AZURE_OPENAI_API_KEY";
    /// AWS Bedrock's runtime; needs a `region` or a `base_url`.
    Bedrock "bedrock" Bedrock None,
        &[own(Surface::Bedrock, ""), other(Surface::OpenAi, "/openai/v1", &[Chat, Responses, Models])], "" false true "AWS_BEARER_TOKEN_BEDROCK";
    /// Mistral.
    Mistral "mistral" OpenAi Some("https://api.mistral.ai"),
        &[part_without(Surface::OpenAi, "/v1", MISTRAL, &["files.list"]), own(Surface::Mistral, "")], "" false false "MISTRAL_API_KEY";
    /// Cohere.
    Cohere "cohere" OpenAi Some("https://api.cohere.com"),
        &[own(Surface::Cohere, ""), part(Surface::OpenAi, "/compatibility/v1", &[Chat, Embeddings])], "" false false "CO_API_KEY";
    /// Groq.
    Groq "groq" OpenAi Some("https://api.groq.com"), &[part(Surface::OpenAi, "/openai/v1", GROQ)], "" false true "GROQ_API_KEY";
    /// `DeepSeek`.
    DeepSeek "deepseek" OpenAi Some("https://api.deepseek.com"),
        &[part(Surface::OpenAi, "", CHAT), own(Surface::DeepSeek, ""), other(Surface::Anthropic, "/anthropic/v1", MESSAGES)],
        "/anthropic" false true "DEEPSEEK_API_KEY";
    /// xAI.
    Xai "xai" OpenAi Some("https://api.x.ai"), &[part(Surface::OpenAi, "/v1", XAI), own(Surface::Xai, "")], "" false true "XAI_API_KEY";
    /// Together.
    Together "together" OpenAi Some("https://api.together.ai"),
        &[part(Surface::OpenAi, "/v1", TOGETHER), own(Surface::Together, "")], "" false true "TOGETHER_API_KEY";
    /// Fireworks.
    Fireworks "fireworks" OpenAi Some("https://api.fireworks.ai"),
        &[part(Surface::OpenAi, "/inference/v1", BASIC), own(Surface::Fireworks, ""),
          other(Surface::Anthropic, "/inference/v1", MESSAGES)],
        "/inference" false true "FIREWORKS_API_KEY";
    /// `OpenRouter`.
    OpenRouter "openrouter" OpenAi Some("https://openrouter.ai/api"),
        &[part(Surface::OpenAi, "/v1", BASIC), own(Surface::OpenRouter, ""), other(Surface::Anthropic, "/v1", MESSAGES)],
        "" false true "OPENROUTER_API_KEY";
    /// Perplexity.
    Perplexity "perplexity" OpenAi Some("https://api.perplexity.ai"),
        &[part(Surface::OpenAi, "", &[Chat]), own(Surface::Perplexity, "")], "" false false "PERPLEXITY_API_KEY";
    /// Ollama, on this machine if no `base_url` is set.
    Ollama "ollama" OpenAi Some("http://127.0.0.1:11434"),
        &[part(Surface::OpenAi, "/v1", LOCAL), own(Surface::Ollama, ""), other(Surface::Anthropic, "/v1", MESSAGES)],
        "" true true "OLLAMA_API_KEY";
    /// A vLLM server; needs a `base_url`.
    Vllm "vllm" OpenAi None,
        &[part(Surface::OpenAi, "/v1", LOCAL), own(Surface::Vllm, ""), other(Surface::Anthropic, "/v1", MESSAGES)],
        "" true true "VLLM_API_KEY";
    /// A llama.cpp server; needs a `base_url`.
    LlamaCpp "llama-cpp" OpenAi None,
        &[part(Surface::OpenAi, "/v1", LOCAL), own(Surface::LlamaCpp, ""), other(Surface::Anthropic, "/v1", MESSAGES)],
        "" true true "LLAMA_API_KEY";
    /// Anything that speaks OpenAI's API under a base URL of its own; needs a `base_url`.
    OpenAiCompatible "openai-compatible" OpenAi None, &[part(Surface::OpenAi, "", COMPATIBLE)], "" true true "UPSTREAM_API_KEY";
    /// Anything that speaks Anthropic's API under a base URL of its own; needs a `base_url`.
    AnthropicCompatible "anthropic-compatible" Anthropic None,
        &[part(Surface::Anthropic, "/v1", &[Chat, Tokens, Models, Batches, Files])], "" true false "UPSTREAM_API_KEY";
}

impl Provider {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Whose API it speaks in the first place.
    #[must_use]
    pub const fn api(self) -> Api {
        self.facts().api
    }

    /// The base URL that is used where the configuration sets none.
    #[must_use]
    pub const fn default_base_url(self) -> Option<&'static str> {
        self.facts().base_url
    }

    /// Where the upstream takes its credential: header name and what stands before the credential.
    #[must_use]
    pub const fn credential_slot(self) -> (HeaderName, &'static str) {
        match self.api() {
            Api::OpenAi | Api::Bedrock => (http::header::AUTHORIZATION, "Bearer "),
            Api::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Api::Gemini | Api::Vertex => (HeaderName::from_static("x-goog-api-key"), ""),
            Api::Azure => (HeaderName::from_static("api-key"), ""),
        }
    }

    /// How the upstream answers an endpoint, if it does.
    #[must_use]
    pub fn serving(self, endpoint: &Endpoint) -> Option<&'static Serves> {
        const WHATEVER: &Serves = &own(Surface::Passthrough, "");
        if endpoint.surface == Surface::Passthrough {
            return Some(WHATEVER);
        }
        self.facts().serves.iter().find(|serves| {
            serves.surface == endpoint.surface
                && (serves.families.is_empty() || serves.families.contains(&endpoint.scope.family))
                && !serves.without.contains(&endpoint.name)
        })
    }

    /// Whether the endpoint is of an API that is this service's own, all of it. Of several upstreams that could
    /// answer alike, such a one is meant.
    #[must_use]
    pub fn made(self, endpoint: &Endpoint) -> bool {
        self.serving(endpoint).is_some_and(|serves| serves.own && serves.families.is_empty())
    }

    /// Whether it takes models elsewhere in a body than those do whose API it answers: what it adds to them, or, of an
    /// unknown service, what it may add.
    #[must_use]
    pub const fn adds_places(self) -> bool {
        matches!(
            self,
            Self::AzureOpenAi | Self::OpenRouter | Self::OpenAiCompatible | Self::AnthropicCompatible
        )
    }

    /// Whether its own SDK or documentation has clients call OpenAI's paths without a version: nothing stands before
    /// them there, and its base URL ends with none.
    #[must_use]
    pub fn goes_without_version(self) -> bool {
        let facts = self.facts();
        let bare = |serves: &Serves| serves.surface == Surface::OpenAi && serves.at.is_empty();
        facts.base_url.is_some_and(|url| !url.ends_with("/v1")) && facts.serves.iter().any(bare)
    }

    /// What stands before OpenAI's paths behind the base URL.
    #[must_use]
    pub fn openai_at(self) -> &'static str {
        let serves = self.facts().serves.iter();
        serves.filter(|one| one.surface == Surface::OpenAi).map(|one| one.at).next().unwrap_or_default()
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The table of providers as `docs/upstreams.md` shows it, in Markdown.
#[must_use]
pub fn table() -> String {
    use std::fmt::Write as _;
    let mut out =
        String::from("| provider | speaks | base URL | credential goes into |\n|---|---|---|---|\n");
    for provider in Provider::ALL {
        let spoken = provider.facts().serves.iter().map(|serves| serves.surface.label());
        let mut speaks: Vec<&str> = spoken.collect();
        speaks.dedup();
        let speaks = speaks.join(", ");
        let url =
            provider.default_base_url().map_or_else(|| "to be set".to_owned(), |url| format!("`{url}`"));
        let (header, prefix) = provider.credential_slot();
        let keyless = if provider.facts().keyless { ", or none" } else { "" };
        let _ = writeln!(out, "| `{provider}` | {speaks} | {url} | `{header}: {prefix}…`{keyless} |");
    }
    out
}
