//! The paths of all tables as one tree, in which a raw path is found in one pass.
//!
//! 1. A path is compared segment by segment, as it came. A segment that a table spells out is taken before a
//!    parameter, and is not taken back.
//! 2. What stands for a parameter has letters, digits and `-._~@`; a colon or an escape only where the
//!    surface has names with them. A segment of dots alone, which means something to those who tidy paths,
//!    stands for nothing.
//! 3. A path without a parameter is looked up as a whole; the tree would come to the same.
//! 4. One path can belong to several surfaces; whoever asks chooses among them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Endpoint, LONGEST_MODEL, ModelIn, Verb, all};
use crate::dialect::{Dialect, Surface};

/// The longest segment that stands for a parameter.
const LONGEST_NAME: usize = 1024;

/// The query parameter that Azure asks for.
pub const API_VERSION: &str = "api-version";

static TREE: LazyLock<Tree> = LazyLock::new(Tree::new);

/// A place in the tree.
#[derive(Debug, Default)]
struct Node {
    /// The segments that are spelled out, sorted.
    literals: Vec<(&'static str, usize)>,
    /// What stands behind a parameter in its segment; the longest first.
    parameters: Vec<(&'static str, usize)>,
    /// The rows whose path ends here.
    ends: Vec<End>,
}

/// A row at the end of its path.
#[derive(Debug)]
struct End {
    endpoint: &'static Endpoint,
    /// What of the surface's root goes upstream.
    root: &'static str,
    /// How many segments the root has.
    root_segments: usize,
    /// How long the root is, if it has no parameter.
    plain_root: Option<usize>,
    /// The segment that holds the model, and what stands behind it there.
    model: Option<(usize, &'static str)>,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// The node of each path that has no parameter: nearly all requests have one of these.
    plain: HashMap<String, usize, foldhash::fast::RandomState>,
}

/// A path that some row has.
#[derive(Debug)]
pub struct Found<'p> {
    ends: &'static [End],
    path: &'p str,
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
        let model = match end.model {
            Some((at, behind)) => Some(self.path.split('/').nth(at + 1)?.strip_suffix(behind)?),
            None => None,
        };
        if model.is_some_and(|model| model.len() > LONGEST_MODEL && !surface.has_escapes()) {
            return None;
        }
        let before = match end.plain_root {
            Some(length) => length,
            None => self.path.match_indices('/').nth(end.root_segments)?.0,
        };
        Some(Match { endpoint: end.endpoint, root: end.root, tail: self.path.get(before..)?, model })
    }
}

impl Tree {
    fn new() -> Self {
        let mut tree = Self { nodes: vec![Node::default()], plain: HashMap::default() };
        for endpoint in all().iter().filter(|endpoint| endpoint.surface != Surface::Passthrough) {
            if endpoint.at_root {
                tree.insert(endpoint, "", "");
                continue;
            }
            for root in endpoint.surface.roots() {
                if root.has(endpoint) {
                    tree.insert(endpoint, root.spelled, root.goes_on);
                }
            }
        }
        for node in &mut tree.nodes {
            node.literals.sort_unstable();
            node.parameters.sort_by_key(|(behind, _)| std::cmp::Reverse(behind.len()));
            node.ends.sort_by_key(|end| end.endpoint.surface);
        }
        tree
    }

    fn insert(&mut self, endpoint: &'static Endpoint, spelled: &'static str, root: &'static str) {
        let mut at = 0;
        let mut model = None;
        let segments = spelled.split('/').skip(1).chain(endpoint.path.split('/').skip(1));
        for (number, segment) in segments.enumerate() {
            let behind =
                segment.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(_, behind)| behind);
            if segment.starts_with("{model}") && endpoint.model == ModelIn::Path {
                model = behind.map(|behind| (number, behind));
            }
            at = self.child(at, segment, behind);
        }
        let root_segments = spelled.matches('/').count();
        let plain_root = (!spelled.contains('{')).then_some(spelled.len());
        if plain_root.is_some() && !endpoint.has_parameters() {
            self.plain.insert(format!("{spelled}{}", endpoint.path), at);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends.push(End { endpoint, root, root_segments, plain_root, model });
        }
    }

    /// The node behind a segment, which is made if there is none.
    fn child(&mut self, at: usize, segment: &'static str, behind: Option<&'static str>) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let (list, key) = match behind {
            Some(behind) => (&mut node.parameters, behind),
            None => (&mut node.literals, segment),
        };
        if let Some((_, known)) = list.iter().find(|(known, _)| *known == key) {
            return *known;
        }
        list.push((key, next));
        self.nodes.push(Node::default());
        next
    }

    fn find<'p>(&'static self, path: &'p str) -> Option<Found<'p>> {
        if let Some(node) = self.plain.get(path).and_then(|at| self.nodes.get(*at)) {
            return Some(Found { ends: &node.ends, path, colon: false, escape: false });
        }
        let mut node = self.nodes.first()?;
        let (mut colon, mut escape) = (false, false);
        for segment in path.strip_prefix('/')?.split('/') {
            let literal = node.literals.binary_search_by(|(spelled, _)| (*spelled).cmp(segment));
            let next = if let Ok(at) = literal {
                node.literals.get(at)?.1
            } else {
                let (behind, next) = node.parameters.iter().find(|(behind, _)| segment.ends_with(behind))?;
                let marks = Marks::of(segment.strip_suffix(behind)?)?;
                colon |= marks.colon;
                escape |= marks.escape;
                *next
            };
            node = self.nodes.get(next)?;
        }
        (!node.ends.is_empty()).then_some(Found { ends: &node.ends, path, colon, escape })
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
        let mut dots = true;
        let mut bytes = name.bytes();
        while let Some(byte) = bytes.next() {
            dots &= byte == b'.';
            match byte {
                b'-' | b'.' | b'_' | b'~' | b'@' => {}
                b':' => marks.colon = true,
                b'%' => {
                    // Only what AWS's SDKs write so in model ids: a colon and a slash.
                    let written = (bytes.next()?, bytes.next()?.to_ascii_uppercase());
                    if !matches!(written, (b'3', b'A') | (b'2', b'F')) {
                        return None;
                    }
                    marks.escape = true;
                }
                _ if byte.is_ascii_alphanumeric() => {}
                _ => return None,
            }
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
    fn has(&self, endpoint: &Endpoint) -> bool {
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
                const ROOTS: &[Root] = &[whole("", "")];
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
