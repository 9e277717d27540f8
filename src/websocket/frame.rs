//! The frames of RFC 6455, read strictly and written anew.
//!
//! 1. No extension was agreed on, so a reserved bit is a mistake, and so is an opcode that means nothing.
//! 2. A length is written in as few bytes as it needs; what a client sends is masked, and nothing else is.
//! 3. A control frame is whole and short. A message's frames stand together, but for control frames.

/// Why a session is closed: the code of RFC 6455 §7.4.1 and what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: u16,
    pub(super) what: &'static str,
}

/// It broke the framing.
const fn broken(what: &'static str) -> Violation {
    Violation { code: PROTOCOL, what }
}

pub(super) const GOING_AWAY: u16 = 1001;
pub(super) const PROTOCOL: u16 = 1002;
/// Never on the wire: no code was in the close, or there was no close.
pub(super) const NO_CODE: u16 = 1005;
pub(super) const ABNORMAL: u16 = 1006;
pub(super) const INVALID_DATA: u16 = 1007;
pub(super) const POLICY: u16 = 1008;
pub(super) const TOO_BIG: u16 = 1009;
pub(super) const TRY_AGAIN: u16 = 1013;
pub(super) const BAD_GATEWAY: u16 = 1014;

/// The longest payload of a control frame.
pub(super) const LONGEST_CONTROL: u64 = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Client,
    Upstream,
}

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    /// How long the payload is.
    pub(super) length: u64,
    /// How many bytes the head has.
    pub(super) size: usize,
}

/// Reads heads, and keeps track of which may follow.
#[derive(Debug)]
pub(super) struct Reader {
    from: From,
    in_message: bool,
}

impl Reader {
    pub(super) const fn new(from: From) -> Self {
        Self { from, in_message: false }
    }

