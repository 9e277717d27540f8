//! An answer's JSON texts: one, one a line, or one an event of a stream.
//!
//! A text that is whole in a piece is looked at only where it may hold a report, and from its end; one that a piece
//! cuts is walked through as it comes, so nothing of it is kept.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::end::{End, USAGE, at_the_end};
use super::text::{Bringer, Text};
use super::walk::{Told, Walk, Words};

static META: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"meta\""));
static EVAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"eval_count\""));
static PREDICTED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"tokens_predicted\""));
static METRICS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"-invocationMetrics\""));

/// The texts of an answer, one after the other.
#[derive(Debug)]
pub(super) struct Texts {
    words: Words,
    walk: Walk,
    text: Text,
    /// Whether one is under way.
    begun: bool,
}

impl Texts {
    pub(super) fn new(words: Words, bringer: Bringer) -> Self {
        Self { words, walk: Walk::default(), text: Text::new(bringer), begun: false }
    }

    pub(super) const fn tokens(&self) -> u64 {
        self.text.tokens()
    }

    /// A text that is all here.
    pub(super) fn whole(&mut self, text: &[u8], told: &mut Told<'_>) {
        if self.may_report(text) && at_the_end(text, self.words, told) == End::TooLittle {
            self.walk.begin();
            self.walk.feed(text, self.words, told);
            self.walk.begin();
        }
        self.text.feed(text);
        self.text.end();
    }

    /// A message of a session, all of it. What brings sound is no text.
    pub(super) fn message(&mut self, text: &[u8], told: &mut Told<'_>) {
        if self.may_report(text) && at_the_end(text, self.words, told) == End::TooLittle {
            self.walk.begin();
            self.walk.feed(text, self.words, told);
            self.walk.begin();
        }
        let head = text.get(..text.len().min(200)).unwrap_or_default();
        if memchr::memmem::find(head, b"audio.delta\"").is_none() {
            self.text.feed(text);
            self.text.end();
        }
    }

    /// A text that is all here if it ends with this piece, and that is looked at as if it did; if so much is enough.
    pub(super) fn taken_for_whole(&mut self, piece: &[u8], told: &mut Told<'_>) -> bool {
        let whole = !self.begun
            && piece.trim_ascii_end().ends_with(b"}")
            && at_the_end(piece, self.words, told) == End::Enough;
        if whole {
            self.text.feed(piece);
        }
        whole
    }

    /// What was taken for whole was not, and is walked through after all; its text is counted.
    pub(super) fn was_not_whole(&mut self, piece: &[u8], told: &mut Told<'_>) {
        (*told.usage, *told.served) = (None, None);
        self.part(piece, false, told);
    }

    /// A part of a text. Of a session's messages the text is not counted then: it is sound.
    pub(super) fn part(&mut self, part: &[u8], counts: bool, told: &mut Told<'_>) {
        self.begun = true;
        self.walk.feed(part, self.words, told);
        if counts {
            self.text.feed(part);
        }
    }

    /// Whether a text is under way.
    pub(super) const fn begun(&self) -> bool {
        self.begun
    }

    /// The text under way has ended.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.begun) {
            self.walk.begin();
            self.text.end();
        }
    }

    fn may_report(&self, text: &[u8]) -> bool {
        let other = match self.words {
            Words::Usual | Words::Google | Words::Pictures => None,
            Words::Cohere => Some(&META),
            Words::Ollama => Some(&EVAL),
            Words::LlamaCpp => Some(&PREDICTED),
            Words::Bedrock => Some(&METRICS),
        };
        other.is_some_and(|finder| finder.find(text).is_some()) || has_usage(text)
    }
}

/// Whether an object stands in a field whose name begins with `usage`. In most events of OpenAI's it is null.
pub(super) fn has_usage(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(here) = USAGE.find(rest) {
        rest = rest.get(here + 6..).unwrap_or_default();
        let Some(quote) = memchr::memchr(b'"', rest) else { return false };
        let behind = rest.get(quote + 1..).unwrap_or_default();
        let mut value = behind.iter().filter(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        if value.next() == Some(&b':') && value.next() == Some(&b'{') {
            return true;
        }
    }
    false
}

/// Where in a line of an event stream the last piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Within `data:`.
    Word { matched: usize },
    /// In what stands behind it.
    Data,
    /// In another field, or a comment.
    Other,
}

const DATA: &[u8] = b"data:";

/// The lines of an event stream, as WHATWG HTML §9.2 has it: a line ends with CR, LF or both, an event with an empty
/// line, and several lines of data are one text.
#[derive(Debug)]
pub(super) struct Events {
    line: Line,
    /// Whether the last piece ended with a CR, so that an LF belongs to it.
    after_cr: bool,
}

impl Events {
    pub(super) const fn new() -> Self {
        Self { line: Line::Word { matched: 0 }, after_cr: false }
    }

    pub(super) fn feed(&mut self, piece: &[u8], texts: &mut Texts, told: &mut Told<'_>) {
        let mut rest = piece;
        if std::mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_cr = piece.is_empty();
        }
        while !rest.is_empty() {
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.cut(rest, texts, told);
                return;
            };
            let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, b""));
            rest = behind.strip_prefix(b"\r\n").or_else(|| behind.get(1..)).unwrap_or_default();
            self.after_cr = behind == b"\r";
            self.whole(line, rest.first(), texts, told);
            self.line = Line::Word { matched: 0 };
        }
    }

    /// A line, or the rest of one; `next` is the first byte of the next.
    fn whole(&mut self, line: &[u8], next: Option<&u8>, texts: &mut Texts, told: &mut Told<'_>) {
        match self.line {
            Line::Word { matched: 0 } if line.is_empty() => texts.end(),
            Line::Word { matched } => {
                let word = DATA.get(matched..).unwrap_or_default();
                let Some(data) = line.strip_prefix(word) else { return };
                if matches!(next, Some(b'\n' | b'\r')) && !texts.begun() {
                    // The event's only line of data, and the event is over.
                    texts.whole(data, told);
                } else {
                    texts.part(data, true, told);
                }
            }
            Line::Data => texts.part(line, true, told),
            Line::Other => {}
        }
    }

    /// The beginning of a line, or more of one, that does not end in this piece.
    fn cut(&mut self, part: &[u8], texts: &mut Texts, told: &mut Told<'_>) {
        if let Line::Word { matched } = self.line {
            let word = DATA.get(matched..).unwrap_or_default();
            if let Some(data) = part.strip_prefix(word) {
                self.line = Line::Data;
                texts.part(data, true, told);
            } else if word.starts_with(part) {
                self.line = Line::Word { matched: matched + part.len() };
            } else {
                self.line = Line::Other;
            }
        } else if self.line == Line::Data {
            texts.part(part, true, told);
        }
    }
}

/// One JSON text a line.
pub(super) fn lines(piece: &[u8], texts: &mut Texts, told: &mut Told<'_>) {
    let mut rest = piece;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, b""));
        if texts.begun() {
            texts.part(line, true, told);
            texts.end();
        } else {
            texts.whole(line, told);
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        texts.part(rest, true, told);
    }
}
