//! What each step from one byte's class to the next adds, in tables.

pub(super) const LOWER: u8 = 0;
const UPPER: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 3;
pub(super) const LINE: u8 = 4;
pub(super) const PUNCT: u8 = 5;
pub(super) const LEAD2: u8 = 6;
pub(super) const LEAD3: u8 = 7;
pub(super) const LEAD4: u8 = 8;
pub(super) const CONT: u8 = 9;

/// Which bytes need a second look are of a class beyond all others, and have a bit of their own.
pub(super) const LOOK: u8 = 16;
/// How many bytes are taken at once.
pub(super) const EIGHT: usize = 8;

/// What a step adds, in parts of a token: made by `benches/estimate/fit.py`.
const WEIGHTS: [[u16; 10]; 10] = [
    [130, 271, 1083, 231, 1925, 859, 2126, 271, 2171, 0], // from a lower-case letter
    [1243, 271, 3256, 0, 271, 271, 3256, 271, 2171, 0],   // from an upper-case letter
    [1024, 1245, 326, 0, 3256, 317, 271, 3256, 2171, 0],  // from a digit
    [434, 271, 271, 0, 3256, 955, 1374, 2333, 2171, 0],   // from a space
    [271, 813, 746, 0, 1408, 271, 3256, 271, 2171, 0],    // from a line's end or a tab
    [1353, 1733, 1469, 411, 271, 163, 3021, 2745, 2171, 0], // from any other sign of ASCII
    [271, 271, 271, 0, 271, 271, 271, 271, 2171, 174],    // from the first of two bytes
    [271, 271, 271, 0, 271, 271, 271, 271, 2171, 0],      // from the first of three
    [271, 271, 271, 0, 271, 271, 271, 271, 2171, 0],      // from the first of four
    [3256, 3256, 271, 0, 699, 271, 271, 1140, 2171, 0],   // from any that follows
];

/// The weights by both classes in one byte.
static STEPS: [u16; 256] = steps();
/// The weights of two steps, by three classes in twelve bits.
static TWO_STEPS: [u16; 1 << 12] = two_steps();
/// The classes of bytes of JSON, and of plain text.
pub(super) static CLASSES: [[u8; 256]; 2] = [classes(true), classes(false)];
/// The classes of two bytes, by both as a number, where none needs a second look.
static PAIRS: [u8; 1 << 16] = pairs();

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would stop")]
const fn steps() -> [u16; 256] {
    let mut all = [0; 256];
    let mut from = 0;
    while from < 10 {
        let mut to = 0;
        while to < 10 {
            all[from << 4 | to] = WEIGHTS[from][to];
            to += 1;
        }
        from += 1;
    }
    all
}

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would stop")]
const fn two_steps() -> [u16; 1 << 12] {
    let (steps, mut all) = (steps(), [0; 1 << 12]);
    let mut at = 0;
    while at < all.len() {
        all[at] = steps[at >> 4] + steps[at & 0xff];
        at += 1;
    }
    all
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "done by the compiler, which would stop"
)]
const fn classes(json: bool) -> [u8; 256] {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = match byte as u8 {
            b'\\' | b'"' if json => LOOK,
            b',' => LOOK,
            other => class(other),
        };
        byte += 1;
    }
    all
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::large_stack_arrays,
    reason = "done by the compiler, which would stop"
)]
const fn pairs() -> [u8; 1 << 16] {
    let mut all = [0; 1 << 16];
    let mut first = 0;
    while first <= 0xff {
        let mut second = 0;
        while second <= 0xff {
            all[second << 8 | first] = class(first as u8) << 4 | class(second as u8);
            second += 1;
        }
        first += 1;
    }
    all
}

/// The class of a byte as far as it can be told by itself.
pub(super) const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => LOWER,
        b'A'..=b'Z' => UPPER,
        b'0'..=b'9' => DIGIT,
        b' ' => SPACE,
        b'\t' | b'\n' | b'\r' => LINE,
        0x80..=0xbf => CONT,
        0xc0..=0xdf => LEAD2,
        0xe0..=0xef => LEAD3,
        0xf0..=0xff => LEAD4,
        _ => PUNCT,
    }
}

/// What eight bytes add, and the class of the last.
#[inline]
pub(super) fn eight_steps(before: u8, bytes: [u8; EIGHT]) -> (u32, u8) {
    let pair =
        |both: [u8; 2]| PAIRS.get(usize::from(u16::from_le_bytes(both))).copied().map_or(0, usize::from);
    let (pairs, _) = bytes.as_chunks();
    let [one, two, three, four] = pairs.first_chunk().map_or([0; 4], |pairs| pairs.map(pair));
    let steps =
        |from: usize, over: usize| TWO_STEPS.get((from & 0xf) << 8 | over).copied().map_or(0, u32::from);
    let sum = steps(before.into(), one) + steps(one, two) + steps(two, three) + steps(three, four);
    (sum, four.to_le_bytes()[0] & 0xf)
}

/// Where the first backslash among eight bytes is.
#[inline]
pub(super) fn first_backslash(bytes: [u8; EIGHT]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let others = u64::from_le_bytes(bytes) ^ u64::from_le_bytes([b'\\'; EIGHT]);
    // The lowest byte that is zero sets its highest bit; what a borrow sets lies behind it.
    let zeros = others.wrapping_sub(ONES) & !others & (ONES << 7);
    (zeros != 0).then(|| usize::try_from(zeros.trailing_zeros() / 8).unwrap_or_default())
}

/// Eight bytes of which so many stand before an escape of two, the escape as a sign of its class, and what is behind
/// it; none if the escape is longer, another one follows, or too little does.
#[inline]
pub(super) fn spelled_out(bytes: [u8; EIGHT], few: usize, escape: &[u8]) -> Option<[u8; EIGHT]> {
    let (&[_, second], behind) = escape.split_first_chunk()?;
    let behind: [u8; EIGHT] = *behind.first_chunk()?;
    let sign = match class_of_escape(second)? {
        LINE => b'\n',
        _ => b'!',
    };
    let bits = u32::try_from(few).ok()? * 8;
    let before = u64::from_le_bytes(bytes) & !(u64::MAX << bits);
    // Eight bits more could be all there are.
    let behind = u64::from_le_bytes(behind) << bits << 8;
    let spelled = (before | u64::from(sign) << bits | behind).to_le_bytes();
    first_backslash(spelled).is_none().then_some(spelled)
}

/// What an escape of two bytes stands for, by its second.
pub(super) const fn class_of_escape(byte: u8) -> Option<u8> {
    match byte {
        b'u' => None,
        b'n' | b't' | b'r' => Some(LINE),
        _ => Some(PUNCT),
    }
}

pub(super) fn step(before: u8, class: u8) -> u16 {
    STEPS.get(usize::from(before << 4 | class)).copied().unwrap_or_default()
}
