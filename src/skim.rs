//! Takes lines that nobody reads out of a head, before the HTTP library has it.
//!
//! SDKs tell in six to ten headers what they run on, and providers in ten to twenty what stands before their servers.
//! The gate reads none of these and passes none on, but the library would parse each, keep it, look for others of its
//! name, and throw it away: about 900 instructions (callgrind, November 2026).
//!
//! 1. What names are known to be of no use is listed here; any other is left, whatever it is.
//! 2. Only a line that the library would take is taken out. Where it would refuse a head, it still does. A head with a
//!    byte in it that cannot be printed stays as it is.
//! 3. Nothing is kept from one read to the next: a head that did not come whole with one read stays as it is, and so
//!    does one with more than 4 KiB behind it, which would have to be moved.

use std::ops::Range;

use crate::ascii;

/// How much of a body is moved.
const MOST_BEHIND: usize = 4 << 10;
/// How many stretches are taken out of one head.
const MOST_STRETCHES: usize = 8;

/// Names of headers, whole with their colon or how they begin.
#[derive(Clone, Copy, Debug)]
pub struct Names<const N: usize> {
    /// In the order of the alphabet.
    names: [Name; N],
    /// Where those of each letter begin, and end.
    letters: [(u8, u8); 32],
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// Its bytes as numbers, and which of them count.
    begins: [u128; 2],
    counts: [u128; 2],
    length: usize,
    /// Whether its colon ends it, and not more of a name.
    whole: bool,
}

/// How many bytes of a line are compared at once.
const AT_ONCE: usize = 16;

/// What clients send of which no word is read, nor passed on.
pub static OF_CLIENTS: Names<5> =
    Names::new([b"accept-encoding:", b"accept-language:", b"sec-ch-", b"sec-fetch-", b"x-stainless-"]);

/// The same for what upstreams send with an answer of status 200.
pub static OF_ANSWERS: Names<16> = Names::new([
    b"access-control-",
    b"alt-svc:",
    b"anthropic-organization-id:",
    b"anthropic-ratelimit-",
    b"cf-",
    b"date:",
    b"openai-organization:",
    b"openai-project:",
    b"server:",
    b"set-cookie:",
    b"strict-transport-security:",
    b"vary:",
    b"via:",
    b"x-content-type-options:",
    b"x-envoy-",
    b"x-ratelimit-",
]);

/// What makes small letters of large ones, and of nothing else that can be printed another letter, a hyphen or a colon.
/// Of a line's end it makes a hyphen and an asterisk, which is in no name.
const SMALL: u128 = u128::from_le_bytes([0x20; AT_ONCE]);

/// What tells letters apart, small or large.
const LETTER: u8 = 0x1f;

impl Name {
    #[expect(clippy::indexing_slicing, reason = "done by the compiler, which would stop")]
    const fn new(name: &'static [u8]) -> Self {
        let (mut begins, mut counts, mut at) = ([0; 2], [0; 2], 0);
        while at < name.len() {
            begins[at / AT_ONCE] |= (name[at] as u128) << (8 * (at % AT_ONCE));
            counts[at / AT_ONCE] |= 0xff << (8 * (at % AT_ONCE));
            at += 1;
        }
        Self { begins, counts, length: name.len(), whole: name[name.len() - 1] == b':' }
    }

    /// Whether a line has it that begins with these bytes, and other lines behind it.
    #[inline]
    fn fits(&self, [first, second]: [u128; 2], bytes: &[u8]) -> bool {
        (first ^ self.begins[0]) & self.counts[0] == 0
            && (second ^ self.begins[1]) & self.counts[1] == 0
            // Of a name that only begins like this, what is left of it, and its colon.
            && (self.whole || bytes.get(ascii::word_until(bytes, self.length)) == Some(&b':'))
    }
}

