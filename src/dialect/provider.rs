//! The services that the gate can stand before, as a table.
//!
//! Sources: the providers' own SDKs (base URLs, credential headers, names of variables) as of November
//! 2026. Where a service moves, `base_url` in the configuration is enough.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::Surface;

/// Whose API a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
    /// Azure OpenAI's.
    Azure,
}

/// What is known of a service.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The name in the configuration.
    pub name: &'static str,
    /// Whose API it speaks.
    pub api: Api,
    /// The base URL that is used where the configuration sets none, as its own SDK or OpenAI's is given it.
    pub base_url: Option<&'static str>,
    /// What its own SDK puts between its base URL and OpenAI's path.
    pub sdk_root: &'static str,
    /// Whether it may be without a credential: a model server of one's own.
    pub keyless: bool,
    /// The environment variable in which its key is usually found.
    pub variable: &'static str,
}

macro_rules! providers {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $api:ident $base_url:expr, $sdk_root:literal $keyless:literal $variable:literal;)*) => {
        /// What kind of service an upstream is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
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
                    $(Self::$variant => &Facts {
                        name: $name, api: Api::$api, base_url: $base_url, sdk_root: $sdk_root, keyless: $keyless,
                        variable: $variable,
                    },)*
                }
            }
        }
    };
}

providers! {
    /// OpenAI itself.
    OpenAi "openai" OpenAi Some("https://api.openai.com/v1"), "" false "OPENAI_API_KEY";
    /// Anthropic itself.
    Anthropic "anthropic" Anthropic Some("https://api.anthropic.com"), "" false "ANTHROPIC_API_KEY";
    /// Google's Gemini API (AI Studio).
    Gemini "gemini" Gemini Some("https://generativelanguage.googleapis.com"), "" false "GEMINI_API_KEY";
    /// An Azure OpenAI resource; needs a `base_url`.
    AzureOpenAi "azure-openai" Azure None, "" false "AZURE_OPENAI_API_KEY";
    /// Mistral, chat and embeddings.
    Mistral "mistral" OpenAi Some("https://api.mistral.ai/v1"), "" false "MISTRAL_API_KEY";
    /// Cohere, by its paths that are compatible with OpenAI's.
    Cohere "cohere" OpenAi Some("https://api.cohere.ai/compatibility/v1"), "" false "CO_API_KEY";
    /// Groq.
    Groq "groq" OpenAi Some("https://api.groq.com/openai/v1"), "/openai" false "GROQ_API_KEY";
    /// `DeepSeek`.
    DeepSeek "deepseek" OpenAi Some("https://api.deepseek.com"), "" false "DEEPSEEK_API_KEY";
    /// xAI.
    Xai "xai" OpenAi Some("https://api.x.ai/v1"), "" false "XAI_API_KEY";
    /// Together.
    Together "together" OpenAi Some("https://api.together.ai/v1"), "" false "TOGETHER_API_KEY";
    /// Fireworks.
    Fireworks "fireworks" OpenAi Some("https://api.fireworks.ai/inference/v1"), "/inference" false "FIREWORKS_API_KEY";
    /// `OpenRouter`.
    OpenRouter "openrouter" OpenAi Some("https://openrouter.ai/api/v1"), "" false "OPENROUTER_API_KEY";
    /// Perplexity.
    Perplexity "perplexity" OpenAi Some("https://api.perplexity.ai"), "" false "PERPLEXITY_API_KEY";
    /// Ollama on this machine, by its paths that are compatible with OpenAI's.
    Ollama "ollama" OpenAi Some("http://127.0.0.1:11434/v1"), "" true "OLLAMA_API_KEY";
    /// A vLLM server; needs a `base_url`.
    Vllm "vllm" OpenAi None, "" true "VLLM_API_KEY";
    /// A llama.cpp server; needs a `base_url`.
    LlamaCpp "llama-cpp" OpenAi None, "" true "LLAMA_API_KEY";
    /// Anything that speaks OpenAI's API under a base URL of its own; needs a `base_url`.
    OpenAiCompatible "openai-compatible" OpenAi None, "" true "UPSTREAM_API_KEY";
    /// Anything that speaks Anthropic's API under a base URL of its own; needs a `base_url`.
    AnthropicCompatible "anthropic-compatible" Anthropic None, "" true "UPSTREAM_API_KEY";
}

impl Provider {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Whose API it speaks.
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
            Api::OpenAi => (http::header::AUTHORIZATION, "Bearer "),
            Api::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Api::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            Api::Azure => (HeaderName::from_static("api-key"), ""),
        }
    }

    /// Whether the upstream answers requests of a surface.
    #[must_use]
    pub const fn serves(self, surface: Surface) -> bool {
        self.path_before(surface).is_some()
    }

    /// What stands between the base URL and the endpoint's own path, for each surface served.
    #[must_use]
    pub const fn path_before(self, surface: Surface) -> Option<&'static str> {
        match (self.api(), surface) {
            (Api::OpenAi, Surface::OpenAi) | (Api::Gemini, Surface::Gemini) => Some(""),
            (Api::Anthropic, Surface::Anthropic) => Some("/v1"),
            (Api::Azure, Surface::AzureDeployment) => Some("/openai/deployments"),
            (Api::Azure, Surface::OpenAi | Surface::AzureV1) => Some("/openai/v1"),
            (Api::OpenAi | Api::Azure, Surface::Anthropic | Surface::Gemini)
            | (Api::OpenAi | Api::Anthropic | Api::Gemini, Surface::AzureDeployment | Surface::AzureV1)
            | (Api::Anthropic, Surface::OpenAi | Surface::Gemini)
            | (Api::Gemini, Surface::OpenAi | Surface::Anthropic) => None,
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The table of providers as the README shows it, in Markdown.
#[must_use]
pub fn table() -> String {
    use std::fmt::Write as _;
    let mut out =
        String::from("| provider | speaks | base URL | credential goes into |\n|---|---|---|---|\n");
    for provider in Provider::ALL {
        let speaks = match provider.api() {
            Api::OpenAi => "OpenAI",
            Api::Anthropic => "Anthropic",
            Api::Gemini => "Gemini",
            Api::Azure => "Azure OpenAI",
        };
        let url =
            provider.default_base_url().map_or_else(|| "to be set".to_owned(), |url| format!("`{url}`"));
        let (header, prefix) = provider.credential_slot();
        let keyless = if provider.facts().keyless { ", or none" } else { "" };
        let _ = writeln!(out, "| `{provider}` | {speaks} | {url} | `{header}: {prefix}…`{keyless} |");
    }
    out
}
