//! The paths of all tables as one tree, in which a raw path is found in one pass.
//!
//! 1. A path is compared segment by segment, as it came. A segment that a table spells out is taken before a
//!    parameter, and is not taken back.
//! 2. What stands for a parameter has letters, digits and `-._~@`; a colon or an escape only where the
//!    surface has names with them. A segment of dots alone, which means something to those who tidy paths,
//!    stands for nothing. `{path}` at the end stands for several such segments.
//! 3. A path without a parameter is looked up as a whole; the tree would come to the same.
//! 4. One path can belong to several surfaces; whoever asks chooses among them.

use std::sync::LazyLock;

use super::tree::{End, Tree};
use super::{Endpoint, LONGEST_MODEL, Verb, all};
use crate::dialect::{Dialect, Surface};

/// The longest segment that stands for a parameter.
const LONGEST_NAME: usize = 1024;

/// What stands before OpenAI's paths.
const VERSION: &str = "v1";

/// The query parameter that Azure asks for.
pub const API_VERSION: &str = "api-version";

static TREE: LazyLock<Tree> = LazyLock::new(Tree::new);

/// A path that some row has.
#[derive(Debug)]
pub struct Found<'p> {
    ends: &'static [End],
    path: &'p str,
    /// Whether [`VERSION`] was put before the path to find it.
    version_added: bool,
    colon: bool,
    escape: bool,
}

/// An endpoint that fits a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'p> {
    /// The row.
    pub endpoint: &'static Endpoint,
    /// What of the root goes upstream: an API version, or nothing.
    pub root: &'static str,
    /// The path behind the root: the row's own path, with names in the places of its parameters.
    pub tail: &'p str,
    /// What stood in the place of `{model}`, as it came.
    pub model: Option<&'p str>,
}

/// Reads the tables and makes the tree of their paths, if that was not done before.
pub fn make_ready() {
    LazyLock::force(&TREE);
}

/// The rows that a raw path fits, whatever the method.
#[must_use]
pub fn find(path: &str) -> Option<Found<'_>> {
    TREE.find(path)
}

/// The rows that a raw path fits once `/v1` stands before it.
#[must_use]
pub fn find_without_version(path: &str) -> Option<Found<'_>> {
    TREE.walk(true, path)
}

/// The dialect of a raw path, where all that is spelled like it has the same one.
#[must_use]
pub fn only_dialect(path: &str) -> Option<Dialect> {
    let found = find(path)?;
    let mut dialects =
        Verb::ALL.into_iter().flat_map(|verb| found.rows(verb)).map(|fit| fit.endpoint.surface.dialect());
    let first = dialects.next()?;
    dialects.all(|other| other == first).then_some(first)
}

impl<'p> Found<'p> {
    /// The rows with this method, surface by surface.
    pub fn rows(&self, verb: Verb) -> impl Iterator<Item = Match<'p>> + '_ {
        self.ends.iter().filter(move |end| end.endpoint.verb == verb).filter_map(|end| self.fit(end))
    }

    fn fit(&self, end: &End) -> Option<Match<'p>> {
        let surface = end.endpoint.surface;
        if self.colon && !surface.has_colons() || self.escape && !surface.has_escapes() {
            return None;
        }
        let added = usize::from(self.version_added);
        let model = match end.model {
            Some((at, behind)) => {
                let at = (usize::from(at) + 1).checked_sub(added)?;
                Some(self.path.split('/').nth(at)?.strip_suffix(behind)?)
            }
            None => None,
        };
        if model.is_some_and(|model| model.len() > LONGEST_MODEL && !surface.has_escapes()) {
            return None;
        }
        let before = if let Some(length) = end.plain_root {
            usize::from(length).checked_sub(added * (VERSION.len() + 1))?
        } else {
            let slash = usize::from(end.root_segments).checked_sub(added)?;
            self.path.match_indices('/').nth(slash)?.0
        };
        Some(Match { endpoint: end.endpoint, root: end.root.goes_on, tail: self.path.get(before..)?, model })
    }
}

impl Tree {
    fn find<'p>(&'static self, path: &'p str) -> Option<Found<'p>> {
        if let Some(ends) = self.plain(path) {
            return Some(Found { ends, path, version_added: false, colon: false, escape: false });
        }
        self.walk(false, path)
    }

    /// Goes along the path, from behind [`VERSION`] if that is to be added.
    fn walk<'p>(&'static self, version_added: bool, path: &'p str) -> Option<Found<'p>> {
        let mut at = self.trunk()?;
        if version_added {
            at = self.literal(at, VERSION)?;
        }
        let (mut colon, mut escape) = (false, false);
        for segment in path.strip_prefix('/')?.split('/') {
            if let Some(next) = self.literal(at, segment) {
                at = next;
                continue;
            }
            let mut parameters = self.parameters(at).iter();
            let behind = match parameters.find(|next| segment.ends_with(next.spelled)) {
                Some(next) => {
                    at = next;
                    next.spelled
                }
                None if self.ends(at).first()?.takes_more() => "",
                None => return None,
            };
            let marks = Marks::of(segment.strip_suffix(behind)?)?;
            colon |= marks.colon;
            escape |= marks.escape;
        }
        let ends = self.ends(at);
        (!ends.is_empty()).then_some(Found { ends, path, version_added, colon, escape })
    }
}

