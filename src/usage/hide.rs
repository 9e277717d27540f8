//! Takes the event that only reports usage out of a stream whose client did not ask for it.
//!
//! 1. The event is one whose `choices` are an empty list and whose `usage` is an object; all others go on byte for
//!    byte.
//! 2. Only an event that a piece cuts is held, until it is whole: no client can use a part of one.
//! 3. An event longer than [`LONGEST`] goes on, with all that follows: nothing is hidden then.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::events::has_usage;

/// How much of an event is held.
const LONGEST: usize = 256 * 1024;

/// Takes the event out.
#[derive(Debug, Default)]
pub struct Hider {
    held: Vec<u8>,
    /// How much of it was looked through for an event's end.
    looked: usize,
    given_up: bool,
}

/// An object of which nothing is read.
#[derive(Deserialize)]
struct Object {}

/// The event that is hidden.
#[derive(Deserialize)]
struct Extra {
    choices: Vec<IgnoredAny>,
    #[expect(dead_code, reason = "that it is an object is all that matters")]
    usage: Object,
}

impl Hider {
    /// Takes the next piece; gives what can be passed on.
    #[must_use]
    pub fn piece(&mut self, piece: &Bytes) -> Bytes {
        if self.given_up {
            return piece.clone();
        }
        if !self.held.is_empty() {
            self.held.extend_from_slice(piece);
            let text = Bytes::from(std::mem::take(&mut self.held));
            let looked = std::mem::take(&mut self.looked);
            return self.events(&text, looked);
        }
        self.events(piece, 0)
    }

    /// What was held back, now that nothing follows.
    #[must_use]
    pub fn rest(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.held);
        if is_extra(&rest) { Bytes::new() } else { rest.into() }
    }

    /// Whether something is held back.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Passes whole events on, and holds the rest.
    fn events(&mut self, text: &Bytes, looked: usize) -> Bytes {
        // What goes on: as one slice until something between is left out.
        let mut copied: Option<Vec<u8>> = None;
        let (mut kept, mut begin, mut look) = (0, 0, looked);
        while let Some(end) = event_end(text, look) {
            let event = text.get(begin..end).unwrap_or_default();
            if is_extra(event) {
                copied.get_or_insert_default().extend_from_slice(text.get(kept..begin).unwrap_or_default());
                kept = end;
            }
            (begin, look) = (end, end);
        }
        let rest = text.get(begin..).unwrap_or_default();
        if rest.len() > LONGEST {
            self.given_up = true;
            begin = text.len();
        } else {
            self.held.extend_from_slice(rest);
            // An empty line may have begun in the last bytes.
            self.looked = rest.len().saturating_sub(3);
        }
        match copied {
            None => text.slice(..begin),
            Some(before) if before.is_empty() => text.slice(kept..begin),
            Some(mut before) => {
                before.extend_from_slice(text.get(kept..begin).unwrap_or_default());
                before.into()
            }
        }
    }
}

/// Where the event ends that is under way: behind its empty line.
fn event_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let here = at + memchr::memchr2(b'\n', b'\r', text.get(at..)?)?;
        let behind = match text.get(here..)? {
            [b'\r', b'\n', ..] => here + 2,
            // Whether a line feed follows is not known.
            [b'\r'] => return None,
            _ => here + 1,
        };
        match text.get(behind..)? {
            [b'\r', b'\n', ..] => return Some(behind + 2),
            [b'\n', ..] | [b'\r', _, ..] => return Some(behind + 1),
            _ => at = behind,
        }
    }
}

