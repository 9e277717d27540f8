//! Walks through an answer's JSON for reports of usage, piece by piece.
//!
//! 1. It counts braces outside of strings, so it knows how deep a field stands: a report stands at the top, or one
//!    level below in a field of the provider's own. Brackets need no count: what stands in a list of objects is
//!    deeper, and what stands in another is no field.
//! 2. Of a report that a piece's end cuts, the beginning is kept, up to [`LONGEST`]; else nothing is copied.
//! 3. It judges no grammar: the client reads the answer, not the gate.

use super::Usage;
use super::field::Field;
use super::report::Report;
use super::scan::{Cut, next_mark, string_end};
use crate::tier::Served;

/// The longest usage object that is put together from pieces.
const LONGEST: usize = 16 * 1024;
/// The longest field's name that matters.
const LONGEST_NAME: usize = 32;

/// Which words a service's answers use, beside those that many use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// `usage`.
    Usual,
    /// `usageMetadata`, and `metadata` of a prediction.
    Google,
    /// `meta`.
    Cohere,
    /// `prompt_eval_count` and `eval_count`.
    Ollama,
    /// `tokens_evaluated` and `tokens_predicted`.
    LlamaCpp,
    /// `amazon-bedrock-invocationMetrics`.
    Bedrock,
    /// `data` or `predictions`, a list of pictures.
    Pictures,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Meaning {
    #[default]
    Nothing,
    /// A report.
    Report,
    /// A report that counts only where there was none.
    Instead,
    /// What tools used, beside a report.
    Tools,
    /// An object in which a report may stand.
    Holder,
    /// A number of tokens by itself.
    Count(Field),
    /// A list of pictures.
    Pictures,
    /// The tier of service.
    Tier,
}

/// Where reports go.
#[derive(Debug)]
pub(super) struct Told<'u> {
    pub(super) usage: &'u mut Option<Usage>,
    /// The tier that the answer says it was served in.
    pub(super) served: &'u mut Option<Served>,
    /// Whether reports are added up.
    pub(super) adds: bool,
    /// Whether there was one.
    pub(super) took: bool,
}

impl Told<'_> {
    pub(super) fn take(&mut self, report: Report) {
        *self.served = report.served().or(*self.served);
        let usage = if self.adds {
            self.usage.unwrap_or_default().plus(report.usage())
        } else {
            report.over(*self.usage)
        };
        *self.usage = Some(usage);
        self.took = true;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Between strings.
    #[default]
    Outside,
    /// In a string; whether it may be a name that matters.
    Inside { kept: bool, escaped: bool },
    /// Behind a string that is a name if a colon follows.
    Behind,
    /// Before a field's value.
    Value,
    /// In a number.
    Number { count: u64 },
    /// In a short string, which is kept where names are.
    Word,
    /// In a report, so many braces deep.
    Taking { depth: u32, string: bool, escaped: bool },
}

/// The walker.
#[derive(Debug, Default)]
pub(super) struct Walk {
    state: State,
    /// How many braces are open.
    depth: u32,
    /// Whether the object at the second level may hold a report.
    within: bool,
    meaning: Meaning,
    name: [u8; LONGEST_NAME],
    named: usize,
    held: Vec<u8>,
    /// Whether the report under way is longer than what is held.
    too_long: bool,
    /// Pictures that the answer has listed, where the next object at the second level is one.
    pictures: Option<u64>,
    /// Searches that were told before the report that they belong to.
    searches: u64,
}

