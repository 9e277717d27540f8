//! From where a provider sees the gate: what its edge says on the page that is made for this question.
//!
//! Cloudflare answers `/cdn-cgi/trace` on every host behind it, with lines such as `ip=203.0.113.7`. It is
//! asked only where an answer came by Cloudflare, without a credential, and costs nothing.

use std::net::IpAddr;

/// From where a provider's edge sees the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The address.
    pub address: IpAddr,
    /// The country that the edge takes it to be in.
    pub country: Option<String>,
    /// The edge's own place.
    pub edge: Option<String>,
}

impl Seen {
    /// Where the page is.
    pub const PATH: &str = "/cdn-cgi/trace";

    /// Reads the page; nothing if it is another.
    #[must_use]
    pub fn read(page: &str) -> Option<Self> {
        let field = |name: &str| {
            page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::trim)
        };
        // Two letters for a country, three for a place: whatever is longer is not what it should be.
        let short = |name: &str| {
            let plain = |text: &&str| text.len() <= 3 && text.bytes().all(|b| b.is_ascii_alphanumeric());
            field(name).filter(plain).map(str::to_owned)
        };
        Some(Self { address: field("ip")?.parse().ok()?, country: short("loc"), edge: short("colo") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_edge_is_read() {
        let page = "fl=1f2\nh=api.example.com\nip=2001:db8::7\nts=1.0\nvisit_scheme=https\nuag=portcullis\n\
                    colo=FRA\nsliver=none\nhttp=http/1.1\nloc=DE\ntls=TLSv1.3\n";
        let seen = Seen::read(page).unwrap();
        assert_eq!(seen.address.to_string(), "2001:db8::7");
        assert_eq!((seen.country.as_deref(), seen.edge.as_deref()), (Some("DE"), Some("FRA")));
        let bare = Seen::read("ip=203.0.113.7\nloc=<b>Nowhere</b>").unwrap();
        assert_eq!((bare.country, bare.edge), (None, None));
        for page in ["", "ip=", "ip=here", "<html>ip=203.0.113.7</html>", "{}"] {
            assert_eq!(Seen::read(page), None, "{page}");
        }
    }
}
