//! The scanner beside a reader that has the whole form at once, at every cut, and against tricks.

use proptest::prelude::*;

use super::*;

/// A part: name, whether it is a file, content.
type Read = (String, bool, Vec<u8>);

#[derive(Default)]
struct All(Vec<Read>, bool);

impl Reader for All {
    type Refusal = Unclear;

    fn take(&mut self, found: Found<'_>) -> Result<(), Unclear> {
        match found {
            Found::Part(part) => {
                assert!(!std::mem::replace(&mut self.1, true), "a part in a part");
                self.0.push((part.name.to_owned(), part.is_file, Vec::new()));
            }
            Found::Data(data) => self.0.last_mut().unwrap().2.extend(data),
            Found::Ended => assert!(std::mem::take(&mut self.1)),
        }
        Ok(())
    }
}

const TYPE: &[u8] = b"multipart/form-data; boundary=b0undary";

fn read(pieces: &[&[u8]]) -> Result<Vec<Read>, Unclear> {
    let mut scan = Multipart::new(TYPE)?;
    let mut all = All::default();
    for piece in pieces {
        scan.feed(piece, &mut all)?;
    }
    if scan.is_whole() { Ok(all.0) } else { Err(Unclear("cut")) }
}

/// Reads a whole form in the plainest way.
fn plainly(form: &[u8]) -> Option<Vec<Read>> {
    let rest = form.strip_prefix(b"--b0undary\r\n")?;
    let rest = rest.strip_suffix(b"\r\n").unwrap_or(rest).strip_suffix(b"\r\n--b0undary--")?;
    let mut parts = Vec::new();
    let mut at = rest;
    loop {
        let (part, behind) = match memmem::find(at, b"\r\n--b0undary\r\n") {
            Some(end) => (&at[..end], Some(&at[end + 14..])),
            None => (at, None),
        };
        let head = memmem::find(part, b"\r\n\r\n")?;
        let text = std::str::from_utf8(&part[..head]).ok()?;
        let name = text.split("; name=\"").nth(1)?.split('"').next()?;
        parts.push((name.to_owned(), text.contains("filename="), part[head + 4..].to_vec()));
        match behind {
            Some(behind) => at = behind,
            None => return Some(parts),
        }
    }
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (head, data) in parts {
        out.extend(format!("--b0undary\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        out.extend(*data);
        out.extend(b"\r\n");
    }
    out.extend(b"--b0undary--\r\n");
    out
}

fn owned(name: &str, is_file: bool, data: &[u8]) -> Read {
    (name.to_owned(), is_file, data.to_vec())
}

#[test]
fn a_form_reads_alike_however_it_is_cut() {
    let text = form(&[
        ("name=\"model\"", b"whisper-1"),
        (
            "name=\"file\"; filename=\"a \u{e4}.mp3\"\r\nContent-Type: audio/mpeg",
            b"\r\n--b0\r\n\r\n-\r\n--b0undar",
        ),
        ("name=prompt", b""),
        ("name=\"x\"; filename*=utf-8''y", &[b'-'; 300]),
    ]);
    let expected = vec![
        owned("model", false, b"whisper-1"),
        owned("file", true, b"\r\n--b0\r\n\r\n-\r\n--b0undar"),
        owned("prompt", false, b""),
        owned("x", true, &[b'-'; 300]),
    ];
    assert_eq!(read(&[&text]), Ok(expected.clone()));
    for cut in 0..text.len() {
        let (before, behind) = text.split_at(cut);
        assert_eq!(read(&[before, behind]), Ok(expected.clone()), "cut at {cut}");
        assert!(cut >= text.len() - 2 || read(&[before]).is_err(), "it ends at {cut}");
    }
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(read(&bytes), Ok(expected));
}

#[test]
fn what_two_readers_could_take_differently_is_refused() {
    let part = |head: &str| form(&[(head, b"x")]);
    let mut wrong: Vec<Vec<u8>> = [
        "name=\"a\"; name=\"b\"",
        "name=\"a\\\"b\"",
        "name=\"mod%65l\"",
        "name=\"mod\u{435}l\"",
        "name=\"a\" x",
        "name*=utf-8''model",
        "NAME=\"model\"",
        "name=\" model\"",
        "name=\"\"",
        "filename=\"a\"",
        "name=\"a\"; filename=\"b\\\"; name=\\\"model\"",
        "name=\"a\"; filename=\"b\"; filename=\"c\"",
        "name=\"a\"; size=3",
        "name=\"a\"\r\n folded: x",
        "name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
        "name=\"a\"\r\nContent-Transfer-Encoding: base64",
        "name=\"a\"\r\nX-Other: 1",
        "name=\"a\"\r\nContent-Type : text/plain",
        "name=\"a\"\nContent-Type: text/plain",
        "name=\"a\"\r\nContent-Type: --b0undary",
    ]
    .map(part)
    .to_vec();
    let good = form(&[("name=\"a\"", b"x")]);
    wrong.extend([
        [b"preamble\r\n", &good[..]].concat(),
        [b"\r\n", &good[..]].concat(),
        [&good[..], b"epilogue"].concat(),
        [&good[..], b"--b0undary--\r\n"].concat(),
        form(&[("name=\"a\"", b"x\n--b0undary\nContent-Disposition: form-data; name=\"model\"\n\ny")]),
        form(&[("name=\"a\"", b"x--b0undary")]),
        form(&[("name=\"a\"", b"x\r\n--b0undaryandmore")]),
        form(&[("name=\"a\"", b"x\r\n--b0undary \r\n")]),
        form(&[]),
        form(&[("name=\"a\"", b"x")])[..40].to_vec(),
        b"--b0undary\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b0undary--".to_vec(),
        b"--b0undary\r\nContent-Type: text/plain\r\n\r\nx\r\n--b0undary--".to_vec(),
        b"--b0undary\r\n\r\nx\r\n--b0undary--".to_vec(),
        [&b"--b0undary\r\n"[..], &vec![b'a'; 5000]].concat(),
        form(&vec![("name=\"a\"", &b""[..]); MOST_PARTS + 1]),
    ]);
    for form in wrong {
        assert!(read(&[&form]).is_err(), "{}", String::from_utf8_lossy(&form));
        let bytes: Vec<&[u8]> = form.chunks(1).collect();
        assert!(read(&bytes).is_err(), "in single bytes: {}", String::from_utf8_lossy(&form));
    }
}

#[test]
fn a_boundary_has_one_reading() {
    for good in ["boundary=a", "boundary=\"a-b_c.d\"", "BOUNDARY=abc; charset=utf-8", "boundary=----WebKitA9"]
    {
        let content_type = format!("Multipart/Form-Data; {good}");
        assert!(Multipart::new(content_type.as_bytes()).is_ok(), "{good}");
    }
    let long = format!("boundary={}", "a".repeat(71));
    for wrong in [
        "boundary=",
        "boundary=\"\"",
        "boundary=a; boundary=b",
        "boundary=a; charset=utf-16",
        "boundary=\"a b\"",
        "boundary=\"a;b\"",
        "boundary=a,b",
        "boundary*=utf-8''a",
        "boundary=a; x=1",
        &long,
        "charset=utf-8",
    ] {
        let content_type = format!("multipart/form-data; {wrong}");
        assert!(Multipart::new(content_type.as_bytes()).is_err(), "{wrong}");
    }
    for wrong in [&b"multipart/mixed; boundary=a"[..], b"application/json", b""] {
        assert!(Multipart::new(wrong).is_err());
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"--b0undary"[..],
        b"\r\n",
        b"\r",
        b"\n",
        b"--",
        b"\r\n--b0undary\r\n",
        b"Content-Disposition: form-data; name=\"model\"",
        b"Content-Disposition: form-data; name=\"file\"; filename=\"f\"",
        b"\r\n\r\n",
        b"gpt-4o",
        b"\r\n--b0undary--\r\n",
        b"--b0undar",
    ]);
    prop_oneof![4 => known.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_comes_it_says_what_a_plain_reader_says_or_refuses(
        begin in any::<bool>(), pieces in prop::collection::vec(piece(), 0..14), cut in 1usize..40,
    ) {
        let mut text = if begin { b"--b0undary\r\n".to_vec() } else { Vec::new() };
        text.extend(pieces.concat());
        let whole = read(&[&text]);
        let cuts: Vec<&[u8]> = text.chunks(cut).collect();
        prop_assert_eq!(&read(&cuts).ok(), &whole.clone().ok());
        if let Ok(parts) = whole {
            prop_assert_eq!(Some(parts), plainly(&text));
        }
    }

    #[test]
    fn a_well_made_form_is_read(
        parts in prop::collection::vec(("[a-z]{1,9}", any::<bool>(), prop::collection::vec(any::<u8>(), 0..400)), 1..6),
        cut in 1usize..300,
    ) {
        let heads: Vec<String> = parts.iter()
            .map(|(name, file, _)| if *file { format!("name=\"{name}\"; filename=\"f\"") } else { format!("name=\"{name}\"") })
            .collect();
        let written: Vec<(&str, &[u8])> = heads.iter().zip(&parts).map(|(head, (_, _, data))| (head.as_str(), data.as_slice())).collect();
        let text = form(&written);
        let cuts: Vec<&[u8]> = text.chunks(cut).collect();
        let expected: Vec<Read> = parts.iter().map(|(name, file, data)| owned(name, *file, data)).collect();
        prop_assert_eq!(read(&cuts), Ok(expected));
    }
}
