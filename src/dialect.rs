//! The languages that clients and upstreams speak: error shapes, paths and credential headers.

mod provider;

pub use provider::{Api, Facts, Provider, table};

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
