//! The tables of `endpoint/tables` as rows.
//!
//! A line is `METHOD path scope name` and words: `model=` where the model is said, `inside=` where else it may
//! be, `besides=` where others than the path's may be, `wider=` all these places at services that take more,
//! `instead=` where something stands that decides on the model in its place, `takes=` the kind of body, `gives=` the kind of answer, `also=` another family that is needed, `query=` the
//! parameters it takes, `lists-models`, and `at-root` where it is not behind its surface's root.

use super::{Access, Endpoint, Family, Gives, ModelIn, Scope, Takes, Verb, places};
use crate::dialect::Surface;

/// The tables, surface by surface in the order of [`Surface::ALL`].
const TABLES: &[(Surface, &str)] = &[
    (Surface::OpenAi, include_str!("tables/openai.txt")),
    (Surface::OpenAi, include_str!("tables/openai_admin.txt")),
    (Surface::Anthropic, include_str!("tables/anthropic.txt")),
    (Surface::Anthropic, include_str!("tables/anthropic_admin.txt")),
    (Surface::Gemini, include_str!("tables/gemini.txt")),
    (Surface::Vertex, include_str!("tables/vertex.txt")),
    (Surface::Azure, include_str!("tables/azure.txt")),
    (Surface::Bedrock, include_str!("tables/bedrock.txt")),
    (Surface::Mistral, include_str!("tables/mistral.txt")),
    (Surface::Cohere, include_str!("tables/cohere.txt")),
    (Surface::Together, include_str!("tables/together.txt")),
    (Surface::Fireworks, include_str!("tables/fireworks.txt")),
    (Surface::OpenRouter, include_str!("tables/openrouter.txt")),
    (Surface::Xai, include_str!("tables/xai.txt")),
    (Surface::DeepSeek, include_str!("tables/deepseek.txt")),
    (Surface::Perplexity, include_str!("tables/perplexity.txt")),
    (Surface::Ollama, include_str!("tables/ollama.txt")),
    (Surface::Vllm, include_str!("tables/vllm.txt")),
    (Surface::LlamaCpp, include_str!("tables/llama_cpp.txt")),
    (Surface::Passthrough, include_str!("tables/passthrough.txt")),
];

/// Every row of every table. A line that cannot be read is left out, so that its path is unknown; a test
/// finds it.
pub(super) fn rows() -> Box<[Endpoint]> {
    let all = || TABLES.iter().flat_map(|(surface, text)| lines(text).map(|line| (*surface, line)));
    // Counted first, for a list that grows leaves twice its size behind.
    let mut rows = Vec::with_capacity(all().count());
    let read = all().filter_map(|(surface, line)| row(surface, line)).enumerate();
    rows.extend(
        read.map(|(number, row)| Endpoint { number: u16::try_from(number).unwrap_or(u16::MAX), ..row }),
    );
    rows.into_boxed_slice()
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn row(surface: Surface, line: &'static str) -> Option<Endpoint> {
    let mut words = line.split_ascii_whitespace();
    let verb = Verb::named(words.next()?)?;
    let path = words.next().filter(|path| path.starts_with('/'))?;
    let scope = Scope::named(words.next()?)?;
    let name = words.next()?;
    let mut row = Endpoint {
        number: 0,
        parameters: path.contains('{'),
        name,
        surface,
        verb,
        path,
        scope,
        also: None,
        model: ModelIn::Nowhere,
        inside: &[],
        wider: None,
        instead: None,
        besides: false,
        takes: match verb {
            Verb::Get | Verb::Delete => Takes::Nothing,
            Verb::Post | Verb::Put | Verb::Patch => Takes::JsonOrNothing,
        },
        gives: Gives::Json,
        query: Box::default(),
        lists_models: false,
        at_root: false,
    };
    for word in words {
        match word.split_once('=') {
            None if word == "lists-models" => row.lists_models = true,
            None if word == "at-root" => row.at_root = true,
            Some(("model", place)) => row.model = model(place)?,
            Some(("inside", set)) => row.inside = places::of(places::named(set)?)?,
            Some(("besides", set)) => (row.inside, row.besides) = (places::of(places::named(set)?)?, true),
            Some(("wider", set)) => row.wider = Some(places::named(set)?),
            Some(("instead", set)) => row.instead = Some(places::named(set)?),
            Some(("takes", kind)) => row.takes = takes(kind)?,
            Some(("gives", kind)) => row.gives = gives(kind)?,
            Some(("also", family)) => row.also = Some(also(family)?),
            Some(("query", names)) => row.query = names.split(',').collect(),
            None | Some(_) => return None,
        }
    }
    if row.takes == Takes::JsonOrNothing && matches!(row.model, ModelIn::Body) {
        row.takes = Takes::Json;
    }
    Some(row)
}

fn model(place: &'static str) -> Option<ModelIn> {
    Some(match place {
        "body" => ModelIn::Body,
        "body?" => ModelIn::BodyOrProvidersChoice,
        "path" => ModelIn::Path,
        "form" => ModelIn::Form,
        "form?" => ModelIn::FormOrProvidersChoice,
        "inside" => ModelIn::Inside,
        "lines" => ModelIn::Lines,
        "message" => ModelIn::Message,
        "unknown" => ModelIn::Unknown,
        _ => ModelIn::Query(place.strip_prefix("query:")?),
    })
}

fn takes(kind: &str) -> Option<Takes> {
    Some(match kind {
        "json" => Takes::Json,
        "form" => Takes::Form,
        "form-or-json" => Takes::FormOrJson,
        "form-or-sdp" => Takes::FormOrSdp,
        "raw" => Takes::Raw,
        _ => return None,
    })
}

fn gives(kind: &str) -> Option<Gives> {
    Some(match kind {
        "stream" => Gives::StreamIfAsked,
        "stream-unless" => Gives::StreamUnlessDeclined,
        "events" => Gives::Events,
        "lines" => Gives::Lines,
        "bytes" => Gives::Bytes,
        "aws-events" => Gives::AwsEvents,
        "upload" => Gives::Upload,
        "websocket" => Gives::WebSocket,
        _ => return None,
    })
}

fn also(family: &str) -> Option<Scope> {
    let family = Family::ALL.iter().find(|one| one.name() == family)?;
    Some(Scope::of(*family, Access::Write))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_row() {
        for (surface, text) in TABLES {
            for line in lines(text) {
                assert!(row(*surface, line).is_some(), "{surface:?}: {line}");
            }
        }
        let wrong = [
            "FETCH /a chat a",
            "POST a chat a",
            "POST /a chatter a",
            "POST /a chat",
            "POST /a chat a model=there",
            "POST /a chat a takes=xml",
            "POST /a chat a something",
        ];
        for line in wrong {
            assert_eq!(row(Surface::OpenAi, line), None, "{line}");
        }
    }

    #[test]
    fn tables_stand_in_the_order_of_surfaces_and_no_row_twice() {
        assert!(TABLES.is_sorted_by_key(|(surface, _)| *surface));
        let rows = rows();
        let mut paths = std::collections::HashSet::new();
        let mut names = std::collections::HashSet::new();
        for row in &rows {
            let socket = row.gives == Gives::WebSocket;
            assert!(
                paths.insert((row.surface, row.verb.name(), row.path, socket)),
                "{} {}",
                row.verb.name(),
                row.path
            );
            assert!(names.insert((row.surface, row.name)), "{:?} {}", row.surface, row.name);
            assert_eq!(row.path.contains("{model}"), row.model == ModelIn::Path, "{}", row.path);
            assert_eq!(rows.iter().position(|other| std::ptr::eq(other, row)), Some(row.index()));
        }
    }
}
