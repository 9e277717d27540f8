//! What a body asks for besides its model, for projects that have rules on it.
//!
//! 1. Each tool is judged by itself: one that says no `type` is the caller's own, whatever the others say.
//! 2. Tools are found wherever providers read them: in the list at the top, in one of Bedrock's `toolConfig` or its
//!    `additionalModelRequestFields`, in another tool, in what a conversation brings (an item's `tools`, a message's
//!    `tool` or `tool_changes`), and where one stands without a list around it.
//! 3. Of a tool whose kind is the name of a field each field counts.

use super::Fault;
use super::grammar::Container;

/// How many tools are looked at.
const MOST_TOOLS: usize = 1024;

/// What a body asks for besides its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The kinds of its tools, each once: their `type`, in Google's dialect and Bedrock's the field that stands
    /// for it; `custom` for those without, and `function` for the caller's own in every dialect.
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
    /// The containers that are open, from the outermost on.
    open: Vec<Within>,
    /// What the value under way is.
    next: Within,
    /// How many tools there were.
    tools: usize,
}

/// What a container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Elsewhere,
    /// The body, or fields that Bedrock hands to a model as if they stood in its body.
    Top,
    /// Bedrock's `toolConfig`.
    Config,
    /// Tools; whether their kind is the name of a field.
    Tools(bool),
    /// A tool whose kind has not come, and one whose has.
    Untold,
    Told,
    /// A tool whose kind is the name of a field.
    Fields,
    /// The items of a conversation, and one of them.
    Items,
    Item,
    /// Messages, or what one of them or a change of tools consists of, and one of these.
    Parts,
    Part,
    /// What holds a tool's definition.
    Holder,
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
        self.close(depth - 1);
        let next = std::mem::take(&mut self.next);
        let around = self.open.last().copied().unwrap_or(Within::Top);
        let within = match (around, container) {
            (Within::Top, Container::Object) if depth == 1 => Within::Top,
            (Within::Tools(by_field), Container::Object) => tool(by_field),
            (Within::Items, Container::Object) => Within::Item,
            (Within::Parts, Container::Object) => Within::Part,
            _ => match (next, container) {
                // Google's servers take a thing for a list of one.
                (Within::Tools(by_field), Container::Object) => tool(by_field),
                (Within::Tools(_) | Within::Items | Within::Parts, Container::Array)
                | (Within::Top | Within::Config | Within::Holder | Within::Untold, Container::Object) => next,
                _ => Within::Elsewhere,
            },
        };
        if matches!(within, Within::Untold | Within::Fields) {
            self.tools += 1;
            if self.tools > MOST_TOOLS {
                return Err(Fault::Unfit("it has too many tools"));
            }
        }
        self.open.push(within);
        Ok(!matches!(within, Within::Elsewhere | Within::Tools(_) | Within::Items | Within::Parts))
    }

    /// A name at this depth.
    pub(super) fn named(&mut self, depth: usize, name: &[u8]) -> Watched {
        self.close(depth);
        self.next = Within::Elsewhere;
        match (self.open.last().copied().unwrap_or_default(), name) {
            (Within::Top, _) => return self.top(depth, name),
            (Within::Config, b"tools") => self.next = Within::Tools(true),
            (Within::Untold | Within::Told, b"type") => return Watched::ToolType,
            (Within::Untold | Within::Told | Within::Item, b"tools") => self.next = Within::Tools(false),
            (Within::Fields, b"functionDeclarations" | b"function_declarations" | b"toolSpec") => {
                self.found("function");
            }
            // A mark for what is cached, and no tool.
            (Within::Fields, b"cachePoint") => {}
            (Within::Fields, other) => self.found(std::str::from_utf8(other).unwrap_or("?")),
            (Within::Part, b"content" | b"tool_changes") => self.next = Within::Parts,
            (Within::Part, b"tool") => self.next = Within::Holder,
            (Within::Holder, b"definition") => self.next = Within::Untold,
            _ => {}
        }
        Watched::Nothing
    }

    fn top(&mut self, depth: usize, name: &[u8]) -> Watched {
        match name {
            b"store" => return Watched::Store,
            b"service_tier" | b"serviceTier" => return Watched::ServiceTier,
            b"anthropic_beta" | b"betas" => self.found.betas = true,
            b"tools" => self.next = Within::Tools(self.by_field),
            b"toolConfig" => self.next = Within::Config,
            b"additionalModelRequestFields" if depth == 1 => self.next = Within::Top,
            b"input" | b"items" => self.next = Within::Items,
            b"messages" => self.next = Within::Parts,
            // Tools that some providers take elsewhere than in the list.
            b"functions" => self.found("function"),
            b"web_search_options" => self.found("web_search"),
            b"mcp_servers" => self.found("mcp"),
            b"plugins" => self.found("plugins"),
            _ => {}
        }
        Watched::Nothing
    }

    /// A text that was watched for.
    pub(super) fn text(&mut self, watched: Watched, text: &[u8]) {
        let text = std::str::from_utf8(text).unwrap_or("?");
        match watched {
            Watched::ToolType => {
                if let Some(tool) = self.open.last_mut() {
                    *tool = Within::Told;
                }
                self.found(text);
            }
            Watched::ServiceTier => self.found.service_tier = Some(text.into()),
            // What is no truth value is the provider's to refuse; until then it is taken for the worse.
            Watched::Store => self.found.store = Some(true),
            Watched::Nothing => {}
        }
    }

    fn found(&mut self, kind: &str) {
        if !self.found.tools.iter().any(|other| **other == *kind) {
            self.found.tools.push(kind.into());
        }
    }

    /// What is deeper than this has ended.
    fn close(&mut self, depth: usize) {
        if self.open.get(depth..).is_some_and(|closed| closed.contains(&Within::Untold)) {
            self.found("custom");
        }
        self.open.truncate(depth);
    }

    /// What was found, now that the body has ended.
    pub(super) fn finish(mut self) -> Parameters {
        self.close(0);
        self.found
    }
}