impl<const N: usize> Names<N> {
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "done by the compiler, which would stop"
    )]
    const fn new(all: [&'static [u8]; N]) -> Self {
        let mut names = [Name::new(b":"); N];
        let mut letters = [(0, 0); 32];
        let (mut at, mut before) = (0, 0);
        while at < N {
            let letter = (all[at][0] & LETTER) as usize;
            assert!(letter >= before, "they stand in the order of the alphabet");
            if letter > before {
                letters[letter].0 = at as u8;
            }
            letters[letter].1 = at as u8 + 1;
            names[at] = Name::new(all[at]);
            (at, before) = (at + 1, letter);
        }
        Self { names, letters }
    }

    /// Whether these bytes begin with a line of one of them.
    #[inline]
    fn have(&self, bytes: &[u8]) -> bool {
        let Some(letter) = bytes.first() else { return false };
        let (from, to) = self.letters.get(usize::from(letter & LETTER)).copied().unwrap_or_default();
        if from == to {
            return false;
        }
        let Some((first, more)) = bytes.split_first_chunk() else { return false };
        let of_letter = self.names.get(from.into()..to.into()).unwrap_or_default();
        let second = more.first_chunk().map_or(0, |second| u128::from_le_bytes(*second));
        let begins = [u128::from_le_bytes(*first), second].map(|bytes| bytes | SMALL);
        of_letter.iter().any(|name| name.fits(begins, bytes))
    }
}

/// A head that was skimmed.
#[derive(Clone, Copy, Debug)]
pub struct Skimmed {
    /// Where the empty line begins that ends it.
    pub end: usize,
    /// How many bytes are left, with those behind it.
    pub left: usize,
}

/// Takes the lines of these names out of the head that the bytes begin with; `None` if it stays as it is for something
/// odd in it. Each other line but the first is given to `kept`: where it will stand, and the bytes that begin with it.
pub fn skim<const N: usize>(
    bytes: &mut [u8],
    names: &Names<N>,
    mut kept: impl FnMut(Range<usize>, &[u8]),
) -> Option<Skimmed> {
    let mut out: [Range<usize>; MOST_STRETCHES] = Default::default();
    let mut stretches = 0usize;
    let (mut from, mut taken) = (0, 0);
    let mut ends = ascii::unprintables(bytes);
    let end = loop {
        // Neither is a head that breaks off here one that is whole.
        let (end, feed) = (ends.next()?, ends.next()?);
        let behind = end + 2;
        if feed + 1 != behind || bytes.get(end) != Some(&b'\r') || bytes.get(feed) != Some(&b'\n') {
            return None;
        }
        if end == from {
            break end;
        }
        let line = bytes.get(from..).unwrap_or_default();
        // What begins with a blank is more of the line before.
        if line.first() == Some(&b' ') {
            return None;
        }
        if from > 0 {
            if names.have(line) && note(&mut out, &mut stretches, from..behind) {
                taken += behind - from;
            } else {
                kept(from - taken..behind - taken, line);
            }
        }
        from = behind;
    };
    if bytes.len() - from > MOST_BEHIND {
        return None;
    }
    let left = close(bytes, out.get(..stretches).unwrap_or_default());
    Some(Skimmed { end: end - taken, left })
}

/// Notes a line that is taken out, if there is room.
#[inline]
fn note(out: &mut [Range<usize>; MOST_STRETCHES], stretches: &mut usize, line: Range<usize>) -> bool {
    if let Some(last) = out.get_mut(stretches.saturating_sub(1)).filter(|last| last.end == line.start) {
        last.end = line.end;
        return true;
    }
    let room = out.get_mut(*stretches).map(|next| *next = line);
    *stretches += usize::from(room.is_some());
    room.is_some()
}

