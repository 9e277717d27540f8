//! The head of one part of a form: its name, and whether it is a file.

use super::Unclear;

/// The longest name of a field.
const LONGEST_NAME: usize = 256;

/// A part, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'p> {
    /// The field's name.
    pub name: &'p str,
    /// Whether it is a file.
    pub is_file: bool,
    /// What it says that it is, if it says so.
    pub content_type: Option<&'p str>,
}

impl<'p> Part<'p> {
    /// Reads the lines of a part's head, without the empty one behind them.
    pub(super) fn read(head: &'p [u8]) -> Result<Self, Unclear> {
        let head = std::str::from_utf8(head).map_err(|_| Unclear("the head of a part is not UTF-8"))?;
        let mut found: Option<(&str, bool)> = None;
        let mut content_type = None;
        for line in head.split("\r\n") {
            if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
                return Err(Unclear("the head of a part has control characters"));
            }
            let (name, value) = line.split_once(':').ok_or(Unclear("a part's header has no colon"))?;
            let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            if name.is_empty() || !name.bytes().all(token) {
                return Err(Unclear("a part's header has no plain name"));
            }
            let value = value.trim_ascii();
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if found.is_none() => found = Some(disposition(value)?),
                "content-type" if content_type.is_none() => content_type = Some(value),
                "content-transfer-encoding"
                    if ["binary", "8bit", "7bit"].iter().any(|same| value.eq_ignore_ascii_case(same)) => {}
                "content-length" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {}
                "content-disposition" | "content-type" => {
                    return Err(Unclear("a part's header is there twice"));
                }
                "content-transfer-encoding" => return Err(Unclear("a part is encoded")),
                _ => return Err(Unclear("a part has a header that forms do not have")),
            }
        }
        let (name, is_file) = found.ok_or(Unclear("a part has no content-disposition"))?;
        Ok(Self { name, is_file, content_type })
    }
}

/// The name, and whether there is a file name.
fn disposition(value: &str) -> Result<(&str, bool), Unclear> {
    const WRONG: Unclear = Unclear("a part's content-disposition is not one that every reader takes alike");
    let mut rest = value.strip_prefix("form-data").ok_or(WRONG)?;
    let (mut name, mut file, mut extended) = (None, false, false);
    while !rest.is_empty() {
        rest = rest.trim_ascii_start().strip_prefix(';').ok_or(WRONG)?.trim_ascii_start();
        let (parameter, behind) = rest.split_once('=').ok_or(WRONG)?;
        let (said, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(WRONG)?,
            None => behind.split_at_checked(behind.find(';').unwrap_or(behind.len())).ok_or(WRONG)?,
        };
        let bare = behind.is_empty() || behind.trim_ascii_start().starts_with(';');
        // What is escaped, some readers take as it stands.
        if !bare || said.contains(['\\', '"', '\t']) {
            return Err(WRONG);
        }
        rest = behind;
        match parameter {
            "name" if name.is_none() && is_plain_name(said) => name = Some(said),
            "filename" if !file => file = true,
            "filename*" if !extended => extended = true,
            _ => return Err(WRONG),
        }
    }
    Ok((name.ok_or(WRONG)?, file || extended))
}

/// Whether every reader takes a name for itself: no blanks, escapes or letters that look alike.
fn is_plain_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']' | b'/');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}
