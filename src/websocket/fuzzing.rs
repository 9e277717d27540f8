//! The fuzz target for the frames of a session.

use super::frame::{From, LONGEST_CONTROL, Reader, close_code};

/// Reads frame after frame, as from the client and as from the upstream, and asks for each head byte by byte as well.
pub(crate) fn session(bytes: &[u8]) {
    for from in [From::Client, From::Upstream] {
        let (mut whole, mut slow) = (Reader::new(from), Reader::new(from));
        let mut rest = bytes;
        loop {
            let at_once = whole.head(rest);
            let mut came = Ok(None);
            for end in 0..=rest.len().min(14) {
                came = slow.head(rest.get(..end).unwrap_or_default());
                if !matches!(came, Ok(None)) {
                    break;
                }
            }
            assert_eq!(at_once, came);
            let Ok(Some(head)) = at_once else { break };
            assert!(head.size <= 14 && head.mask.is_some() == (from == From::Client));
            assert!(!head.opcode.is_control() || head.fin && head.length <= LONGEST_CONTROL);
            let behind = rest.get(head.size..).unwrap_or_default();
            let payload =
                usize::try_from(head.length).ok().and_then(|length| behind.split_at_checked(length));
            let Some((payload, next)) = payload else { break };
            let _ = close_code(payload);
            rest = next;
        }
    }
}
