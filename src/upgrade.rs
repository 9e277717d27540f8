//! The handshake of RFC 6455 §4, as both sides of the gate have to shake hands.
//!
//! Two handshakes, each with a key of its own: the client's is answered only when the upstream's was. No
//! extension is offered or taken, so that frames are what they look like.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::provider_key;

/// What the accepting side adds to the key.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The only version there is.
pub const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");
/// The sub-protocol in which a browser sends its key, since it can set no header.
pub const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
/// Sub-protocols that are no more than headers in disguise. The gate sets its own.
const NEVER_OFFERED: [&str; 3] = [KEY_PROTOCOL, "openai-organization.", "openai-project."];
/// How many sub-protocols are offered at most.
const MOST_PROTOCOLS: usize = 8;

/// Whether a request asks for a WebSocket, well or badly.
#[must_use]
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    lists(headers, &header::UPGRADE, "websocket")
}

/// Whether one of a header's comma-separated values is this word.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    values(headers, name).any(|value| value.eq_ignore_ascii_case(word))
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

/// Judges the client's side of the handshake.
///
/// # Errors
/// What is wrong with it.
pub fn judged(headers: &HeaderMap) -> Result<(), &'static str> {
    if !lists(headers, &header::CONNECTION, "upgrade") {
        return Err("its Connection header does not say 'Upgrade'");
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err("its Sec-WebSocket-Version is not 13");
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    // Sixteen bytes in base 64.
    let of_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    match key.and_then(|key| key.strip_suffix(b"==")) {
        Some(key) if key.len() == 22 && key.iter().all(of_key) => {}
        Some(_) | None => return Err("its Sec-WebSocket-Key is not sixteen bytes in base 64"),
    }
    let token = |name: &str| !name.is_empty() && name.bytes().all(is_of_token);
    if !values(headers, &header::SEC_WEBSOCKET_PROTOCOL).all(token) {
        return Err("its Sec-WebSocket-Protocol is no list of words");
    }
    Ok(())
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

const fn is_of_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// The keys that the client sends as sub-protocols.
pub fn keys_in(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let names = value.to_str().unwrap_or_default().split(',').map(str::trim);
    names.filter_map(|name| name.strip_prefix(KEY_PROTOCOL))
}

/// The client's sub-protocols that the upstream is offered: none that is, or could be, a key.
#[must_use]
pub fn offered(headers: &HeaderMap) -> Option<HeaderValue> {
    let harmless = |name: &&str| {
        !NEVER_OFFERED.iter().any(|start| name.starts_with(start))
            && !name.contains("pcl_")
            && provider_key::issuer(name.as_bytes()).is_none()
    };
    let names = values(headers, &header::SEC_WEBSOCKET_PROTOCOL).filter(harmless);
    let names: Vec<&str> = names.take(MOST_PROTOCOLS).collect();
    HeaderValue::from_str(&names.join(", ")).ok().filter(|value| !value.is_empty())
}

/// Puts the gate's side of the upstream's handshake in.
pub fn ask(headers: &mut HeaderMap, from: &HeaderMap, random: [u8; 16]) {
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
    headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    if let Ok(key) = HeaderValue::try_from(base64(&random)) {
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    if let Some(names) = offered(from) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, names);
    }
}

/// Judges the upstream's side; `asked` are the headers that it was sent. Gives the sub-protocol it chose.
///
/// # Errors
/// What is wrong with it.
pub fn agreed<B>(answer: &Response<B>, asked: &HeaderMap) -> Result<Option<HeaderValue>, &'static str> {
    let headers = answer.headers();
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err("it did not switch to a WebSocket");
    }
    if !lists(headers, &header::UPGRADE, "websocket") || !lists(headers, &header::CONNECTION, "upgrade") {
        return Err("it switched to something that is no WebSocket");
    }
    let expected = asked.get(header::SEC_WEBSOCKET_KEY).map(accept);
    if expected.as_ref() != only(headers, &header::SEC_WEBSOCKET_ACCEPT) {
        return Err("it answered another handshake than the gate's");
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err("it switched an extension on that nobody offered");
    }
    let chosen = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().collect::<Vec<_>>();
    match chosen[..] {
        [] => Ok(None),
        [one] if values(asked, &header::SEC_WEBSOCKET_PROTOCOL).any(|name| one == name) => {
            Ok(Some(one.clone()))
        }
        _ => Err("it chose a sub-protocol that nobody offered"),
    }
}

