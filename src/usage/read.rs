//! Reads a usage object.
//!
//! 1. It goes once over the bytes, and only into the objects that matter. That is a quarter of what a deserializer
//!    for any JSON costs, and it stands in the way of every answer.
//! 2. Of what does not matter it judges no more than where it ends. What it cannot read is no report.

use super::field::{Field, Kind, Part, field};
use super::report::Raw;
use super::scan::string_end;

/// Reads the report with which a text begins; where it ends, if it does.
pub(super) fn report(text: &[u8], raw: &mut Raw) -> Option<usize> {
    object(text, Part::Top, raw)
}

/// The same with what an answer's tools used.
pub(super) fn tools(text: &[u8], raw: &mut Raw) -> Option<usize> {
    object(text, Part::Tools, raw)
}

fn object(text: &[u8], part: Part, raw: &mut Raw) -> Option<usize> {
    let mut reader = Reader { text, at: 0 };
    if reader.next()? != b'{' {
        return None;
    }
    reader.object(part, raw)?;
    Some(reader.at)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
        }
    }

    /// Steps back to the byte that was read last.
    const fn back(&mut self) {
        self.at -= 1;
    }

    /// The rest of a string, behind its quote; as it is written.
    fn string(&mut self) -> Option<&'t [u8]> {
        let from = self.at;
        self.at = string_end(self.text, from).ok()?;
        self.text.get(from..self.at - 1)
    }

    /// The rest of an object, behind its brace.
    fn object(&mut self, part: Part, raw: &mut Raw) -> Option<()> {
        let mut byte = self.next()?;
        while byte != b'}' {
            if byte != b'"' {
                return None;
            }
            let field = field(part, self.string()?);
            if self.next()? != b':' {
                return None;
            }
            self.value(field, raw)?;
            byte = self.behind(b'}')?;
        }
        raw.entry(part);
        Some(())
    }

    /// What follows a value: the end, or the beginning of the next.
    fn behind(&mut self, end: u8) -> Option<u8> {
        match self.next()? {
            b',' => self.next().filter(|byte| *byte != end),
            byte => Some(byte).filter(|byte| *byte == end),
        }
    }

    fn value(&mut self, field: Field, raw: &mut Raw) -> Option<()> {
        match (self.next()?, field) {
            (b'{', Field::Into(part)) => self.object(part, raw),
            (b'[', Field::Into(_)) => self.list(field, raw),
            (b'{' | b'[', _) => self.pass(),
            (b'"', _) => {
                let text = self.string()?;
                if field == Field::Kind {
                    raw.kind(Kind::of(text));
                } else if field == Field::Tier {
                    raw.served(text);
                }
                Some(())
            }
            (b'0'..=b'9' | b'-', _) => {
                self.back();
                self.number(field, raw)
            }
            (b't' | b'f' | b'n', _) => {
                self.word();
                Some(())
            }
            _ => None,
        }
    }

    /// The rest of a list, behind its bracket: each of its entries is what the list is.
    fn list(&mut self, field: Field, raw: &mut Raw) -> Option<()> {
        let mut byte = self.next()?;
        while byte != b']' {
            if byte == b'[' {
                // No provider has lists of lists.
                self.pass()?;
            } else {
                self.back();
                self.value(field, raw)?;
            }
            byte = self.behind(b']')?;
        }
        Some(())
    }

    fn number(&mut self, field: Field, raw: &mut Raw) -> Option<()> {
        let from = self.at;
        let mut count = Some(0_u64);
        while let Some(byte @ b'0'..=b'9') = self.text.get(self.at) {
            count = count.and_then(|count| count.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
            self.at += 1;
        }
        let digits = self.at - from;
        while let Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
        }
        if let Some(count) = count.filter(|_| digits > 0 && self.at - from == digits) {
            raw.count(field, count);
            return Some(());
        }
        let number: f64 = std::str::from_utf8(self.text.get(from..self.at)?).ok()?.parse().ok()?;
        // A negative count says nothing.
        if number >= 0.0 && number.is_finite() && self.text.get(from) != Some(&b'-') {
            raw.fraction(field, number);
        }
        Some(())
    }

    /// `true`, `false` or `null`, which say nothing.
    fn word(&mut self) {
        while let Some(b'a'..=b'z') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The rest of an object or list of which nothing matters.
    fn pass(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    self.string()?;
                }
                _ => {}
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The same by way of a tree of the whole.
    fn by_tree(value: &Value, field: Field, raw: &mut Raw) {
        match (value, field) {
            (Value::Object(object), Field::Into(part)) => {
                for (name, value) in object {
                    by_tree(value, super::field(part, name.as_bytes()), raw);
                }
                raw.entry(part);
            }
            (Value::Array(list), Field::Into(_)) => {
                list.iter().filter(|entry| !entry.is_array()).for_each(|entry| by_tree(entry, field, raw));
            }
            (Value::String(text), Field::Kind) => raw.kind(Kind::of(text.as_bytes())),
            (Value::Number(number), _) => {
                if let Some(count) = number.as_u64() {
                    raw.count(field, count);
                } else if let Some(number) = number.as_f64().filter(|number| number.is_sign_positive()) {
                    raw.fraction(field, number);
                }
            }
            _ => {}
        }
    }

    const NAMES: [&str; 28] = [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "input_tokens",
        "output_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "cached_tokens_details",
        "audio_tokens",
        "reasoning_tokens",
        "cache_read_input_tokens",
        "cache_creation",
        "ephemeral_1h_input_tokens",
        "promptTokensDetails",
        "modality",
        "tokenCount",
        "cacheDetails",
        "ttl",
        "cost",
        "total_cost",
        "cost_in_usd_ticks",
        "iterations",
        "type",
        "cache_creation_input_tokens",
        "seconds",
        "billed_units",
        "x",
    ];

    fn reports() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (0_u64..5000).prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1000..100_000_000_i32).prop_map(|cents| Value::from(f64::from(cents) / 100.0)),
            prop_oneof![
                Just("AUDIO"),
                Just("IMAGE"),
                Just("1h"),
                Just("compaction"),
                Just("a\"}\\"),
                Just("")
            ]
            .prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(prop::sample::select(&NAMES[..]), inner, 0..6).prop_map(
                    |fields| {
                        Value::Object(
                            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                        )
                    }
                ),
            ]
        });
        prop::collection::hash_map(prop::sample::select(&NAMES[..]), value, 0..8).prop_map(|fields| {
            Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_reads_what_a_tree_holds(object in reports(), pretty in any::<bool>(), behind in "[ ,}a\"]{0,4}") {
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
            let text = text.unwrap();
            let mut expected = Raw::default();
            by_tree(&serde_json::from_str(&text).unwrap(), Field::Into(Part::Top), &mut expected);
            let mut found = Raw::default();
            let end = report(format!("{text}{behind}").as_bytes(), &mut found);
            prop_assert_eq!(end, Some(text.len()));
            prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}", text);
        }

        #[test]
        fn what_breaks_off_is_no_report(object in reports(), at in any::<prop::sample::Index>()) {
            let text = object.to_string();
            prop_assert_eq!(report(&text.as_bytes()[..at.index(text.len())], &mut Raw::default()), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'{'), Just(b'}'), Just(b'['), Just(b','), Just(b':'), Just(b'1'), any::<u8>()], 0..60)) {
            let mut text = b"{\"prompt_tokens_details\":".to_vec();
            text.extend(bytes);
            let end = report(&text, &mut Raw::default());
            prop_assert!(end.is_none_or(|end| end <= text.len()));
        }
    }
}
