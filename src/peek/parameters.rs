//! What a body asks for besides its model, for projects that have rules on it.

use super::Fault;
use super::grammar::Container;

/// How many tools are looked at.
const MOST_TOOLS: usize = 1024;

/// What a body asks for besides its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The kinds of its tools: their `type`, in Google's dialect the field that stands for it; `custom` for
    /// those without, and `function` for the caller's own in every dialect.
    pub tools: Vec<Box<str>>,
    /// Whether the provider is to keep the answer.
    pub store: Option<bool>,
    /// The tier of service.
    pub service_tier: Option<Box<str>>,
    /// Whether betas are named in the body.
    pub betas: bool,
}

/// Looks for parameters while a body is scanned.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) found: Parameters,
    /// Whether the kind of a tool is the name of a field, not the value of `type`.
    by_field: bool,
    /// The next container is the list of tools.
    tools_follow: bool,
    within: Within,
    /// Tools whose kind has not come.
    untold: usize,
}

/// Where the scanner is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Elsewhere,
    Tools,
}

/// What the value of a watched name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Nothing,
    ToolType,
    Store,
    ServiceTier,
}

impl Watch {
    pub(super) fn new(by_field: bool) -> Self {
        Self { by_field, ..Self::default() }
    }

    /// A container began at this depth; whether names in it matter.
    pub(super) fn opened(&mut self, depth: usize, container: Container) -> Result<bool, Fault> {
        if depth == 2 {
            let tools = std::mem::take(&mut self.tools_follow) && container == Container::Array;
            self.within = if tools { Within::Tools } else { Within::Elsewhere };
        }
        let tool = depth == 3 && self.within == Within::Tools && container == Container::Object;
        if tool {
            self.untold += 1;
            if self.found.tools.len() + self.untold > MOST_TOOLS {
                return Err(Fault::Unfit("it has too many tools"));
            }
        }
        Ok(tool)
    }

    /// A name at this depth.
    pub(super) fn named(&mut self, depth: usize, name: &[u8]) -> Watched {
        match (depth, name) {
            (1, _) => {
                self.within = Within::Elsewhere;
                self.top(name)
            }
            (3, _) if self.within == Within::Tools && self.by_field => {
                let kind = match name {
                    b"functionDeclarations" | b"function_declarations" => "function",
                    other => std::str::from_utf8(other).unwrap_or("?"),
                };
                self.found.tools.push(kind.into());
                Watched::Nothing
            }
            (3, b"type") if self.within == Within::Tools => Watched::ToolType,
            _ => Watched::Nothing,
        }
    }

    fn top(&mut self, name: &[u8]) -> Watched {
        self.tools_follow = name == b"tools";
        match name {
            b"store" => return Watched::Store,
            b"service_tier" | b"serviceTier" => return Watched::ServiceTier,
            b"anthropic_beta" | b"betas" => self.found.betas = true,
            // Tools that some providers take elsewhere than in the list.
            b"functions" => self.found.tools.push("function".into()),
            b"web_search_options" => self.found.tools.push("web_search".into()),
            b"mcp_servers" => self.found.tools.push("mcp".into()),
            b"plugins" => self.found.tools.push("plugins".into()),
            _ => {}
        }
        Watched::Nothing
    }

    /// A text that was watched for.
    pub(super) fn text(&mut self, watched: Watched, text: &[u8]) {
        let text = || std::str::from_utf8(text).unwrap_or("?").into();
        match watched {
            Watched::ToolType => {
                self.untold = self.untold.saturating_sub(1);
                self.found.tools.push(text());
            }
            Watched::ServiceTier => self.found.service_tier = Some(text()),
            // What is no truth value is the provider's to refuse; until then it is taken for the worse.
            Watched::Store => self.found.store = Some(true),
            Watched::Nothing => {}
        }
    }

    /// What was found, now that the body has ended.
    pub(super) fn finish(mut self) -> Parameters {
        if self.untold > 0 && !self.by_field {
            self.found.tools.push("custom".into());
        }
        self.found
    }
}