/// The headers of the answer to the client's handshake.
pub fn answer(headers: &mut HeaderMap, asked: &HeaderMap, protocol: Option<HeaderValue>) {
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
    if let Some(key) = asked.get(header::SEC_WEBSOCKET_KEY) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept(key));
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
}

/// What proves that a key was read.
fn accept(key: &HeaderValue) -> HeaderValue {
    let text = [key.as_bytes(), MAGIC.as_bytes()].concat();
    let proof = base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text).as_ref());
    HeaderValue::try_from(proof).unwrap_or_else(|_| HeaderValue::from_static(""))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * at) & 63).ok().and_then(|at| ALPHABET.get(at));
            let digit = digit.filter(|_| at <= three.len());
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_example_of_the_rfc_is_answered_as_it_says() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn half_a_handshake_is_none() {
        assert!(is_asked_for(&headers(&GOOD)));
        assert_eq!(judged(&headers(&GOOD)), Ok(()));
        for (at, wrong) in
            [(0, "keep-alive"), (2, "8"), (3, "dGhlIHNhbXBsZQ=="), (3, "dGhlIHNhbXBsZSBub25jZ?=="), (3, "")]
        {
            let mut list = GOOD;
            list[at].1 = wrong;
            assert!(judged(&headers(&list)).is_err(), "{wrong}");
        }
        for twice in ["sec-websocket-version", "sec-websocket-key"] {
            let list = [&GOOD[..], &[(twice, "13")]].concat();
            assert!(judged(&headers(&list)).is_err(), "{twice}");
        }
        assert!(judged(&headers(&[&GOOD[..], &[("sec-websocket-protocol", "a b")]].concat())).is_err());
    }

    #[test]
    fn no_key_is_offered_to_the_upstream() {
        let list = [
            ("sec-websocket-protocol", "realtime, openai-insecure-api-key.pcl_a_b, openai-beta.realtime-v1"),
            (
                "sec-websocket-protocol",
                "openai-project.p,openai-organization.o,x.pcl_a,sk-ant-api03-abcdefgh",
            ),
        ];
        assert_eq!(offered(&headers(&list)).unwrap(), "realtime, openai-beta.realtime-v1");
        assert_eq!(offered(&headers(&[("sec-websocket-protocol", "openai-insecure-api-key.x")])), None);
        let value = HeaderValue::from_static("realtime, openai-insecure-api-key.pcl_a_b");
        assert_eq!(keys_in(&value).collect::<Vec<_>>(), ["pcl_a_b"]);
    }

    #[test]
    fn an_answer_to_another_handshake_is_none() {
        let mut asked = HeaderMap::new();
        ask(&mut asked, &headers(&[("sec-websocket-protocol", "realtime, other")]), [7; 16]);
        let answered = |change: fn(&mut HeaderMap)| {
            let mut headers = HeaderMap::new();
            answer(&mut headers, &asked, Some(HeaderValue::from_static("realtime")));
            change(&mut headers);
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            agreed(&response, &asked)
        };
        assert_eq!(answered(|_| ()), Ok(Some(HeaderValue::from_static("realtime"))));
        let changes: [fn(&mut HeaderMap); 6] = [
            |headers| drop(headers.remove("upgrade")),
            |headers| drop(headers.remove("connection")),
            |headers| drop(headers.insert("sec-websocket-accept", HeaderValue::from_static("x"))),
            |headers| drop(headers.insert("sec-websocket-extensions", HeaderValue::from_static("x"))),
            |headers| drop(headers.insert("sec-websocket-protocol", HeaderValue::from_static("x"))),
            |headers| assert!(headers.append("sec-websocket-protocol", HeaderValue::from_static("other"))),
        ];
        for change in changes {
            assert!(answered(change).is_err());
        }
        assert!(agreed(&Response::new(()), &asked).is_err());
    }
}
