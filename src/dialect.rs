//! The languages that clients and upstreams speak: shapes of errors, families of paths.

/// The shape of bodies and errors that a client's SDK understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"},"request_id"}`
    Anthropic,
    /// `{"error":{"code","message","status","details"}}`
    Gemini,
    /// `{"message"}`, and the error's type in `x-amzn-errortype`
    Aws,
    /// `{"message"}`
    Message,
    /// `{"error":"…"}`
    Text,
}

macro_rules! surfaces {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $dialect:ident;)*) => {
        /// A family of paths: how clients of one kind spell their endpoints.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Surface {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Surface {
            /// Every surface.
            pub const ALL: &[Surface] = &[$(Self::$variant),*];

            /// Its word in the store.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The dialect of its bodies and errors.
            #[must_use]
            pub const fn dialect(self) -> Dialect {
                match self {
                    $(Self::$variant => Dialect::$dialect,)*
                }
            }
        }
    };
}

surfaces! {
    /// `/v1/chat/completions`, also behind `/openai/v1`.
    OpenAi "openai" OpenAi;
    /// `/v1/messages`
    Anthropic "anthropic" Anthropic;
    /// `/v1beta/models/{model}:generateContent`
    Gemini "gemini" Gemini;
    /// `/v1beta1/publishers/google/models/{model}:generateContent`
    Vertex "vertex" Gemini;
    /// `/openai/deployments/{deployment}/chat/completions?api-version=…`
    Azure "azure" OpenAi;
    /// `/model/{model}/converse`
    Bedrock "bedrock" Aws;
    /// `/v1/fim/completions`
    Mistral "mistral" OpenAi;
    /// `/v2/chat`
    Cohere "cohere" Message;
    /// `/v1/fine-tunes`
    Together "together" OpenAi;
    /// `/v1/accounts/{account}/datasets`
    Fireworks "fireworks" OpenAi;
    /// `/v1/credits`
    OpenRouter "openrouter" OpenAi;
    /// `/v1/api-key`
    Xai "xai" OpenAi;
    /// `/beta/completions`
    DeepSeek "deepseek" OpenAi;
    /// `/search`
    Perplexity "perplexity" OpenAi;
    /// `/api/chat`
    Ollama "ollama" Text;
    /// `/score`
    Vllm "vllm" OpenAi;
    /// `/completion`
    LlamaCpp "llama-cpp" OpenAi;
    /// What is in no table, behind an upstream's name.
    Passthrough "passthrough" OpenAi;
}

impl Surface {
    /// Its word in the table of providers.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Gemini => "Gemini",
            Self::Vertex => "Vertex AI",
            Self::Azure => "Azure OpenAI",
            Self::Bedrock => "Bedrock",
            Self::Mistral
            | Self::Cohere
            | Self::Together
            | Self::Fireworks
            | Self::OpenRouter
            | Self::Xai
            | Self::DeepSeek
            | Self::Perplexity
            | Self::Ollama
            | Self::Vllm
            | Self::LlamaCpp
            | Self::Passthrough => "its own",
        }
    }
}
