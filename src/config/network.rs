//! Lists of addresses: `allow_ips` and `trusted_proxies`.

use super::value::OneOrMany;
use super::work::{Work, opening};
use crate::address::{InvalidNetwork, Networks, is_loopback, parse_network};

/// The word that opens a list of addresses to everybody.
pub(super) const ANY: &str = "any";

impl Work<'_> {
    /// The addresses of an `allow_ips`; none if it was not written.
    pub(super) fn allow_ips(&mut self, path: &str, list: Option<&OneOrMany>) -> Networks {
        let entries = self.entries(path, list, Some(ANY));
        if entries.iter().any(|(_, text)| text == ANY) {
            return Networks::any();
        }
        self.lint_unreachable(&entries);
        self.networks(&entries, "to let every address in, write allow_ips = \"any\"")
    }

    /// The addresses of `trusted_proxies`; none if it was not written.
    pub(super) fn trusted_proxies(&mut self, path: &str, list: Option<&OneOrMany>) -> Networks {
        let entries = self.entries(path, list, None);
        let mend = "list the proxies' own addresses: who is trusted can claim any client address";
        for (path, _) in entries.iter().filter(|(_, text)| text == ANY) {
            self.wrong(path, "trusted_proxies cannot be everybody", mend);
        }
        self.networks(&entries, mend)
    }

    /// A list that names other machines, though only this machine can connect.
    fn lint_unreachable(&mut self, entries: &[(String, String)]) {
        let elsewhere = |(_, text): &&(String, String)| {
            parse_network(text).is_ok_and(|network| !is_loopback(network.addr()))
        };
        if self.only_local
            && let Some((path, text)) = entries.iter().find(elsewhere)
        {
            let what =
                format!("{text} can never match: the gate listens on this machine only, and trusts no proxy");
            self.lint(path, &what, "set server.listen to an address that others can reach, or name the proxy in server.trusted_proxies");
        }
    }

    fn networks(&mut self, entries: &[(String, String)], everybody: &str) -> Networks {
        entries.iter().filter_map(|(path, text)| self.network(path, text, everybody)).collect()
    }

    fn network(&mut self, path: &str, text: &str, everybody: &str) -> Option<ipnet::IpNet> {
        match parse_network(text) {
            Ok(network) if network.prefix_len() == 0 => {
                self.wrong(path, &format!("{text} is every address"), everybody);
                None
            }
            Ok(network) => Some(network),
            Err(InvalidNetwork::HostBits(meant)) => {
                let bits = format!("{text} has bits set behind its prefix");
                let address = text.split('/').next().unwrap_or_default();
                self.wrong(
                    path,
                    &bits,
                    &format!("write {meant} for the network, or {address} for the one address"),
                );
                None
            }
            Err(InvalidNetwork::WiderThanMapped) => {
                self.wrong(
                    path,
                    &format!("{text} is wider than all of IPv4"),
                    "write the IPv4 network itself, such as 10.0.0.0/8",
                );
                None
            }
            Err(InvalidNetwork::Unreadable) => {
                let usual =
                    "write an address such as 10.0.0.1, or a network such as 10.0.0.0/8 or 2001:db8::/32";
                let mend = opening(text, ANY).map_or(usual, |_| everybody);
                self.wrong(path, "this is neither an address nor a network", mend);
                None
            }
        }
    }
}
