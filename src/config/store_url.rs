//! `store.url`: a server, Sentinels that name one, or nodes of a cluster.

use http::uri::Authority;

use crate::snapshot::{StorePlace, StoreServer};

/// What a url says.
#[derive(Debug)]
pub(super) struct StoreUrl {
    pub(super) place: StorePlace,
    pub(super) encrypted: bool,
    pub(super) database: u32,
}

/// What is wrong with a url, and the mend.
pub(super) type Wrong = (&'static str, &'static str);

pub(super) const LIKE: &str =
    "write it like \"redis://10.0.0.5:6379\" or \"rediss://limits.example.com:6380/0\"";
const LIKE_SENTINELS: &str = "write it like \"redis+sentinel://10.0.0.5:26379,10.0.0.6:26379/mymaster\"";
const LIKE_CLUSTER: &str = "write it like \"redis+cluster://10.0.0.5:6379,10.0.0.6:6379\"";
/// All are asked at once.
const MOST_SERVERS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Sentinels,
    Cluster,
}

/// Reads a url.
pub(super) fn read(url: &str) -> Result<StoreUrl, Wrong> {
    let no_address = ("this is no address of a Redis or Valkey server", LIKE);
    let (scheme, rest) = url.split_once("://").ok_or(no_address)?;
    let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let encrypted = match protocol {
        "redis" => false,
        "rediss" => true,
        _ => return Err(no_address),
    };
    let (kind, port, like) = match kind {
        "" if scheme == protocol => (Kind::Server, 6379, LIKE),
        "sentinel" => (Kind::Sentinels, 26379, LIKE_SENTINELS),
        "cluster" => (Kind::Cluster, 6379, LIKE_CLUSTER),
        _ => return Err(("a store is redis://, redis+sentinel:// or redis+cluster://", LIKE)),
    };
    if rest.contains('@') {
        return Err((
            "a password must never be written in the configuration itself",
            "write password = \"env:NAME\" and user = \"…\" beside the url; if this was a real password, it is spent: make a new one",
        ));
    }
    if rest.contains(['?', '#']) {
        let what = match kind {
            Kind::Server => "behind the address stands the number of a database, or nothing",
            Kind::Sentinels => "behind the addresses stands the name of a primary, and perhaps a database",
            Kind::Cluster => "behind the addresses stands nothing",
        };
        return Err((what, like));
    }
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let servers = servers(hosts, port).ok_or(("this names no host, or a port that is none", like))?;
    if servers.len() > MOST_SERVERS {
        return Err(("these are more than 16 servers, and a few suffice", like));
    }
    let path = path.trim_matches('/');
    let (name, database) = match kind {
        Kind::Server | Kind::Cluster => ("", path),
        Kind::Sentinels => path.split_once('/').unwrap_or((path, "")),
    };
    let database = if database.is_empty() { Ok(0) } else { database.parse() };
    let place = match kind {
        Kind::Server => {
            let [server] = <[StoreServer; 1]>::try_from(servers).map_err(|_| {
                let mend =
                    "write redis+sentinel://…/NAME or redis+cluster://… for several servers of one store";
                ("these are several servers, and nothing says what they are to each other", mend)
            })?;
            StorePlace::Server(server)
        }
        Kind::Sentinels if name.is_empty() => {
            return Err(("this does not say what the Sentinels call the primary", LIKE_SENTINELS));
        }
        Kind::Sentinels => StorePlace::Sentinels { at: servers.into(), name: name.into() },
        Kind::Cluster if !path.is_empty() => {
            return Err((
                "a cluster has no databases, and behind the addresses stands nothing",
                LIKE_CLUSTER,
            ));
        }
        Kind::Cluster => StorePlace::Cluster(servers.into()),
    };
    let database =
        database.map_err(|_| ("behind the address stands the number of a database, or nothing", like))?;
    Ok(StoreUrl { place, encrypted, database })
}

/// The servers of a list; nothing if one of them is none.
fn servers(list: &str, default_port: u16) -> Option<Vec<StoreServer>> {
    let server = |text: &str| {
        let authority: Authority = text.parse().ok()?;
        let named = authority.host();
        let host = named.trim_start_matches('[').trim_end_matches(']');
        let port = if authority.as_str() == named { default_port } else { authority.port_u16()? };
        (!host.is_empty() && port != 0).then(|| StoreServer { host: host.into(), port })
    };
    list.split(',').map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        let StoreUrl { place, encrypted, database } = read(url).unwrap();
        let kind = match place {
            StorePlace::Server(_) => "server",
            StorePlace::Sentinels { .. } => "sentinels",
            StorePlace::Cluster(_) => "cluster",
        };
        format!("{kind} {place} {} {database}", if encrypted { "TLS" } else { "clear" })
    }

    #[test]
    fn each_kind_of_store() {
        assert_eq!(told("redis://limits"), "server limits:6379 clear 0");
        assert_eq!(told("rediss://[::1]:6380/2"), "server [::1]:6380 TLS 2");
        assert_eq!(told("redis+sentinel://a,b:1/main"), "sentinels main of a:26379,b:1 clear 0");
        assert_eq!(told("rediss+sentinel://a/main/3"), "sentinels main of a:26379 TLS 3");
        assert_eq!(told("redis+cluster://[::1],b:7000/"), "cluster [::1]:6379,b:7000 clear 0");
        for wrong in ["redis://", "redis://a:99999", "redis://a:0", "redis+cluster://a,,b", "redis+://a"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
