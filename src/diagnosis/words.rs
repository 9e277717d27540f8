//! The words of a diagnosis: who makes a service, whose a cause is, whether a retry helps, what it does to a
//! credential, what it is about, and how sure it is.

/// Who makes the service, as far as its errors differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Rows for every provider.
    Any,
    /// OpenAI.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google's Gemini API and Vertex AI.
    Google,
    /// Azure OpenAI.
    Azure,
    /// AWS Bedrock.
    Bedrock,
    /// Mistral.
    Mistral,
    /// xAI.
    Xai,
    /// `OpenRouter`.
    OpenRouter,
    /// Groq.
    Groq,
    /// `DeepSeek`.
    DeepSeek,
    /// Cohere.
    Cohere,
    /// A model server of one's own: vLLM, llama.cpp.
    Local,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Whoever sent the request.
    Caller,
    /// Whoever runs the gate: its network, its credentials.
    Operator,
    /// Whoever pays for the account at the provider.
    Account,
    /// Whoever grants rights in the account at the provider.
    Administrator,
    /// The provider itself.
    Provider,
}

impl Whose {
    /// The word in records, metrics and headers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Operator => "operator",
            Self::Account => "account-owner",
            Self::Administrator => "account-administrator",
            Self::Provider => "provider",
        }
    }
}

/// Whether the same request can succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// Yes, without anybody doing anything.
    Later,
    /// Once it is mended.
    AfterMend,
}

impl Retry {
    /// The word in headers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::AfterMend => "after-mend",
        }
    }
}

/// What a refusal says of the credential that the request was sent with, the lightest first.
///
/// Only what another credential would not have met counts. Whatever hits all alike (the egress address, the
/// region, the provider's own trouble) or only a model, an endpoint or this one request says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing.
    None,
    /// It was used too fast, and works again by itself. Perhaps it was too fast for one model only, which
    /// answers do not tell for sure: it rests all the same where another can be used, and only there.
    RateLimited,
    /// Its account has no money or quota left.
    Spent,
    /// The provider does not take it.
    Rejected,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::RateLimited, Self::Spent, Self::Rejected];

    /// The word for the state in which it leaves a credential.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "healthy",
            Self::RateLimited => "rate_limited",
            Self::Spent => "spent",
            Self::Rejected => "rejected",
        }
    }
}

/// What an answer must look like for a row to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// An API's: no web page.
    Api,
    /// An API's, without the request id that the provider's API always gives.
    NoRequestId,
    /// A web page.
    Page,
    /// A web page of Cloudflare's, without a request id.
    CloudflarePage,
    /// A page or header of an outbound proxy's.
    ProxyPage,
    /// With metadata on what was flagged.
    Flagged,
    /// A refusal of another Portcullis.
    OurOwn,
}

/// What was not in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The key or token itself.
    Key,
    /// The organization or account that it belongs to, and its settings.
    Organization,
    /// The project that it belongs to.
    Project,
    /// The country that the request came from.
    Region,
    /// The address that it came from.
    Address,
    /// Credit, spending and payment.
    Billing,
    /// What the key or its role may do.
    Scope,
    /// How fast it may be used.
    Quota,
    /// Whether the account has the model.
    Model,
    /// What stands between the gate and the provider's API.
    Way,
    /// This one request.
    Request,
    /// The provider itself.
    Provider,
}

impl About {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Region => "region",
            Self::Address => "address",
            Self::Billing => "billing",
            Self::Scope => "scope",
            Self::Quota => "quota",
            Self::Model => "model",
            Self::Way => "way",
            Self::Request => "request",
            Self::Provider => "provider",
        }
    }
}

/// How sure it is that the provider answers like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// The provider's own document, SDK or API description names it.
    Documented,
    /// Somebody met it, and showed the answer in public.
    Seen,
    /// It is told of; the answer itself was not at hand, and the source only tells of the matter.
    Reported,
}

impl Sure {
    /// The word in the table of causes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Seen => "seen",
            Self::Reported => "reported",
        }
    }
}
