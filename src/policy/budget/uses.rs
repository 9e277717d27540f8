//! What requests to an endpoint use, and whether its answers tell how much.

use crate::endpoint::{Access, Endpoint, Family, ModelIn};

/// What a request to an endpoint uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// No model.
    Nothing,
    /// A model that reads.
    Input,
    /// A model that reads and writes.
    Both,
    /// A model, but no answer to it says how much.
    Unknown,
}

/// What requests to an endpoint use.
#[must_use]
pub fn uses(endpoint: &Endpoint) -> Uses {
    let family = endpoint.scope.family;
    if family == Family::Passthrough {
        return Uses::Unknown;
    }
    let looks = family.is_split() && endpoint.scope.access == Access::Read;
    if looks || endpoint.model == ModelIn::Nowhere || matches!(family, Family::Tokens | Family::Moderations) {
        return Uses::Nothing;
    }
    let told = !matches!(endpoint.model, ModelIn::Unknown | ModelIn::Lines);
    if told && matches!(family, Family::Embeddings | Family::Rerank | Family::Classify) {
        return Uses::Input;
    }
    let counted = matches!(
        family,
        Family::Chat
            | Family::Completions
            | Family::Responses
            | Family::Audio
            | Family::Images
            | Family::Realtime
            | Family::Ocr
    );
    if told && counted { Uses::Both } else { Uses::Unknown }
}