/// Moves together what stands between the stretches; gives how much that is.
fn close(bytes: &mut [u8], out: &[Range<usize>]) -> usize {
    let Some(first) = out.first() else { return bytes.len() };
    let mut to = first.start;
    for (at, stretch) in out.iter().enumerate() {
        let until = out.get(at + 1).map_or(bytes.len(), |next| next.start);
        bytes.copy_within(stretch.end..until, to);
        to += until - stretch.end;
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skimmed<const N: usize>(text: &str, names: &Names<N>) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut stand = Vec::new();
        if let Some(Skimmed { end, left }) =
            skim(&mut bytes, names, |at, line| stand.push((at.clone(), line[..at.len()].to_vec())))
        {
            bytes.truncate(left);
            assert!(bytes[end..].starts_with(b"\r\n"));
            assert!(stand.iter().all(|(at, line)| bytes[at.clone()] == *line), "{stand:?}");
            let first = memchr::memchr(b'\n', &bytes).unwrap() + 1;
            let lines: Vec<u8> = stand.into_iter().flat_map(|(_, line)| line).collect();
            assert!(lines == bytes[first.min(end)..end], "each line but the first is told");
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_nobody_reads_is_taken_out_and_all_else_stays() {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Stainless-OS: Linux\r\nx-stainless-lang: js\r\n\
                    Accept: */*\r\nAccept-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody";
        let kept =
            "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(skimmed(head, &OF_CLIENTS), kept);
        let head = "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\nX-RateLimit-Limit-Tokens: 1\r\nx-request-id: req\r\nvia: 1.1 google, x\r\n\r\n";
        assert_eq!(skimmed(head, &OF_ANSWERS), "HTTP/1.1 200 OK\r\nx-request-id: req\r\n\r\n");
    }

    #[test]
    fn a_head_that_is_not_whole_or_odd_stays_as_it_is() {
        let long = format!("GET / HTTP/1.1\r\nx-stainless-os: a\r\n\r\n{}", "b".repeat(MOST_BEHIND + 1));
        for odd in [
            "",
            "GET / HTTP/1.1\r\nx-stainless-os: a\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os: a\r\n\r",
            "GET / HTTP/1.1\r\nx-stainless-os: a\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os : a\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-o\u{e9}: a\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless-os\r\n\r\n",
            "GET / HTTP/1.1\r\nx-stainless: a\r\n\r\n",
            "x-stainless-os: a\r\n\r\n",
            &long,
        ] {
            assert_eq!(skimmed(odd, &OF_CLIENTS), odd);
        }
    }

    #[test]
    fn more_stretches_than_are_kept_stay() {
        let lines: Vec<_> = (0..12).map(|at| format!("a{at}: b\r\nx-stainless-os: {at}\r\n")).collect();
        let kept = skimmed(&format!("GET / HTTP/1.1\r\n{}\r\n", lines.concat()), &OF_CLIENTS);
        assert_eq!(kept.matches("x-stainless-os").count(), 12 - MOST_STRETCHES);
        assert!((0..12).all(|at| kept.contains(&format!("\r\na{at}: b\r\n"))));
    }

    /// What the library makes of a head: all its headers, or its refusal; and what is behind.
    type Read = (Result<Vec<(String, Vec<u8>)>, httparse::Error>, Vec<u8>);

    fn read(bytes: &[u8]) -> Option<Read> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(httparse::Status::Partial) => None,
            Ok(httparse::Status::Complete(end)) => {
                let mut all = vec![(format!("{:?} {:?}", request.method, request.path), Vec::new())];
                all.extend(request.headers.iter().map(|one| (one.name.to_lowercase(), one.value.to_vec())));
                Some((Ok(all), bytes[end..].to_vec()))
            }
            Err(error) => Some((Err(error), Vec::new())),
        }
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let name = prop::sample::select(vec![
            "host",
            "X-Stainless-Os",
            "x-stainless-",
            "x-stainless",
            "x-stainless-a b",
            "Accept-Encoding",
            "accept-encodin",
            "content-length",
            "sec-fetch-mode",
            "sec-ch-ua",
            " x-stainless-os",
            "x-stainless-\u{e9}",
            "",
        ]);
        let value = prop_oneof![
            Just(b"some value".to_vec()),
            prop::collection::vec(any::<u8>(), 0..6),
            prop::collection::vec(prop::sample::select(b" \t\r\n\0:a\x7f\x80".to_vec()), 0..6),
        ];
        let between = prop::sample::select(vec![":", ": ", " :", "", ":\t"]);
        let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n "]);
        (name, between, value, end).prop_map(|(name, between, value, end)| {
            [name.as_bytes(), between.as_bytes(), &value, end.as_bytes()].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_library_makes_the_same_of_it(
            lines in prop::collection::vec(line(), 0..7),
            first in prop::sample::select(vec!["GET / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "\r\nGET / HTTP/1.1\r\n", "GET /\r\n", ""]),
            behind in prop::sample::select(vec!["", "body", "GET / HTTP/1.1\r\nx-stainless-os: a\r\n\r\n"]),
        ) {
            let whole = [first.as_bytes(), &lines.concat(), b"\r\n", behind.as_bytes()].concat();
            let mut kept = whole.clone();
            if let Some(skimmed) = skim(&mut kept, &OF_CLIENTS, |_, _| ()) {
                kept.truncate(skimmed.left);
            }
            let known = |name: &str| {
                ["x-stainless-", "sec-fetch-", "sec-ch-"].iter().any(|begins| name.starts_with(begins))
                    || name == "accept-encoding"
            };
            let without = |read: Option<Read>| read.map(|(head, behind)| {
                (head.map(|all| all.into_iter().filter(|(name, _)| !known(name)).collect::<Vec<_>>()), behind)
            });
            prop_assert_eq!(without(read(&kept)), without(read(&whole)));
        }
    }
}
