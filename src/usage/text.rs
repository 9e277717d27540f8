//! How much text an answer has brought, for one that ends before its report.
//!
//! Counted are the bytes of the strings in the field that brings the next text in the service's events (`delta` of
//! most), without those that are no text: kinds, ids, roles, sounds, signatures. An escaped character counts as what
//! it stands for. A token is taken for three bytes: more tokens than English needs, about what code and Chinese need,
//! fewer than base64 does. What a model thinks and does not show is not in it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// How many bytes are taken for a token.
const BYTES_OF_TOKEN: u64 = 3;
/// The longest name that is compared.
const LONGEST_NAME: usize = 10;

/// The field that brings the next text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bringer {
    Delta,
    Text,
    Content,
    Response,
    /// The answer is one JSON text: all of its bytes count.
    Whole,
    /// Nothing is written that is counted in tokens.
    Nothing,
}

static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"delta\":"));
static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"text\":"));
static CONTENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"content\":"));
static RESPONSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"response\":"));

impl Bringer {
    fn finder(self) -> Option<&'static Finder<'static>> {
        Some(match self {
            Self::Delta => &DELTA,
            Self::Text => &TEXT,
            Self::Content => &CONTENT,
            Self::Response => &RESPONSE,
            Self::Whole | Self::Nothing => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Looking for the field; so much of its name ended the last piece.
    Seeking { matched: usize },
    /// In its value.
    Between,
    /// In a string of it.
    Within { escaped: bool, digits: u8 },
    /// Behind a string of it.
    Behind,
}

/// The counter.
#[derive(Debug)]
pub(super) struct Text {
    bringer: Bringer,
    state: State,
    /// Braces and brackets that are open in the value.
    depth: u32,
    /// What the string under way counts.
    pending: u64,
    name: [u8; LONGEST_NAME],
    named: usize,
    /// Whether the next string is no text.
    skips: bool,
    bytes: u64,
}

impl Text {
    pub(super) const fn new(bringer: Bringer) -> Self {
        Self {
            bringer,
            state: State::Seeking { matched: 0 },
            depth: 0,
            pending: 0,
            name: [0; LONGEST_NAME],
            named: 0,
            skips: false,
            bytes: 0,
        }
    }

    /// The estimate.
    pub(super) const fn tokens(&self) -> u64 {
        self.bytes.div_ceil(BYTES_OF_TOKEN)
    }

    /// The text ended.
    pub(super) fn end(&mut self) {
        self.settle();
        self.state = State::Seeking { matched: 0 };
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let Some(finder) = self.bringer.finder() else {
            if self.bringer == Bringer::Whole {
                self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            }
            return;
        };
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = match self.state {
                State::Seeking { matched } => self.seek(rest, matched, finder),
                State::Between | State::Within { .. } | State::Behind => self.value(rest),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    fn seek(&mut self, rest: &[u8], matched: usize, finder: &Finder<'_>) -> usize {
        let needle = finder.needle();
        let ahead = needle.get(matched..).unwrap_or_default();
        if matched > 0 {
            if rest.starts_with(ahead) {
                self.found();
                return ahead.len();
            }
            if ahead.starts_with(rest) {
                self.state = State::Seeking { matched: matched + rest.len() };
                return rest.len();
            }
        }
        if let Some(here) = finder.find(rest) {
            self.found();
            return here + needle.len();
        }
        // The beginning of the name may be the end of the piece.
        let most = needle.len().saturating_sub(1).min(rest.len());
        let matched = (1..=most).rev().find(|length| rest.ends_with(needle.get(..*length).unwrap_or(needle)));
        self.state = State::Seeking { matched: matched.unwrap_or_default() };
        rest.len()
    }

    fn found(&mut self) {
        (self.state, self.depth, self.skips) = (State::Between, 0, false);
    }

    /// On in the value, to its end.
    fn value(&mut self, rest: &[u8]) -> usize {
        for (at, byte) in rest.iter().enumerate() {
            match self.state {
                State::Within { escaped, digits } => self.within(*byte, escaped, digits),
                State::Behind if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => {}
                State::Behind if *byte == b':' => {
                    self.skips = matches!(
                        self.name.get(..self.named),
                        Some(b"type" | b"id" | b"role" | b"data" | b"signature" | b"mimeType")
                    );
                    self.pending = 0;
                    self.state = State::Between;
                }
                State::Behind => {
                    self.settle();
                    self.state = State::Between;
                    if self.between(*byte) {
                        return at;
                    }
                }
                State::Between => {
                    if self.between(*byte) {
                        return at;
                    }
                }
                State::Seeking { .. } => return at,
            }
        }
        rest.len()
    }

    /// A byte between strings; whether the value has ended with it.
    fn between(&mut self, byte: u8) -> bool {
        let over = match byte {
            b'"' => {
                (self.pending, self.named) = (0, 0);
                self.state = State::Within { escaped: false, digits: 0 };
                return false;
            }
            b'{' | b'[' => {
                self.depth += 1;
                return false;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.depth == 0
            }
            b',' => self.depth == 0,
            _ => return false,
        };
        if over {
            self.state = State::Seeking { matched: 0 };
        }
        over
    }

    fn within(&mut self, byte: u8, escaped: bool, digits: u8) {
        let (mut next_escaped, mut next_digits) = (false, digits.saturating_sub(1));
        match byte {
            // Four digits of what was counted at its beginning.
            _ if digits > 0 => {}
            b'u' if escaped => {
                self.pending += 3;
                next_digits = 4;
            }
            _ if escaped => self.pending += 1,
            b'\\' => next_escaped = true,
            b'"' => {
                self.state = State::Behind;
                // A string that is the value itself ends it.
                if self.depth == 0 {
                    self.settle();
                    self.state = State::Seeking { matched: 0 };
                }
                return;
            }
            _ => {
                if let Some(slot) = self.name.get_mut(self.named) {
                    *slot = byte;
                }
                self.named += 1;
                self.pending += 1;
            }
        }
        self.state = State::Within { escaped: next_escaped, digits: next_digits };
    }

    /// Counts the string under way, if it is text.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.skips) {
            self.bytes = self.bytes.saturating_add(self.pending);
        }
        self.pending = 0;
    }
}
