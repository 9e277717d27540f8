//! Which paths the gate carries, and under which scope.
//!
//! 1. The client's raw path is compared byte for byte with the tables; nothing is decoded,
//!    lower-cased or tidied up. What does not fit is refused.
//! 2. What stands for a parameter is one segment of plain characters, so what goes upstream is the row's own
//!    path with checked names in it.
//! 3. A query parameter that the row does not list is refused.

mod advice;
mod paths;
mod places;
mod scope;
mod table;
mod tree;

use std::sync::LazyLock;

use crate::dialect::Surface;

pub use advice::{Advice, advise};
pub use paths::{
    API_VERSION, Found, Match, find, find_without_version, make_ready, only_dialect, passthrough,
};
pub use places::Places;
pub use scope::{Access, Family, Scope, ScopeSet};

/// The longest model name that is looked at.
pub const LONGEST_MODEL: usize = 256;

/// The method of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; carries no body.
    Get,
    /// Makes or asks.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Verb {
    /// Every method.
    pub const ALL: [Verb; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// Where a request says which model it wants.
///
/// Whatever the row says, a top-level `model` in a JSON body and what stands in the row's `inside` is a model
/// that the project must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelIn {
    /// Nowhere: the endpoint does not use a model, or none that is not named.
    Nowhere,
    /// In the body's `model`, which must be there.
    Body,
    /// In the body's `model`; without one the provider picks, which only a project that may use
    /// every model can allow.
    BodyOrProvidersChoice,
    /// In the path; a `model` in the body must say the same.
    Path,
    /// In this parameter of the query.
    Query(&'static str),
    /// In the form's field `model`, which must be there.
    Form,
    /// In the form's field or the body's `model`; without one the provider picks.
    FormOrProvidersChoice,
    /// In the row's `inside`; without one the provider picks.
    Inside,
    /// In each line of a file.
    Lines,
    /// In the messages of a WebSocket.
    Message,
    /// It uses one, and nothing in the request says which.
    Unknown,
}

/// The kind of body that a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// JSON.
    Json,
    /// JSON, or none.
    JsonOrNothing,
    /// A multipart form.
    Form,
    /// A multipart form, or JSON.
    FormOrJson,
    /// A multipart form, or a session description.
    FormOrSdp,
    /// Bytes of any kind.
    Raw,
}

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// One JSON text.
    Json,
    /// Events when the body's `stream` is true, else JSON.
    StreamIfAsked,
    /// Lines of JSON unless the body's `stream` is false.
    StreamUnlessDeclined,
    /// Server-sent events.
    Events,
    /// Lines of JSON.
    Lines,
    /// Bytes: a file, audio, a video.
    Bytes,
    /// Amazon's binary event stream.
    AwsEvents,
    /// JSON, and in a header the address at which an upload goes on.
    Upload,
    /// A WebSocket.
    WebSocket,
}

impl Gives {
    /// Whether the answer streams, of a body that asks for it so.
    #[must_use]
    pub const fn streams(self, asked: Option<bool>) -> bool {
        match self {
            Self::Json | Self::Bytes | Self::Lines | Self::Upload => false,
            Self::StreamIfAsked => matches!(asked, Some(true)),
            Self::StreamUnlessDeclined => !matches!(asked, Some(false)),
            Self::Events | Self::AwsEvents | Self::WebSocket => true,
        }
    }
}

/// One row of a table: an endpoint of one surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    number: u16,
    parameters: bool,
    wider: Option<places::Set>,
    instead: Option<places::Set>,
    /// The endpoint's word in records and metrics.
    pub name: &'static str,
    /// The family of paths it belongs to.
    pub surface: Surface,
    /// Its method.
    pub verb: Verb,
    /// Its path behind the surface's root; `{model}` and others stand for one path segment.
    pub path: &'static str,
    /// The scope that a project needs.
    pub scope: Scope,
    /// Another scope that it needs.
    pub also: Option<Scope>,
    /// Where the model is named.
    pub model: ModelIn,
    /// Where else in a JSON body models are named.
    pub inside: Places,
    /// Whether what is named there may be another model than the one in the path.
    pub besides: bool,
    /// The kind of body.
    pub takes: Takes,
    /// The kind of answer.
    pub gives: Gives,
    /// The query parameters it takes besides those of its surface.
    pub query: Box<[&'static str]>,
    /// Whether the answer lists models, of which the project sees only its own.
    pub lists_models: bool,
    /// Whether it stands at the root of the host, behind no prefix.
    pub at_root: bool,
}

static ALL: LazyLock<Box<[Endpoint]>> = LazyLock::new(table::rows);

/// Every endpoint, surface by surface.
#[must_use]
pub fn all() -> &'static [Endpoint] {
    &ALL
}

impl Endpoint {
    /// The row's number in [`all`].
    #[must_use]
    pub fn index(&self) -> usize {
        usize::from(self.number)
    }

    /// Whether the row has a parameter in its path.
    #[must_use]
    pub const fn has_parameters(&self) -> bool {
        self.parameters
    }

    /// Where else than in its `model` a body names models at a service that takes more than the one whose API it is:
    /// `inside`, and more places.
    #[must_use]
    pub fn wider(&self) -> Option<Places> {
        self.wider.and_then(places::of)
    }

    /// Where a body names what decides on the model in the place of what it says of one: an agent, or a file of
    /// requests.
    #[must_use]
    pub fn instead(&self) -> Option<Places> {
        self.instead.and_then(places::of)
    }

    /// Whether the row takes a query parameter of this name, which may have brackets behind it as lists and
    /// filters have.
    #[must_use]
    pub fn takes_query(&self, name: &str) -> bool {
        let bracket = ["[", "%5B", "%5b"].iter().filter_map(|bracket| name.find(bracket)).min();
        // What names the model stands there once.
        if let (ModelIn::Query(model), Some(at)) = (self.model, bracket)
            && name.get(..at) == Some(model)
        {
            return false;
        }
        let base = bracket.and_then(|at| name.get(..at)).unwrap_or(name);
        self.surface == Surface::Passthrough
            || self.query.contains(&base)
            || self.surface.query().contains(&name)
    }
}

#[cfg(test)]
mod tests;