    /// The head at the beginning of the bytes; nothing while it is not all there.
    pub(super) fn head(&mut self, bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(broken("a reserved bit is set"));
        }
        let Some(opcode) = Opcode::of(first & 0x0f) else { return Err(broken("a frame of no known kind")) };
        let (fin, masked) = (first & 0x80 != 0, second & 0x80 != 0);
        if masked != (self.from == From::Client) {
            return Err(broken(if masked { "a masked frame" } else { "a frame without a mask" }));
        }
        let (length, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk::<2>() {
                Some((long, rest)) => (u64::from(u16::from_be_bytes(*long)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((long, rest)) => (u64::from_be_bytes(*long), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let needed = match length {
            0..=125 => 0..=125,
            126..=0xffff => 126..=126,
            _ => 127..=127,
        };
        if !needed.contains(&(second & 0x7f)) || length > i64::MAX.cast_unsigned() {
            return Err(broken("a length that is not written as it must be"));
        }
        if opcode.is_control() && (!fin || length > LONGEST_CONTROL) {
            return Err(broken("a control frame that is too long or in pieces"));
        }
        let (mask, rest) = match (masked, rest.split_first_chunk::<4>()) {
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
            (false, _) => (None, rest),
        };
        if !opcode.is_control() {
            if (opcode == Opcode::Continuation) != self.in_message {
                return Err(broken("a message that is begun in another, or goes on without a beginning"));
            }
            self.in_message = !fin;
        }
        Ok(Some(Head { fin, opcode, mask, length, size: bytes.len() - rest.len() }))
    }
}

/// Takes a mask off, or puts it on; `at` is how much of the payload stands before.
pub(super) fn mask(bytes: &mut [u8], mask: [u8; 4], at: u64) {
    let mut turned = mask;
    turned.rotate_left(usize::from(at.to_le_bytes().first().copied().unwrap_or_default() & 3));
    let wide = u64::from(u32::from_ne_bytes(turned));
    let wide = (wide | wide << 32).to_ne_bytes();
    for eight in bytes.chunks_mut(8) {
        for (byte, with) in eight.iter_mut().zip(wide) {
            *byte ^= with;
        }
    }
}

/// Writes the head of a whole message or control frame.
pub(super) fn write_head(out: &mut Vec<u8>, opcode: Opcode, length: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode.bits());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(long)) => {
            out.push(masked | 0x7e);
            out.extend_from_slice(&long.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 0x7f);
            out.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
}

/// The code of a close, judged; the whole payload must be one that may stand there.
pub(super) fn close_code(payload: &[u8]) -> Result<u16, Violation> {
    match payload.split_first_chunk::<2>() {
        None if payload.is_empty() => Ok(NO_CODE),
        None => Err(broken("a close with half a code")),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(broken("a close with a code that may not be sent"));
            }
            match std::str::from_utf8(reason) {
                Ok(_) => Ok(code),
                Err(_) => Err(Violation { code: INVALID_DATA, what: "a close whose reason is not UTF-8" }),
            }
        }
    }
}

/// A close of the gate's own, as its payload.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let most = 123;
    let reason = reason.get(..reason.floor_char_boundary(most)).unwrap_or_default();
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], from: From) -> Result<Option<Head>, Violation> {
        Reader::new(from).head(bytes)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(length in 0usize..70_000, key in any::<[u8; 4]>()) {
            for (from, key) in [(From::Client, Some(key)), (From::Upstream, None)] {
                let mut out = Vec::new();
                write_head(&mut out, Opcode::Binary, length, key);
                for end in 0..out.len() {
                    prop_assert_eq!(read(&out[..end], from), Ok(None));
                }
                let head = read(&out, from).unwrap().unwrap();
                let expected = Head { fin: true, opcode: Opcode::Binary, mask: key, length: length as u64, size: out.len() };
                prop_assert_eq!(head, expected);
            }
        }

        #[test]
        fn a_mask_comes_off_piece_by_piece(
            whole in prop::collection::vec(any::<u8>(), 0..100), key in any::<[u8; 4]>(), at in any::<prop::sample::Index>(),
        ) {
            let expected: Vec<u8> = whole.iter().enumerate().map(|(n, byte)| byte ^ key[n % 4]).collect();
            let mut masked = whole;
            let at = at.index(masked.len() + 1);
            let (one, two) = masked.split_at_mut(at);
            mask(one, key, 0);
            mask(two, key, at as u64);
            prop_assert_eq!(masked, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = (read(&bytes, From::Client), read(&bytes, From::Upstream), close_code(&bytes));
        }
    }

    #[test]
    fn what_breaks_the_framing_is_refused() {
        for bytes in [
            &[0xc1, 0x80, 0, 0, 0, 0][..],     // a reserved bit
            &[0x83, 0x80, 0, 0, 0, 0],         // no such opcode
            &[0x8b, 0x80, 0, 0, 0, 0],         // nor such a control frame
            &[0x81, 0x00],                     // no mask
            &[0x81, 0xfe, 0, 125, 0, 0, 0, 0], // a long form for a short length
            &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
            &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x09, 0x80, 0, 0, 0, 0],         // a ping in pieces
            &[0x89, 0xfe, 0, 126, 0, 0, 0, 0], // a ping that is too long
            &[0x80, 0x80, 0, 0, 0, 0],         // goes on without a beginning
        ] {
            assert_eq!(read(bytes, From::Client).unwrap_err().code, PROTOCOL, "{bytes:x?}");
        }
        assert!(read(&[0x81, 0x80, 0, 0, 0, 0], From::Upstream).is_err(), "a masked frame of a server");
        let mut reader = Reader::new(From::Upstream);
        assert!(reader.head(&[0x01, 0x00]).unwrap().is_some());
        assert!(reader.head(&[0x89, 0x00]).unwrap().is_some(), "a ping between a message's frames");
        assert!(reader.head(&[0x81, 0x00]).is_err(), "a message within a message");
    }

    #[test]
    fn only_codes_that_may_be_sent_are_taken() {
        assert_eq!(close_code(&[]), Ok(NO_CODE));
        assert_eq!(close_code(&close(1000, "done")), Ok(1000));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert_eq!(close_code(&close(code, "")).unwrap_err().code, PROTOCOL, "{code}");
        }
        assert_eq!(close_code(&[3]).unwrap_err().code, PROTOCOL);
        assert_eq!(close_code(&[3, 232, 0xff]).unwrap_err().code, INVALID_DATA);
        assert_eq!(close(1008, &"\u{e9}".repeat(99)).len(), 2 + 122);
    }
}
