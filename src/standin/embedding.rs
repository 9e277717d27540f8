//! Vectors that stand for a text: the same text always has the same one, and its length is one.

use std::iter;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text's vector: pseudo-random components, seeded by the text and normalised.
pub(super) fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    // FNV-1a for the seed, SplitMix64 for the components.
    let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mut state = seed;
    let raw: Vec<f32> = iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let top = u16::try_from(mixed >> 48).unwrap_or_default();
        f32::from(top) / f32::from(u16::MAX) - 0.5
    })
    .take(dimensions)
    .collect();
    let length = raw.iter().map(|component| component * component).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|component| component / length).collect()
}

/// The vector as OpenAI's `encoding_format: base64` has it: little-endian 32-bit floats.
pub(super) fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
    base64_of(&bytes)
}

/// Bytes in base 64.
pub(super) fn base64_of(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0u32, |group, at| (group << 8) | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sextet = (group >> (18 - 6 * at)) & 63;
            let letter = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            encoded.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_its_texts_own_and_of_length_one() {
        let vector = embed("a text", 1536);
        assert_eq!(vector, embed("a text", 1536));
        assert_ne!(vector, embed("another", 1536));
        let length: f32 = vector.iter().map(|component| component * component).sum();
        assert!((length - 1.0).abs() < 1e-3, "{length}");
    }

    #[test]
    fn base64_pads_as_rfc_4648_says() {
        assert_eq!(base64(&[]), "");
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -2.0]), "AACAPwAAAMA=");
        assert_eq!(base64(&[0.5, 0.25, 3.0]), "AAAAPwAAgD4AAEBA");
    }
}