impl Walk {
    /// Begins anew, with the next text.
    pub(super) fn begin(&mut self) {
        (self.state, self.depth, self.within, self.pictures) = (State::Outside, 0, false, None);
        self.searches = 0;
        self.held.clear();
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8], words: Words, told: &mut Told<'_>) {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Outside => self.outside(rest, words, told),
                State::Inside { kept: false, escaped } => self.passed(rest, escaped),
                State::Inside { kept: true, escaped } => self.kept(rest, escaped),
                State::Behind => self.behind(rest, words),
                State::Value => self.value(rest),
                State::Number { count } => self.number(rest, count, told),
                State::Word => self.word(rest, told),
                State::Taking { depth, string, escaped } => self.taking(rest, depth, string, escaped, told),
            };
        }
    }

    /// To the next string that may be a name that matters.
    fn outside(&mut self, rest: &[u8], words: Words, told: &mut Told<'_>) -> usize {
        let mut at = 0;
        while let Some(here) = next_mark(rest, at) {
            at = here + 1;
            match rest.get(here) {
                Some(b'{') => self.opened(told),
                Some(b'}') => self.closed(),
                _ if self.depth == 1 || self.depth == 2 && self.within => {
                    // As good as always it is here whole, with what tells whether it is a name.
                    match string_end(rest, at).ok().and_then(|end| rest.get(end).map(|next| (end, next))) {
                        Some((end, b':')) => {
                            let name = rest.get(at..end - 1).unwrap_or_default();
                            at = end + 1;
                            if self.named(name, words) {
                                return at;
                            }
                        }
                        Some((end, b',' | b'}' | b']')) => at = end,
                        Some(_) | None => {
                            self.named = 0;
                            self.state = State::Inside { kept: true, escaped: false };
                            return at;
                        }
                    }
                }
                _ => match string_end(rest, at) {
                    Ok(end) => at = end,
                    Err(Cut { escaped }) => {
                        self.state = State::Inside { kept: false, escaped };
                        return rest.len();
                    }
                },
            }
        }
        rest.len()
    }

    fn opened(&mut self, told: &mut Told<'_>) {
        self.depth = self.depth.saturating_add(1);
        if self.depth == 2
            && let Some(pictures) = &mut self.pictures
            && told.usage.is_none_or(|usage| usage.tokens() == 0)
        {
            *pictures += 1;
            if let Some(report) = Report::alone(Field::Images, *pictures) {
                told.take(report);
            }
        }
    }

    fn closed(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth < 2 {
            self.within = false;
        }
    }

    /// To the end of a string of which nothing matters.
    fn passed(&mut self, rest: &[u8], escaped: bool) -> usize {
        if escaped {
            self.state = State::Inside { kept: false, escaped: false };
            return 1;
        }
        match string_end(rest, 0) {
            Ok(end) => {
                self.state = State::Outside;
                end
            }
            Err(Cut { escaped }) => {
                self.state = State::Inside { kept: false, escaped };
                rest.len()
            }
        }
    }

    /// On in a string that may be a name.
    fn kept(&mut self, rest: &[u8], escaped: bool) -> usize {
        let mut escaped = escaped;
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'"' => {
                    self.state = State::Behind;
                    return at + 1;
                }
                b'\\' => escaped = true,
                _ => {}
            }
            let Some(slot) = self.name.get_mut(self.named) else {
                // Too long for a name that matters: it is passed like any other.
                self.state = State::Inside { kept: false, escaped };
                return at + 1;
            };
            *slot = *byte;
            self.named += 1;
        }
        self.state = State::Inside { kept: true, escaped };
        rest.len()
    }

    /// Behind a string.
    fn behind(&mut self, rest: &[u8], words: Words) -> usize {
        match rest.first() {
            Some(b' ' | b'\n' | b'\r' | b'\t') => return 1,
            Some(b':') => {
                let (name, length) = (self.name, self.named);
                self.state = State::Outside;
                self.named(name.get(..length).unwrap_or_default(), words);
                return 1;
            }
            _ => self.state = State::Outside,
        }
        0
    }

    /// A field's name; whether its value matters.
    fn named(&mut self, name: &[u8], words: Words) -> bool {
        self.meaning = self.meant(name, words);
        if self.depth == 1 {
            self.pictures = (self.meaning == Meaning::Pictures).then_some(0);
        }
        let matters = !matches!(self.meaning, Meaning::Nothing | Meaning::Pictures);
        if matters {
            self.state = State::Value;
        }
        matters
    }

    fn meant(&self, name: &[u8], words: Words) -> Meaning {
        let top = self.depth == 1;
        if words == Words::Pictures && top && matches!(name, b"data" | b"predictions") {
            return Meaning::Pictures;
        }
        match name {
            b"usage" | b"usageMetadata" | b"usage_metadata" => Meaning::Report,
            b"usage_info" if top => Meaning::Report,
            b"tool_usage" => Meaning::Tools,
            b"service_tier" => Meaning::Tier,
            b"message" | b"response" | b"x_groq" | b"delta" | b"interaction" if top => Meaning::Holder,
            b"meta" if words == Words::Cohere => Meaning::Report,
            b"metadata" if words == Words::Google && top => Meaning::Report,
            b"amazon-bedrock-invocationMetrics" if words == Words::Bedrock && top => Meaning::Instead,
            b"prompt_eval_count" if words == Words::Ollama && top => {
                Meaning::Count(Field::Input { bare: false })
            }
            b"eval_count" if words == Words::Ollama && top => Meaning::Count(Field::Output),
            b"tokens_evaluated" if words == Words::LlamaCpp && top => {
                Meaning::Count(Field::Input { bare: false })
            }
            b"tokens_predicted" if words == Words::LlamaCpp && top => Meaning::Count(Field::Output),
            _ => Meaning::Nothing,
        }
    }

    /// Before a value that matters, if it is of the right kind.
    fn value(&mut self, rest: &[u8]) -> usize {
        self.state = State::Outside;
        match (rest.first(), self.meaning) {
            (Some(b' ' | b'\n' | b'\r' | b'\t'), _) => {
                self.state = State::Value;
                return 1;
            }
            (Some(b'{'), Meaning::Holder) => {
                self.depth = self.depth.saturating_add(1);
                self.within = true;
                return 1;
            }
            (Some(b'{'), Meaning::Report | Meaning::Instead | Meaning::Tools) => {
                self.held.clear();
                self.too_long = false;
                self.state = State::Taking { depth: 0, string: false, escaped: false };
            }
            (Some(b'"'), Meaning::Tier) => {
                (self.state, self.named) = (State::Word, 0);
                return 1;
            }
            (Some(b'0'..=b'9'), Meaning::Count(_)) => self.state = State::Number { count: 0 },
            _ => {}
        }
        0
    }

    fn word(&mut self, rest: &[u8], told: &mut Told<'_>) -> usize {
        for (at, byte) in rest.iter().enumerate() {
            if *byte == b'"' {
                let word = self.name.get(..self.named).unwrap_or_default();
                *told.served = Served::told(word).or(*told.served);
                self.state = State::Outside;
                return at + 1;
            }
            let Some(slot) = self.name.get_mut(self.named).filter(|_| *byte != b'\\') else {
                // No word that matters: it is passed like any other string.
                self.state = State::Inside { kept: false, escaped: false };
                return at;
            };
            *slot = *byte;
            self.named += 1;
        }
        rest.len()
    }

    fn number(&mut self, rest: &[u8], count: u64, told: &mut Told<'_>) -> usize {
        let mut count = count;
        for (at, byte) in rest.iter().enumerate() {
            if !byte.is_ascii_digit() {
                if let Meaning::Count(field) = self.meaning
                    && let Some(report) = Report::alone(field, count)
                {
                    told.take(report);
                }
                self.state = State::Outside;
                return at;
            }
            count = count.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        }
        self.state = State::Number { count };
        rest.len()
    }

    /// On to the end of a report.
    fn taking(&mut self, rest: &[u8], depth: u32, string: bool, escaped: bool, told: &mut Told<'_>) -> usize {
        let (mut depth, mut at) = (depth, 0);
        // What follows a backslash at the end of the last piece.
        let mut inside = string.then_some(usize::from(escaped));
        loop {
            if let Some(from) = inside.take() {
                match string_end(rest, from) {
                    Ok(end) => at = end,
                    Err(Cut { escaped }) => {
                        self.hold(rest);
                        self.state = State::Taking { depth, string: true, escaped };
                        return rest.len();
                    }
                }
            }
            let Some(here) = next_mark(rest, at) else {
                self.hold(rest);
                self.state = State::Taking { depth, string: false, escaped: false };
                return rest.len();
            };
            at = here + 1;
            match rest.get(here) {
                Some(b'{') => depth = depth.saturating_add(1),
                Some(b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.taken(rest.get(..at).unwrap_or_default(), told);
                        self.state = State::Outside;
                        return at;
                    }
                }
                _ => inside = Some(at),
            }
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.too_long |= self.held.len() + bytes.len() > LONGEST;
        if self.too_long {
            self.held.clear();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// A report has ended.
    fn taken(&mut self, last: &[u8], told: &mut Told<'_>) {
        let whole = if self.held.is_empty() && !self.too_long {
            last
        } else {
            self.hold(last);
            if self.too_long {
                return;
            }
            &self.held
        };
        if self.meaning == Meaning::Tools {
            self.searches = Report::searches(whole).map_or(0, |(searches, _)| searches);
            // By themselves they are no report: an answer without one may have used more.
            if told.usage.is_some()
                && let Some(report) = Report::alone(Field::Searches, std::mem::take(&mut self.searches))
            {
                told.take(report);
            }
            return;
        }
        let report = Report::read(whole).and_then(|(report, _)| report);
        if let Some(report) = report.filter(|_| self.meaning != Meaning::Instead || told.usage.is_none()) {
            told.take(report.with_searches(std::mem::take(&mut self.searches)));
        }
    }
}
