//! Heads that are spoiled and bytes that are not, wherever reads cut them.

use crate::wire::Look as _;
use proptest::prelude::*;

use super::Framing;

/// What the library gets to read of these reads.
fn followed<'b>(reads: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
    let mut framing = Framing::default();
    let follow = |read: &[u8]| {
        let mut read = read.to_vec();
        framing.follow(&mut read);
        read
    };
    reads.into_iter().flat_map(follow).collect()
}

/// The same where heads that come whole are looked at as a whole.
fn read<'b>(reads: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
    let mut framing = Framing::default();
    let look = |read: &[u8]| {
        let mut read = read.to_vec();
        let left = framing.read(&mut read);
        read.truncate(left);
        read
    };
    reads.into_iter().flat_map(look).collect()
}

/// What it gets, which is the same however it is cut. No name in it may be one that is skimmed.
fn passed(bytes: &str) -> String {
    let bytes = bytes.as_bytes();
    let whole = followed([bytes]);
    assert_eq!(read([bytes]), whole, "read whole");
    assert_eq!(followed(bytes.chunks(1)), whole, "byte by byte");
    for at in 0..bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(followed([first, second]), whole, "cut at {at}");
        assert_eq!(read([first, second]), whole, "read, cut at {at}");
    }
    String::from_utf8(whole).unwrap()
}

const TE: &str = "Transfer-Encoding: chunked\r\n";
const POST: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\n";

#[test]
fn the_second_of_two_framings_is_spoiled() {
    for (first, second) in [
        ("content-length: 5\r\n", TE),
        (TE, "content-length: 5\r\n"),
        ("CONTENT-LENGTH:5\r\nx-a: b\r\n", "tRANSFER-eNCODING:chunked\r\n"),
        ("content-length: 5\n", "transfer-encoding: chunked\n"),
        ("content-length: 5\r\ncontent-length: 5\r\n", TE),
        ("transfer-encoding: gzip\r\n", "content-length: x\r\n"),
        ("content-length:\t7 \t\r\n", "transfer-encoding:\r\n"),
    ] {
        for version in ["1.1", "1.0"] {
            let good = POST.replace("1.1", version);
            let bytes = format!("{good}{first}{second}accept: */*\r\n\r\n0\r\n\r\n{POST}{first}{second}\r\n");
            let spoiled = second.replacen(':', "\0", 1);
            let wanted = bytes.replacen(&format!("{first}{second}"), &format!("{first}{spoiled}"), 1);
            assert_eq!(passed(&bytes), wanted);
        }
    }
}

#[test]
fn a_number_sign_in_the_first_line_is_spoiled_and_no_other() {
    let rest = format!("host: gate#1\r\nx-a: #\r\n{TE}\r\n2\r\n#a\r\n0\r\n\r\n");
    for first in ["POST /v1/chat/completions# HTTP/1.1", "PRI #", "P#", "#", "GET /a?b#c#d HTTP/1.1"] {
        for good in ["", "\r\n", "GET /a\n\n"] {
            let wanted = first.replacen('#', "\0", 1);
            // Nothing behind it is looked at, since nothing behind it is read.
            assert_eq!(passed(&format!("{good}{first}\r\n{rest}")), format!("{good}{wanted}\r\n{rest}"));
        }
    }
    let good = format!("{POST}{rest}");
    assert_eq!(passed(&format!("{good}{good}")), format!("{good}{good}"));
}

#[test]
fn what_only_looks_like_the_preface_of_http2_is_none() {
    let lines = format!("content-length: 5\r\n{TE}\r\n");
    for first in
        ["PRI \n HTTP/2.0\r\n", "pri * http/2.0\r\n", "PRI * HTTp/2.0\r\n", "PRI * HTTP/2.1\r\n", "P\r\n"]
    {
        let spoiled = lines.replace("Encoding:", "Encoding\0");
        assert_eq!(passed(&format!("{first}{lines}")), format!("{first}{spoiled}"));
    }
}

