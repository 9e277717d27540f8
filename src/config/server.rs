//! `[server]` and `[admin]`: where the gate listens, whom it believes, and its own bounds.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::certificate::TlsWritten;
use super::listen::is_local;
use super::observable::{Observable, listed};
use super::value::{OneOrMany, Size, duration};
use super::work::Work;
use crate::address::{Networks, is_loopback};
use crate::project_key::{self, Digest};
use crate::snapshot::{ForwardedHeader, Key, Listen, Project, Server};

/// Where the gate listens, whom it believes, and its own bounds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Server"))]
pub(super) struct ServerWritten {
    /// Where clients connect, one place or several: an address with a port, `"unix:/path"` for the file
    /// of a socket, or `"systemd:"` for the sockets that systemd hands over. Clients on a socket's file count as
    /// 127.0.0.1. Default: "127.0.0.1:8080".
    pub(super) listen: Option<OneOrMany>,
    /// Who may connect to the sockets' files, as their mode. Default: "600".
    pub(super) socket_mode: Option<String>,
    /// Whether trusted proxies begin each connection with the PROXY protocol, version 1 or 2. Then nobody else
    /// may connect over TCP. Default: false.
    pub(super) proxy_protocol: Option<bool>,
    /// The certificate and key with which clients are spoken to in TLS. Default: plain HTTP.
    pub(super) tls: Option<TlsWritten>,
    /// Networks of the proxies whose X-Forwarded-For is believed. Default: nobody's.
    pub(super) trusted_proxies: Option<OneOrMany>,
    /// The header in which they tell the client's address; the other is ignored. Default:
    /// "x-forwarded-for".
    pub(super) forwarded_header: Option<ForwardedHeader>,
    /// Networks that may speak to the gate at all, or "any". Default: all that some project or key
    /// lists.
    pub(super) allow_ips: Option<Observable>,
    /// The largest request body, as text with a unit or in bytes. Default: "32 MiB".
    pub(super) max_body: Option<Size>,
    /// How much of request bodies may be held in memory at once, over all requests; the first 64 KiB of each are
    /// not counted. A body for which there is no room is refused and may be sent again. Default: "1 GiB".
    pub(super) max_held: Option<Size>,
    /// The largest form or file that goes on to the upstream while it arrives. Default: "4 GiB".
    pub(super) max_upload: Option<Size>,
    /// How long a whole request body may take to arrive; of a form or file that goes on while it arrives,
    /// how long it may pause. Default: "60s".
    pub(super) body_timeout: Option<String>,
    /// How fast the body of a form or file must come while the gate waits for the client, in bytes for each second,
    /// on average over `body_timeout`. Default: "1 KiB".
    pub(super) min_upload_rate: Option<Size>,
    /// How long a request's head may take to arrive, counted from the end of the request before it,
    /// so also how long an unused connection is kept. Longer than load balancers keep theirs, which
    /// would otherwise send into a closing connection. Default: "75s".
    pub(super) header_timeout: Option<String>,
    /// How long requests under way may go on when the gate is told to stop. Default: "600s".
    pub(super) drain: Option<String>,
    /// How many worker threads. Default: one for each core.
    pub(super) workers: Option<usize>,
    /// How many client connections at once. Default: 10000.
    pub(super) max_connections: Option<usize>,
    /// How many of them from one address, or one /64 of IPv6; trusted proxies have as many as they like.
    /// Default: a quarter of all, and 256 in any case.
    pub(super) max_connections_per_ip: Option<usize>,
    /// How long a client may leave untaken what was written to it. Default: "120s".
    pub(super) write_timeout: Option<String>,
    /// How many keys may be tried from one address that are none, before it has to wait. Default: "60/min".
    pub(super) failed_keys: Option<String>,
    /// Whether HTTP/2 is spoken beside HTTP/1.1. Default: true.
    pub(super) http2: Option<bool>,
}

/// The listener for health, readiness and metrics.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Admin"))]
pub(super) struct AdminWritten {
    /// Whether there is an admin listener. Default: true.
    pub(super) enabled: Option<bool>,
    /// Address and port of health, readiness and metrics. Default: "127.0.0.1:9090".
    pub(super) listen: Option<String>,
    /// Where the token is that shows denials and usage, and where other machines can reach the listener also
    /// metrics and credentials: `"env:NAME"` or `"file:/path"`. Default: none, and denials and usage are not shown.
    pub(super) token: Option<String>,
}

