//! Reads profiles from the files that AWS's tools share.
//!
//! Source: "Format of the configuration and credential files" in the SDK reference guide.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// What a profile says.
pub(super) type Profile = BTreeMap<String, Zeroizing<String>>;

/// Adds what the section says to what is known; what is known counts. Whether there is such a section.
pub(super) fn read(text: &str, section: &str, known: &mut Profile) -> bool {
    let (mut inside, mut found) = (false, false);
    for line in text.lines() {
        // What is indented belongs to a setting of several lines, of which none is read here.
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let line = line.trim_end();
        if line.starts_with(['#', ';']) || line.is_empty() {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let name = header.split_once(']').map_or(header, |(name, _)| name);
            inside = name.split_whitespace().eq(section.split_whitespace());
            found |= inside;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            // Behind a blank a comment may stand.
            let value =
                value.split(" #").next().and_then(|value| value.split(" ;").next()).unwrap_or_default();
            let value = Zeroizing::new(value.trim().to_owned());
            known.entry(name.trim().to_ascii_lowercase()).or_insert(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
# a comment
[default]
aws_access_key_id = AKIADEFAULT
[profile prod] ; another
aws_access_key_id=AKIAPROD
AWS_SECRET_ACCESS_KEY = a/b+c= # the key
s3 =
  aws_access_key_id = AKIANESTED
region = eu-central-1
[prod]
aws_access_key_id = AKIAOTHER
";

    #[test]
    fn a_profile_is_what_stands_in_its_section() {
        let mut profile = Profile::new();
        assert!(read(TEXT, "profile prod", &mut profile));
        let of = |name: &str| profile.get(name).map(|value| value.as_str());
        assert_eq!(of("aws_access_key_id"), Some("AKIAPROD"));
        assert_eq!(of("aws_secret_access_key"), Some("a/b+c="));
        assert_eq!(of("region"), Some("eu-central-1"));
        assert!(read(TEXT, "default", &mut profile));
        assert_eq!(profile["aws_access_key_id"].as_str(), "AKIAPROD", "what is known counts");
        assert!(!read(TEXT, "profile stage", &mut Profile::new()));
    }
}
