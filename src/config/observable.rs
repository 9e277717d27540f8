//! Lists that can be observed before they are enforced: `{ list = […], mode = "observe" }`.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::place::child;
use super::value::OneOrMany;

/// Whether a rule refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub(super) enum Mode {
    /// What it does not allow is refused.
    #[default]
    Enforce,
    /// What it does not allow passes, and the record says that it would have been refused.
    Observe,
}

/// A list, alone or with its mode.
#[derive(Clone, Debug)]
pub(super) struct Observable {
    list: Option<OneOrMany>,
    mode: Mode,
    alone: bool,
}

/// A list with its mode, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WithMode {
    list: Option<OneOrMany>,
    mode: Option<Mode>,
}

/// A list, where its entries stand, and whether it is only observed.
pub(super) struct Listed<'w> {
    pub(super) path: String,
    pub(super) list: Option<&'w OneOrMany>,
    pub(super) observed: bool,
}

/// The list at a path.
pub(super) fn listed<'w>(path: &str, written: Option<&'w Observable>) -> Listed<'w> {
    match written {
        None => Listed { path: path.to_owned(), list: None, observed: false },
        Some(Observable { list, mode, alone }) => Listed {
            path: if *alone { path.to_owned() } else { child(path, "list") },
            list: list.as_ref(),
            observed: *mode == Mode::Observe,
        },
    }
}

impl<'de> Deserialize<'de> for Observable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Observable;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Observable, E> {
                Ok(Observable::alone(OneOrMany::One(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Observable, A::Error> {
                OneOrMany::deserialize(SeqAccessDeserializer::new(list)).map(Observable::alone)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Observable, A::Error> {
                let WithMode { list, mode } = WithMode::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Observable { list, mode: mode.unwrap_or_default(), alone: false })
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl Observable {
    const fn alone(list: OneOrMany) -> Self {
        Self { list: Some(list), mode: Mode::Enforce, alone: true }
    }
}