const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);
const MAX_BODY: usize = 32 << 20;
/// The largest size that `max_body` can have, in bytes: a body is held in memory, so there is an end
/// to what can be allowed.
pub const LARGEST_BODY: u64 = 1 << 30;
/// As much as the largest `max_body`.
const MAX_HELD: u64 = LARGEST_BODY;
/// The largest size that `max_held` can have, in bytes.
pub const LARGEST_HELD: u64 = 1 << 40;
const MAX_UPLOAD: u64 = 4 << 30;
/// The largest size that `max_upload` can have, in bytes.
pub const LARGEST_UPLOAD: u64 = 1 << 40;
const MAX_CONNECTIONS: usize = 10_000;
const SHORTEST_TOKEN: usize = 16;
const MOST_WORKERS: usize = 1024;
const DAY: Duration = Duration::from_hours(24);

impl Work<'_> {
    /// Compiles `[server]` and `[admin]`. `allow_ips` is filled in when the projects are known.
    pub(super) fn server(&mut self, server: &ServerWritten, admin: &AdminWritten) -> Server {
        let listen = self.listens("server.listen", server.listen.as_ref());
        let trusted_proxies = self.trusted_proxies("server.trusted_proxies", server.trusted_proxies.as_ref());
        self.only_local = listen.iter().all(is_local) && trusted_proxies.is_empty();
        let proxy_protocol = self.proxy_protocol(server.proxy_protocol, &trusted_proxies);
        let listed = listed("server.allow_ips", server.allow_ips.as_ref());
        let allow_ips = self.allow_ips(&listed.path, listed.list);
        let allow_ips_rule = match server.allow_ips {
            Some(_) => self.rule("server.allow_ips"),
            None => self.rule("projects.*.allow_ips"),
        };
        let admin_listen = self.admin_listen(admin, &listen);
        let max_connections = self.max_connections(server.max_connections);
        let bounds = self.bounds(server, max_connections);
        let max_body = self.max_body(server.max_body.as_ref());
        Server {
            socket_mode: self.socket_mode(server.socket_mode.as_deref(), &listen),
            proxy_protocol,
            listen,
            tls: self.listener_tls(server.tls.as_ref(), bounds.http2),
            admin_listen,
            workers: self.workers(server.workers),
            trusted_proxies,
            forwarded_header: server.forwarded_header.unwrap_or_default(),
            allow_ips,
            allow_ips_rule,
            allow_ips_observed: listed.observed,
            max_body,
            max_body_rule: self.rule("server.max_body"),
            max_held: self.max_held(server.max_held.as_ref(), max_body),
            max_held_rule: self.rule("server.max_held"),
            max_upload: self.max_upload(server.max_upload.as_ref()),
            max_upload_rule: self.rule("server.max_upload"),
            body_timeout: self.duration("server.body_timeout", server.body_timeout.as_deref(), 60),
            body_timeout_rule: self.rule("server.body_timeout"),
            header_timeout: self.duration("server.header_timeout", server.header_timeout.as_deref(), 75),
            drain: self.duration("server.drain", server.drain.as_deref(), 600),
            max_connections,
            bounds,
        }
    }

    fn proxy_protocol(&mut self, written: Option<bool>, trusted: &Networks) -> bool {
        let on = written.unwrap_or(false);
        if on && trusted.is_empty() {
            let mend = "list the proxies in server.trusted_proxies, or remove it";
            self.wrong("server.proxy_protocol", "nobody may say who a client is: no proxy is trusted", mend);
        }
        on
    }

    fn admin_listen(&mut self, admin: &AdminWritten, public: &[Listen]) -> Option<SocketAddr> {
        let written = admin.listen.as_deref();
        let listen = written.map_or(ADMIN_LISTEN, |text| self.address("admin.listen", text, ADMIN_LISTEN));
        if admin.enabled == Some(false) {
            return None;
        }
        if public.contains(&Listen::Tcp(listen)) && listen.port() != 0 {
            self.wrong(
                "admin.listen",
                "the admin listener has the public listener's address",
                "give it another port",
            );
        }
        if !is_loopback(listen.ip()) && admin.token.is_none() {
            let what = "other machines can reach the admin listener, and there is no token to ask for";
            let mend = "listen on 127.0.0.1, or set admin.token = \"env:NAME\" or \"file:/path\"";
            self.wrong("admin.listen", what, mend);
        }
        Some(listen)
    }

    /// The digest of the token that shows what is told of requests; nothing if there is none.
    pub(super) fn admin_token(&mut self, admin: Option<&AdminWritten>) -> Option<Digest> {
        let reference = admin?.token.as_deref()?;
        let token = self.referred_secret("admin.token", Some(reference))?;
        if token.trim().len() < SHORTEST_TOKEN {
            let what = format!("the token is shorter than {SHORTEST_TOKEN} characters");
            self.wrong("admin.token", &what, "make one that cannot be guessed: `openssl rand -hex 32`");
        }
        Some(project_key::digest(token.trim().as_bytes()))
    }

    fn workers(&mut self, written: Option<usize>) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.count("server.workers", written, MOST_WORKERS).unwrap_or_else(cores)
    }

    fn max_connections(&mut self, written: Option<usize>) -> usize {
        self.count("server.max_connections", written, 1_000_000).unwrap_or(MAX_CONNECTIONS)
    }

    pub(super) fn count(&mut self, path: &str, written: Option<usize>, most: usize) -> Option<usize> {
        let count = written?;
        if !(1..=most).contains(&count) {
            self.wrong(
                path,
                &format!("{count} is not between 1 and {most}"),
                "write a number in that range, or leave the line out for the default",
            );
        }
        Some(count)
    }

    fn max_body(&mut self, written: Option<&Size>) -> usize {
        let Some(size) = written else { return MAX_BODY };
        let bytes = size.bytes().filter(|bytes| (1..=LARGEST_BODY).contains(bytes));
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_else(|| {
            self.wrong(
                "server.max_body",
                "this is not a size between 1 B and 1 GiB",
                "write it like \"32 MiB\", or in bytes like 33554432",
            );
            MAX_BODY
        })
    }

    fn max_held(&mut self, written: Option<&Size>, max_body: usize) -> u64 {
        let Some(size) = written else { return MAX_HELD };
        let least = u64::try_from(max_body).unwrap_or(u64::MAX);
        size.bytes().filter(|bytes| (least..=LARGEST_HELD).contains(bytes)).unwrap_or_else(|| {
            self.wrong(
                "server.max_held",
                "this is not a size between max_body and 1 TiB",
                "write it like \"1 GiB\", or in bytes like 1073741824; or lower max_body, since a body that large could never be held",
            );
            MAX_HELD
        })
    }

    fn max_upload(&mut self, written: Option<&Size>) -> u64 {
        let Some(size) = written else { return MAX_UPLOAD };
        size.bytes().filter(|bytes| (1..=LARGEST_UPLOAD).contains(bytes)).unwrap_or_else(|| {
            self.wrong(
                "server.max_upload",
                "this is not a size between 1 B and 1 TiB",
                "write it like \"4 GiB\", or in bytes like 4294967296",
            );
            MAX_UPLOAD
        })
    }

    /// A duration, or its default in seconds.
    pub(super) fn duration(&mut self, path: &str, text: Option<&str>, default: u64) -> Duration {
        let default = Duration::from_secs(default);
        let Some(text) = text else { return default };
        match duration(text) {
            Some(duration) if !duration.is_zero() && duration <= DAY => duration,
            Some(_) | None => {
                self.wrong(
                    path,
                    "this is not a duration between 1ms and 1d",
                    "write it like \"500ms\", \"10s\", \"15m\" or \"1h\"",
                );
                default
            }
        }
    }
}

/// Everybody whom some project or key lets in; where a project's list is only observed, that is
/// everybody.
pub(super) fn everybody_listed(projects: &[Project], keys: &[Key]) -> Networks {
    if projects.iter().any(|project| project.observed.allow_ips) {
        return Networks::any();
    }
    let of_projects = projects.iter().fold(Networks::default(), |all, project| all.union(&project.allow_ips));
    keys.iter().filter_map(|key| key.allow_ips.as_ref()).fold(of_projects, |all, own| all.union(own))
}