const fn tool(by_field: bool) -> Within {
    if by_field { Within::Fields } else { Within::Untold }
}

#[cfg(test)]
mod tests {
    use super::super::Peek;

    fn tools(by_field: bool, body: &str) -> String {
        let mut peek = Peek::default().watching(by_field);
        peek.feed(body.as_bytes()).unwrap();
        peek.finish().unwrap().parameters.unwrap().tools.join(" ")
    }

    #[test]
    fn each_tool_is_judged_by_itself() {
        for (body, kinds) in [
            (r#"{"tools":[{"type":"a","type":"b"},{"name":"x"}]}"#, "a b custom"),
            (r#"{"tools":[{"name":"x"},{"type":"a","type":"b"}]}"#, "custom a b"),
            (r#"{"tools":[{"type":"a","x":{"type":"no"},"y":[{"type":"no"}]},{"type":"b"}]}"#, "a b"),
            (r#"{"tools":[{"type":null}],"x":1}"#, "custom"),
            (r#"{"tools":[{"type":["mcp"]},{"type":7}]}"#, "custom 7"),
            (r#"{"tools":[{"tools":[{"type":"a"},{}],"type":"namespace"}]}"#, "a custom namespace"),
            (r#"{"tools":{"type":"a"}}"#, "a"),
            (r#"{"x":{"tools":[{"type":"no"}]},"messages":[{"tools":[{"type":"no"}]}]}"#, ""),
        ] {
            assert_eq!(tools(false, body), kinds, "{body}");
        }
    }

    #[test]
    fn tools_are_found_wherever_providers_read_them() {
        for (body, kinds) in [
            (r#"{"input":[{"type":"no"},{"type":"no","tools":[{"type":"a"}]}]}"#, "a"),
            (r#"{"items":[{"tools":[{"tools":[{"type":"a"}],"type":"b"}]}]}"#, "a b"),
            (
                r#"{"messages":[{"content":"x"},{"content":[{"type":"no","tool":{"definition":{"type":"a"}}}]}]}"#,
                "a",
            ),
            (
                r#"{"messages":[{"content":[{"tool_changes":[{"tool":{"name":"x","definition":{"name":"x"}}}]}]}]}"#,
                "custom",
            ),
            (
                r#"{"toolConfig":{"tools":[{"toolSpec":{"name":"x"}},{"systemTool":{"name":"y"},"z":{}},{"cachePoint":{}}]}}"#,
                "function systemTool z",
            ),
            (r#"{"additionalModelRequestFields":{"tools":[{"type":"a"}],"mcp_servers":[]}}"#, "a mcp"),
        ] {
            assert_eq!(tools(false, body), kinds, "{body}");
        }
        let betas = r#"{"additionalModelRequestFields":{"anthropic_beta":["a"]}}"#;
        let mut peek = Peek::default().watching(false);
        peek.feed(betas.as_bytes()).unwrap();
        assert!(peek.finish().unwrap().parameters.unwrap().betas);
    }

    #[test]
    fn each_field_of_googles_tools_is_a_kind() {
        for (body, kinds) in [
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"no"}],"codeExecution":{}},{"googleSearch":{}}]}"#,
                "function codeExecution googleSearch",
            ),
            (r#"{"tools":{"codeExecution":{"x":1}}}"#, "codeExecution"),
            (r#"{"tools":[{}]}"#, ""),
        ] {
            assert_eq!(tools(true, body), kinds, "{body}");
        }
    }
}
