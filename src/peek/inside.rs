//! Follows the way to models that are named below a body's top level.

use super::grammar::Container;
use super::{Fault, Meaning, looks_like_model};
use crate::endpoint::Places;

/// How many places a row can have.
const MOST: usize = 16;

/// What a value that leads to models is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Towards {
    /// To which of the row's places it leads, a bit for each.
    places: u16,
    /// Whether a text in its place names a model too.
    pub(super) itself: bool,
}

/// How far the containers that are open lead to each of a row's places.
#[derive(Debug, Default)]
pub(super) struct Inside {
    places: Places,
    /// For each place, how many containers from the outermost on are on the way to it.
    reached: [u8; MOST],
    /// No place is reached deeper, which spares most bodies a look at each: none is reached in their messages.
    deepest: u8,
}

impl Inside {
    pub(super) fn of(places: Places) -> Self {
        Self { places, reached: [0; MOST], deepest: 0 }
    }

    /// Whether a field at the top is on the way to a place, so that what it names is found.
    pub(super) fn begins_with(&self, name: &str) -> bool {
        self.places.iter().any(|place| place.first() == Some(&name))
    }

    /// A container began; whether names in it matter. `meaning` is that of the name before it.
    #[inline]
    pub(super) fn opened(&mut self, depth: usize, container: Container, meaning: Meaning) -> bool {
        !self.places.is_empty() && self.step_in(depth, container, meaning)
    }

    fn step_in(&mut self, depth: usize, container: Container, meaning: Meaning) -> bool {
        let Ok(depth) = u8::try_from(depth) else { return false };
        // What was reached deeper belongs to containers that are closed.
        self.deepest = self.deepest.min(depth - 1);
        // No place begins with the items of an array, so that into a field of the top only its name leads.
        if self.deepest < depth - 1 || depth == 2 && meaning == Meaning::Nothing {
            return false;
        }
        let mut matters = false;
        for (at, (place, reached)) in self.places.iter().zip(&mut self.reached).enumerate() {
            *reached = (*reached).min(depth - 1);
            let led = match depth {
                1 => true,
                _ if *reached != depth - 1 => false,
                _ if step(place, depth - 1) == Some("[]") => true,
                _ => match meaning {
                    Meaning::Towards(towards) => towards.places & (1 << at) != 0,
                    Meaning::Model => depth == 2 && place.first() == Some(&"model"),
                    Meaning::GenerationConfig => depth == 2 && place.first() == Some(&"generationConfig"),
                    Meaning::Nothing
                    | Meaning::Inside
                    | Meaning::Kind
                    | Meaning::Watched(_)
                    | Meaning::Stream
                    | Meaning::Ceiling
                    | Meaning::Choices
                    | Meaning::PreviousResponse
                    | Meaning::Tier
                    | Meaning::Speed
                    | Meaning::StreamOptions
                    | Meaning::IncludeUsage => false,
                },
            };
            let expected =
                if step(place, depth) == Some("[]") { Container::Array } else { Container::Object };
            if led && container == expected {
                *reached = depth;
                self.deepest = depth;
                matters |= container == Container::Object;
            }
        }
        matters
    }

    /// A name ended; what its value is.
    #[inline]
    pub(super) fn named(&mut self, depth: usize, name: &[u8], escaped: bool) -> Result<Meaning, Fault> {
        if self.places.is_empty() { Ok(Meaning::Nothing) } else { self.follow(depth, name, escaped) }
    }

    fn follow(&mut self, depth: usize, name: &[u8], escaped: bool) -> Result<Meaning, Fault> {
        let Ok(depth) = u8::try_from(depth) else { return Ok(Meaning::Nothing) };
        if self.deepest < depth {
            return Ok(Meaning::Nothing);
        }
        let mut towards = Towards { places: 0, itself: false };
        for (at, (place, reached)) in self.places.iter().zip(&mut self.reached).enumerate() {
            *reached = (*reached).min(depth);
            let Some(expected) = step(place, depth).filter(|_| *reached == depth) else { continue };
            // Most names are of another length than the step, and nothing else is to be seen of them.
            if expected.len() != name.len() && !matches!(expected, "*" | "model") {
                continue;
            }
            let last = place.len() == usize::from(depth);
            if expected == "model" && looks_like_model(name, escaped) {
                return Err(Fault::Ambiguous("a field looks like 'model' without being it"));
            }
            if expected == "*" || expected.as_bytes() == name {
                if last {
                    towards.itself = true;
                } else {
                    towards.places |= 1 << at;
                }
            } else if expected.as_bytes().eq_ignore_ascii_case(name) {
                return Err(Fault::Ambiguous("a field around a model is spelled in another case"));
            }
        }
        Ok(match towards {
            Towards { places: 0, itself: false } => Meaning::Nothing,
            Towards { places: 0, itself: true } => Meaning::Inside,
            Towards { .. } => Meaning::Towards(towards),
        })
    }
}

/// The step of a place that is taken in the container of this depth, from 1.
fn step(place: &[&'static str], depth: u8) -> Option<&'static str> {
    place.get(usize::from(depth).checked_sub(1)?).copied()
}