#[test]
fn a_head_behind_other_requests_is_found() {
    let bad = format!("{POST}content-length: 5\r\n{TE}\r\n0\r\n\r\n");
    let spoiled = bad.replace("Encoding:", "Encoding\0");
    for before in [
        "GET /v1/models HTTP/1.1\r\nhost: gate\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\nhost: gate\n\n".to_owned(),
        "\r\n\n\r\r\n".to_owned(),
        format!("{POST}content-length: 12\r\n\r\nhello\r\n\r\nyou"),
        format!("{POST}Content-Length: 0\r\n\r\n\r\n"),
        format!("{POST}content-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
        format!("{POST}{TE}\r\n5\r\nhello\r\n0\r\n\r\n"),
        format!("{POST}{TE}{TE}\r\n00A ;a=\"b\"\r\n0123456789\r\n1\t\r\n\n\r\n000;x\r\nA: b\r\nc\r\n\r\n"),
        format!("{POST}upgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
        "PRI / HTTP/1.1\r\n\r\n".to_owned(),
        "PRI\n\n".to_owned(),
        "P\n\n".to_owned(),
        format!("{POST}c: d\r\nt: u\r\nu: v\r\nte: trailers\r\nconnection: close\r\ncontent-type: x\r\n\r\n"),
        format!("{POST}content-lengths: 5\r\ntransfer-encoding-x: chunked\r\nx-content-length: 7\r\n\r\n"),
    ] {
        assert_eq!(passed(&format!("{before}{bad}")), format!("{before}{spoiled}"));
        let twice = format!("{before}{before}");
        assert_eq!(passed(&format!("{twice}{bad}")), format!("{twice}{spoiled}"));
    }
}

#[test]
fn what_is_no_head_passes_as_it_came() {
    let lines = format!("\r\ncontent-length: 5\r\n{TE}\r\n");
    let within = format!("{POST}{lines}");
    for bytes in [
        format!("{POST}content-length: {}\r\n\r\n{within}", within.len()),
        format!("{POST}{TE}\r\n{:X}\r\n{within}\r\n0\r\n\r\n", within.len()),
        // Extensions and trailers.
        format!("{POST}{TE}\r\n1;content-length: 5\r\na\r\n0\r\n{TE}content-length: 5\r\n\r\n"),
        // Two heads with one field each.
        format!("{POST}content-length: 1\r\n\r\na{POST}{TE}\r\n0\r\n\r\n"),
        // What the library refuses by itself.
        format!("{POST}content-length: +5\r\n{lines}"),
        format!("{POST}content-length: 5, 5\r\n{lines}"),
        format!("{POST}content-length: 5 5\r\n{lines}"),
        format!("{POST}content-length: \r\n{lines}"),
        format!("{POST}content-length: 18446744073709551616\r\n{lines}"),
        format!("{POST}{TE}\r\nx{lines}{within}"),
        format!("{POST}{TE}\r\n;{lines}{within}"),
        format!("{POST}{TE}\r\n1 1{lines}{within}"),
        format!("{POST}{TE}\r\n1\r\nab{lines}{within}"),
        format!("{POST}{TE}\r\n1;a\nb{lines}{within}"),
        format!("{POST}{TE}\r\n1ffffffffffffffff\r\n{within}"),
        format!("{POST}{TE}\r\n0\r\n\rx{lines}{within}"),
        format!("{POST}{TE}\r\n0\r\na\rb{lines}{within}"),
        // HTTP/2.
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{within}"),
        // Other names.
        format!("{POST}content-length: 5\r\nTransfer_Encoding: x\r\ntransfer-incoding: x\r\n\r\nhello"),
        format!("{POST}{TE}content_length: 5\r\nContent-strength: 5\r\ncontents-length: 5\r\n\r\n0\r\n\r\n"),
        // Fields that are none, which the library refuses.
        format!("{POST}content-length : 5\r\n{TE}\r\n"),
        format!("{POST} content-length: 5\r\n{TE}\r\n"),
        format!("{POST}content-length: 5\r\ntransfer\rencoding: x\r\n\r\nhello"),
        format!("{POST}{TE}content\rlength: 5\r\n\r\n0\r\n\r\n"),
    ] {
        assert_eq!(passed(&bytes), bytes);
    }
}

#[test]
fn a_websocket_is_left_alone_from_the_moment_it_is_one() {
    let bad = format!("{POST}content-length: 5\r\n{TE}\r\n");
    let asked = format!("{POST}Upgrade: websocket\r\n\r\n");
    let after = |asked: &str, answer: &str| {
        let mut framing = Framing::default();
        framing.follow(&mut asked.as_bytes().to_vec());
        framing.written(answer.as_bytes());
        let mut bytes = bad.as_bytes().to_vec();
        framing.follow(&mut bytes);
        bytes != bad.as_bytes()
    };
    let switched = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    assert!(!after(&asked, switched));
    assert!(!after(&asked, &format!("the rest of an answer{switched}")));
    assert!(after(&asked, "HTTP/1.1 426 Upgrade Required\r\n\r\n"), "it is HTTP as before");
    assert!(after(&format!("{POST}\r\n"), switched), "nobody asked");
}

/// What has to come of the bytes, said as plainly as it can be.
fn wanted(bytes: &[u8]) -> Vec<u8> {
    let mut wanted = bytes.to_vec();
    if let Err(Some(colon)) = judged(bytes) {
        wanted[colon] = 0;
    }
    wanted
}

/// Follows requests to the end, or to where nothing is looked at any more; the colon that is to be spoiled, if any.
fn judged(bytes: &[u8]) -> Result<(), Option<usize>> {
    let mut at = 0;
    loop {
        while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        if bytes[at..].starts_with(b"PRI * HTTP/2.0") {
            return Err(None);
        }
        line(bytes, &mut at)?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let start = at;
            let line = line(bytes, &mut at);
            let text = String::from_utf8_lossy(line.unwrap_or(&bytes[start..])).to_ascii_lowercase();
            let value = text.split_once(':').unwrap_or_default().1.trim_matches([' ', '\t', '\r', '\n']);
            let colon = start + text.find(':').unwrap_or_default();
            if text.starts_with("content-length:") {
                if chunked {
                    return Err(Some(colon));
                }
                line?;
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                length = Some(value.parse::<u64>().ok().filter(|_| digits).ok_or(None)?);
            } else if text.starts_with("transfer-encoding:") {
                if length.is_some() {
                    return Err(Some(colon));
                }
                chunked = true;
            }
            if line? == b"\n" || line? == b"\r\n" {
                break;
            }
        }
        if chunked {
            chunks(bytes, &mut at)?;
        } else {
            skip(bytes, &mut at, length.unwrap_or(0))?;
        }
    }
}

/// The next line with its end, if it has one.
fn line<'b>(bytes: &'b [u8], at: &mut usize) -> Result<&'b [u8], Option<usize>> {
    let rest = &bytes[*at..];
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(None)?;
    *at += end + 1;
    Ok(&rest[..=end])
}