/// A path that is in no table as the row of the scope for such: plain segments, as they came.
#[must_use]
pub fn passthrough(verb: Verb, path: &str) -> Option<Match<'_>> {
    let plain = |name: &str| Marks::of(name).is_some_and(|marks| !marks.escape);
    let tail = path.strip_prefix('/').filter(|rest| rest.split('/').all(plain));
    let mut rows = all().iter().filter(|endpoint| endpoint.surface == Surface::Passthrough);
    let endpoint = rows.find(|endpoint| endpoint.verb == verb)?;
    tail.map(|_| Match { endpoint, root: "", tail: path, model: None })
}

/// What of the unusual stands in a name.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    colon: bool,
    escape: bool,
}

impl Marks {
    /// Nothing if it is no name.
    fn of(name: &str) -> Option<Self> {
        let mut marks = Self::default();
        // Whether a part, which a slash ends, is empty or dots alone.
        let mut dots = true;
        let mut bytes = name.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => continue,
                b'-' | b'_' | b'~' | b'@' => {}
                b':' => marks.colon = true,
                b'%' => {
                    marks.escape = true;
                    // Only what AWS's SDKs write so in model ids: a colon and a slash.
                    match (bytes.next()?, bytes.next()?) {
                        (b'3', b'A' | b'a') => {}
                        (b'2', b'F' | b'f') if !dots => {
                            dots = true;
                            continue;
                        }
                        _ => return None,
                    }
                }
                _ if byte.is_ascii_alphanumeric() => {}
                _ => return None,
            }
            dots = false;
        }
        (!dots && name.len() <= LONGEST_NAME).then_some(marks)
    }
}

/// A prefix under which a surface's paths are found.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    /// As clients spell it; may have parameters.
    pub spelled: &'static str,
    /// What of it goes upstream.
    pub goes_on: &'static str,
    /// Which rows are found under it.
    pub only: fn(&Endpoint) -> bool,
}

impl Root {
    /// That of paths which stand at the root of the host.
    pub(super) const NONE: Self = Self { spelled: "", goes_on: "", only: |_| true };

    /// Whether the row is found under it.
    pub(super) fn has(&self, endpoint: &Endpoint) -> bool {
        (self.only)(endpoint)
    }
}

impl Surface {
    /// The roots under which a surface's endpoints are found.
    #[must_use]
    pub const fn roots(self) -> &'static [Root] {
        use super::Family::{Assistants, Batches, Files, FineTuning, Models, Responses, VectorStores};
        const fn whole(spelled: &'static str, goes_on: &'static str) -> Root {
            Root { spelled, goes_on, only: |_| true }
        }
        match self {
            Self::OpenAi => {
                const ROOTS: &[Root] = &[
                    whole("/v1", ""),
                    whole("/openai/v1", ""),
                    // Azure's older API has these beside its deployments.
                    Root {
                        spelled: "/openai",
                        goes_on: "/openai",
                        only: |endpoint| {
                            let families =
                                [Assistants, Batches, Files, FineTuning, Models, Responses, VectorStores];
                            families.contains(&endpoint.scope.family)
                        },
                    },
                ];
                ROOTS
            }
            Self::Anthropic => {
                // The official SDK appends /v1/messages to its base URL, others append /messages.
                const ROOTS: &[Root] = &[
                    whole("/v1", ""),
                    Root {
                        spelled: "",
                        goes_on: "",
                        only: |endpoint| endpoint.path.starts_with("/messages"),
                    },
                ];
                ROOTS
            }
            Self::Gemini => {
                const ROOTS: &[Root] =
                    &[whole("/v1beta", "/v1beta"), whole("/v1", "/v1"), whole("/v1alpha", "/v1alpha")];
                ROOTS
            }
            Self::Vertex => {
                // Whose project and where is the gate's to say: what a client says of it is left out.
                const ROOTS: &[Root] = &[
                    whole("/v1beta1", "/v1beta1"),
                    whole("/v1", "/v1"),
                    whole("/v1beta1/projects/{project}/locations/{location}", "/v1beta1"),
                    whole("/v1/projects/{project}/locations/{location}", "/v1"),
                ];
                ROOTS
            }
            Self::Azure => {
                const ROOTS: &[Root] = &[whole("/openai/deployments", "")];
                ROOTS
            }
            Self::Bedrock
            | Self::Mistral
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
            | Self::Passthrough => {
                const ROOTS: &[Root] = &[Root::NONE];
                ROOTS
            }
        }
    }

    /// The query parameters that every endpoint of the surface takes.
    #[must_use]
    pub const fn query(self) -> &'static [&'static str] {
        match self {
            Self::Gemini | Self::Vertex => &["alt"],
            Self::OpenAi | Self::Anthropic => &["beta"],
            Self::Azure => &[API_VERSION],
            Self::Bedrock
            | Self::Mistral
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
            | Self::Passthrough => &[],
        }
    }

    /// Whether names in its paths may have colons. Google's have verbs behind one.
    const fn has_colons(self) -> bool {
        !matches!(self, Self::Gemini | Self::Vertex)
    }

    /// Whether names in its paths may be percent-encoded.
    const fn has_escapes(self) -> bool {
        matches!(self, Self::Bedrock)
    }
}
