//! The encodings that token services and signatures need.

/// Base64 in the alphabet for URLs, without padding (RFC 4648, section 5).
pub(super) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * at)) & 0x3f;
            text.push(ALPHABET.get(six as usize).copied().map_or('A', char::from));
        }
    }
    text
}

/// Small hexadecimal letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Encodes every byte but the unreserved ones (RFC 3986, section 2.3) and those of `kept`.
pub(super) fn percent(out: &mut String, bytes: &[u8], kept: &[u8]) {
    use std::fmt::Write as _;
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// What an encoded text stands for; what is no encoding stands for itself.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let pair = behind.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let hexadecimal = pair.filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(byte) = hexadecimal.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            out.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    out
}

/// A list of names and values as a form or a query carries it.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        percent(&mut text, name.as_bytes(), b"");
        text.push('=');
        percent(&mut text, value.as_bytes(), b"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10, without padding, and the two letters in which the alphabets differ.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xbf], "-_-_"),
        ] {
            assert_eq!(base64url(bytes), text);
        }
    }

    #[test]
    fn a_form_holds_only_plain_letters() {
        let text = form(&[("scope", "https://a.example/.default"), ("a b", "x&y=z+ü")]);
        assert_eq!(text, "scope=https%3A%2F%2Fa.example%2F.default&a%20b=x%26y%3Dz%2B%C3%BC");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut text = String::new();
            percent(&mut text, &bytes, b"/");
            prop_assert_eq!(decoded(&text), bytes);
        }
    }
}