/// Whether an event only reports usage.
fn is_extra(event: &[u8]) -> bool {
    if !has_usage(event) {
        return false;
    }
    let mut data = Vec::new();
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(rest) = line.strip_prefix(b"data:") {
            data.extend_from_slice(rest);
            data.push(b'\n');
        }
    }
    serde_json::from_slice::<Extra>(&data).is_ok_and(|extra| extra.choices.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str = "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"a \\\"usage\\\":{\"}}],\"usage\":null}\n\n";
    const AZURE: &str = "data: {\"choices\":[],\"prompt_filter_results\":[{\"usage\":{}}]}\n\n";
    const WITH_CHOICE: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n";
    const EXTRA: &str = "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
    const EXTRA_CRLF: &str = "id: 4\r\ndata: {\"choices\" : [],\r\ndata:\"usage\": {}}\r\n\r\n";
    const EXTRA_CR: &str = "data:{\"usage\":{\"a\":[]},\"choices\":[]}\r\r";
    const DONE: &str = "data: [DONE]\n\n";
    const COMMENT: &str = ": \"usage\":{ is told\r\n\r\n";

    fn hidden<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> String {
        let mut hider = Hider::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&hider.piece(&Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&hider.rest());
        String::from_utf8(out).unwrap()
    }

    fn streams() -> Vec<(String, String)> {
        let all = |events: &[&str]| events.concat();
        let mut streams = vec![
            (all(&[ONE, EXTRA, DONE]), all(&[ONE, DONE])),
            (all(&[AZURE, ONE, COMMENT, EXTRA_CRLF, DONE]), all(&[AZURE, ONE, COMMENT, DONE])),
            (all(&[ONE, EXTRA_CR, WITH_CHOICE, DONE]), all(&[ONE, WITH_CHOICE, DONE])),
            (all(&[EXTRA, EXTRA]), String::new()),
            (all(&[EXTRA, ONE, EXTRA, ONE, EXTRA_CRLF, DONE]), all(&[ONE, ONE, DONE])),
            (all(&[ONE, "data: {\"choices\":[],\"usage\":{}}"]), ONE.to_owned()),
            (all(&[ONE, "data: [DO"]), all(&[ONE, "data: [DO"])),
        ];
        for untouched in [
            "data: {\"choices\":{},\"usage\":{}}\n\n",
            "data: {\"choices\":null,\"usage\":{}}\n\n",
            "data: {\"choices\":[],\"usage\":null}\n\n",
            "data: {\"choices\":[],\"usage\":7}\n\n",
            "data: {\"usage\":{}}\n\n",
            "data: {\"choices\":[],\"usage\":{}\n\n",
            "data: [{\"choices\":[],\"usage\":{}}]\n\n",
            "event: x\n\n\n\n: y\r\n",
            "",
        ] {
            streams.push((untouched.to_owned(), untouched.to_owned()));
        }
        streams
    }

    #[test]
    fn only_the_extra_event_is_taken_out_wherever_pieces_end() {
        for (stream, expected) in streams() {
            assert_eq!(hidden([stream.as_bytes()]), expected);
            for at in 0..=stream.len() {
                let (one, two) = stream.as_bytes().split_at(at);
                assert_eq!(hidden([one, two]), expected, "{at}");
            }
            assert_eq!(hidden(stream.as_bytes().chunks(1)), expected);
        }
    }

    proptest! {
        #[test]
        fn any_pieces_come_to_the_same(which in any::<prop::sample::Index>(), sizes in prop::collection::vec(1..40_usize, 1..40)) {
            let streams = streams();
            let (stream, expected) = which.get(&streams);
            let (mut pieces, mut rest) = (Vec::new(), stream.as_bytes());
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(&hidden(pieces), expected);
        }

        #[test]
        fn what_is_no_such_event_goes_on_as_it_is(text in "[ -~\\n\\r]{0,300}", size in 1..50_usize) {
            prop_assert_eq!(hidden(text.as_bytes().chunks(size)), text);
        }
    }

    #[test]
    fn a_whole_event_goes_on_at_once_and_is_not_copied() {
        let mut hider = Hider::default();
        let event = Bytes::from_static(ONE.as_bytes());
        assert_eq!(hider.piece(&event).as_ptr(), event.as_ptr());
        assert!(!hider.holds());
    }

    #[test]
    fn an_event_that_is_too_long_goes_on_with_all_that_follows() {
        let long = format!("data: {}", "x".repeat(LONGEST + 50_000));
        let stream = [&long, "\n\n", EXTRA].concat();
        assert!(hidden(stream.as_bytes().chunks(10_000)) == stream);
    }
}