fn skip(bytes: &[u8], at: &mut usize, length: u64) -> Result<(), Option<usize>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len() - *at);
    *at += length.ok_or(None)?;
    Ok(())
}

fn chunks(bytes: &[u8], at: &mut usize) -> Result<(), Option<usize>> {
    loop {
        let line = line(bytes, at)?.strip_suffix(b"\r\n").ok_or(None)?;
        let line = std::str::from_utf8(line).map_err(|_| None)?;
        let size = line.split(';').next().unwrap().trim_end_matches([' ', '\t']);
        if line.contains('\r') || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(None);
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| None)?;
        if size == 0 {
            break;
        }
        skip(bytes, at, size)?;
        if line_is(bytes, at)? != b"\r\n" {
            return Err(None);
        }
    }
    loop {
        let trailer = line_is(bytes, at)?;
        let text = trailer.strip_suffix(b"\r\n").ok_or(None)?;
        if text.is_empty() {
            return Ok(());
        }
    }
}

/// The bytes to the next CR and the one behind it: a line feed alone ends nothing here.
fn line_is<'b>(bytes: &'b [u8], at: &mut usize) -> Result<&'b [u8], Option<usize>> {
    let rest = &bytes[*at..];
    let end = rest.iter().position(|byte| *byte == b'\r').ok_or(None)? + 2;
    let line = rest.get(..end).ok_or(None)?;
    *at += end;
    Ok(line)
}

fn field() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "content-length",
        "Content-Length",
        "transfer-encoding",
        "TRANSFER-ENCODING",
        "host",
        "te",
        "Upgrade",
        "u",
        "content-type",
        "cookie",
        "traceparent",
        "user-agent",
        "c",
        "",
    ]);
    let value = prop::sample::select(vec![
        "0",
        "3",
        "12",
        "chunked",
        " 3 ",
        "\t7\t",
        "x",
        "-1",
        "",
        "99999999999999999999",
        "a:b",
    ]);
    let between = prop::sample::select(vec![":", ": ", ":", " :", ""]);
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r", ""]);
    (name, between, value, end).prop_map(|(name, between, value, end)| format!("{name}{between}{value}{end}"))
}

fn request() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "POST / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "PUT / HTTP/1.1\n",
        "\r\nPOST / HTTP/1.1\r\n",
        "PRI / HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
        "P",
    ]);
    let framed = prop::sample::select(vec![
        ("", ""),
        ("content-length: 5\r\n", "a\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        (
            "Transfer-Encoding:chunked\n",
            "b;te: x\r\n\r\n\r\ncontent\n\r\n0 ;a\r\nte: x\r\ncontent-length: 3\r\n\r\n",
        ),
        ("transfer-encoding: gzip\r\n", "0\r\nx\r\n\n\r\n\r\n"),
        ("content-length: 24\r\n", "transfer-encoding: x\r\na\r\n"),
        ("content-length: 3\r\n", "POST / HTTP/1.1\r\n"),
    ]);
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\n"]);
    let fields = prop::collection::vec(field(), 0..3).prop_map(|fields| fields.concat());
    let lone = Just(String::new());
    (line, prop_oneof![3 => lone, 1 => fields], framed, end)
        .prop_map(|(line, fields, (framing, body), end)| format!("{line}{fields}{framing}{end}{body}"))
}

proptest! {
    #[test]
    fn agrees_with_a_plain_reading_wherever_it_is_cut(
        requests in prop::collection::vec(request(), 1..5),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), prop::sample::select(b"\r\n:;0ctPx ".to_vec()))),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut bytes = requests.concat().into_bytes();
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut cuts = cuts.iter().map(|cut| cut.index(bytes.len())).collect::<Vec<_>>();
        cuts.sort_unstable();
        let (mut reads, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            reads.push(&bytes[from..cut]);
            from = cut;
        }
        let wanted = wanted(&bytes);
        prop_assert_eq!(&read(reads.iter().copied()), &wanted);
        prop_assert_eq!(&followed(reads), &wanted);
        prop_assert_eq!(&followed(bytes.chunks(1)), &wanted);
    }
}
