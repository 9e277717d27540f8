//! Leaves in a map of headers only those that are listed.
//!
//! Lists say what may stay, so whatever nobody thought of goes. It is taken out of the map it came in: that is half the
//! work of putting the rest into another, and the HTTP library uses a map again and again, from the client's request to
//! the upstream's answer and on to the next request.

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// Takes out all whose name is not listed, with each of their values.
pub(crate) fn keep_only(headers: &mut HeaderMap, mut listed: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
    let mut unlisted = SmallVec::<[HeaderName; 8]>::new();
    for (name, value) in &*headers {
        if !listed(name, value) {
            unlisted.push(name.clone());
        }
    }
    for name in unlisted {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_is_not_listed() {
        let mut headers = HeaderMap::new();
        for number in 0..40u16 {
            for value in 0..=number % 3 {
                headers.append(HeaderName::try_from(format!("x-{number}")).unwrap(), value.into());
            }
        }
        let listed = |name: &HeaderName| name.as_str().ends_with(['1', '7']);
        let wanted: Vec<_> = headers.iter().filter(|(name, _)| listed(name)).collect();
        let wanted: HeaderMap =
            wanted.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        keep_only(&mut headers, |name, _| listed(name));
        assert_eq!((headers.keys_len(), &headers), (8, &wanted));
    }
}
