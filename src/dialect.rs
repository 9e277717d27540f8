//! The languages that clients and upstreams speak: error shapes, paths and credential headers.

use http::HeaderName;
use serde::{Deserialize, Serialize};

/// The shape of bodies and errors that a client's SDK understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"},"request_id"}`
    Anthropic,
    /// `{"error":{"code","message","status","details"}}`
    Gemini,
}

/// A family of paths: how a client of one kind spells its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Surface {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
    /// `/v1beta/models/{model}:generateContent`
    Gemini,
    /// `/openai/deployments/{deployment}/chat/completions?api-version=…`
    AzureDeployment,
    /// `/openai/v1/chat/completions`
    AzureV1,
}

impl Surface {
    /// Every surface.
    pub const ALL: [Surface; 5] =
        [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::AzureDeployment, Self::AzureV1];

    /// Its word in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::AzureDeployment => "azure-deployment",
            Self::AzureV1 => "azure-v1",
        }
    }

    /// The dialect of its bodies and errors.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi | Self::AzureDeployment | Self::AzureV1 => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
        }
    }
}

/// What kind of service an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// OpenAI itself.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic itself.
    Anthropic,
    /// Google's Gemini API (AI Studio).
    Gemini,
    /// An Azure OpenAI resource; needs a `base_url`.
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    /// Anything that speaks OpenAI's API under a base URL of its own; needs a `base_url`.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Provider; 5] =
        [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::AzureOpenAi, Self::OpenAiCompatible];

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::AzureOpenAi => "azure-openai",
            Self::OpenAiCompatible => "openai-compatible",
        }
    }

    /// The base URL that is used where the configuration sets none.
    #[must_use]
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::AzureOpenAi | Self::OpenAiCompatible => None,
        }
    }

    /// Where the upstream takes its credential: header name and what stands before the credential.
    #[must_use]
    pub const fn credential_slot(self) -> (HeaderName, &'static str) {
        match self {
            Self::OpenAi | Self::OpenAiCompatible => (http::header::AUTHORIZATION, "Bearer "),
            Self::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Self::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            Self::AzureOpenAi => (HeaderName::from_static("api-key"), ""),
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
        match (self, surface) {
            (Self::OpenAi | Self::OpenAiCompatible, Surface::OpenAi) | (Self::Gemini, Surface::Gemini) => {
                Some("")
            }
            (Self::Anthropic, Surface::Anthropic) => Some("/v1"),
            (Self::AzureOpenAi, Surface::AzureDeployment) => Some("/openai/deployments"),
            (Self::AzureOpenAi, Surface::OpenAi | Surface::AzureV1) => Some("/openai/v1"),
            (
                Self::OpenAi | Self::OpenAiCompatible | Self::AzureOpenAi,
                Surface::Anthropic | Surface::Gemini,
            )
            | (
                Self::OpenAi | Self::OpenAiCompatible | Self::Anthropic | Self::Gemini,
                Surface::AzureDeployment | Surface::AzureV1,
            )
            | (Self::Anthropic, Surface::OpenAi | Surface::Gemini)
            | (Self::Gemini, Surface::OpenAi | Surface::Anthropic) => None,
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
