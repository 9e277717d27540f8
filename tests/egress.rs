//! How the gate reaches an upstream: whose certificate it believes, and through which proxy.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::sync::Arc;

use common::proxy::{Proxy, TUNNEL, authorities, encrypted, pair};
use common::{Running, Setup, Upstream, until};
use portcullis::clock::Moment;
use portcullis::command::check::{self, Format};
use portcullis::config::{self, Sources};
use portcullis::limits::Registry;
use portcullis::reload::Watch;
use portcullis::run::Gate;

const OPENAI: &str = "upstreams.openai";

/// A gate whose upstream is at this address and has this authority.
fn setup(base_url: &str, authority: &str) -> Setup {
    Setup::new("127.0.0.1:1")
        .set("server", "workers", "1")
        .set(OPENAI, "base_url", &format!("\"{base_url}\""))
        .set(OPENAI, "ca_file", &format!("\"{authority}\""))
}

/// The variable that names the system's authorities.
const SYSTEM: &str = "SSL_CERT_FILE";

/// A gate whose upstream is at this address, and whose system has this authority.
fn trusting(base_url: &str, authority: &str) -> Setup {
    Setup::new("127.0.0.1:1")
        .set("server", "workers", "1")
        .set(OPENAI, "base_url", &format!("\"{base_url}\""))
        .variable(SYSTEM, authority)
}

fn errors(gate: &Running, kind: &str) -> bool {
    gate.metrics()
        .contains(&format!("portcullis_upstream_errors_total{{upstream=\"openai\",kind=\"{kind}\"}} 1\n"))
}

#[test]
fn only_a_certificate_that_stands_the_test_gets_a_request() {
    let good = pair("localhost", |_| {});
    let other = pair("elsewhere.example", |_| {});
    let expired = pair("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let ca = pair("localhost", |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let early = pair("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2120, 1, 1);
        params.not_after = rcgen::date_time_ymd(2121, 1, 1);
    });
    for (name, shown, trusted, detail) in [
        ("good", &good, &good, None),
        ("unknown", &good, &other, Some("its certificate is signed by no authority that is trusted here")),
        ("name", &other, &other, Some("its certificate is for another name")),
        ("expired", &expired, &expired, Some("its certificate has expired")),
        ("authority", &ca, &ca, Some("its certificate is an authority's (CA:TRUE), not a server's")),
        ("early", &early, &early, Some("its certificate is not valid yet")),
    ] {
        let (upstream, heard) = encrypted(shown);
        let authority = authorities("egress-ca", &[trusted]);
        let gate = setup(&format!("https://localhost:{}/v1", upstream.port()), &authority).start();
        let answer = gate.ask(gate.chat());
        let Some(detail) = detail else {
            assert_eq!((answer.status, heard.lock().unwrap().len()), (200, 1), "{name}");
            continue;
        };
        assert_eq!((answer.status, answer.reason()), (502, Some("upstream_tls")), "{name}: {answer:?}");
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{name}");
        let record = gate.record();
        assert!(record["hint"].as_str().unwrap().contains(detail), "{name}: {record}");
        assert!(errors(&gate, "upstream_tls"), "{name}");
        assert_eq!(heard.lock().unwrap().len(), 0, "{name}: nothing was sent");
    }
}

#[test]
fn what_the_system_trusts_takes_the_place_of_the_public_authorities() {
    let (ours, other) = (pair("localhost", |_| {}), pair("localhost", |_| {}));
    let (upstream, heard) = encrypted(&ours);
    let base_url = format!("https://localhost:{}/v1", upstream.port());
    let asked = |setup: Setup| {
        let told = check::check(&setup.sources(), Format::Text).text;
        let names_it = setup.environment.iter().any(|(name, file)| name == SYSTEM && !file.is_empty());
        assert_eq!(told.contains("\nset by the environment: SSL_CERT_FILE\n"), names_it, "{told}");
        let gate = setup.start();
        gate.ask(gate.chat()).status
    };
    let of_both = authorities("egress-system", &[&other, &ours]);
    let of_other = authorities("egress-system", &[&other]);
    assert_eq!(asked(trusting(&base_url, &of_both)), 200);
    assert_eq!(asked(trusting(&base_url, &of_other)), 502);
    // An upstream's own come beside them, and a variable that says nothing changes nothing.
    let own = authorities("egress-own", &[&ours]);
    assert_eq!(asked(setup(&base_url, &own).variable(SYSTEM, &of_other)), 200);
    assert_eq!(asked(setup(&base_url, &own).variable(SYSTEM, "")), 200);
    assert_eq!(heard.lock().unwrap().len(), 3);
}

#[test]
fn a_system_without_authorities_is_told_once() {
    let empty = common::fresh_path("egress-system-empty");
    std::fs::write(&empty, "nothing").unwrap();
    let broken = common::fresh_path("egress-system-broken");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    for (file, what) in [
        ("/nowhere/ca.pem", "/nowhere/ca.pem cannot be read"),
        (empty.to_str().unwrap(), "holds no certificate of an authority"),
        (broken.to_str().unwrap(), "is not PEM"),
    ] {
        let setup = trusting("https://localhost:1/v1", file).set(
            "upstreams.anthropic",
            "base_url",
            r#""https://localhost:2""#,
        );
        let registry = Registry::new(Moment::now());
        let faults = config::load(&setup.sources(), &registry).unwrap_err();
        let told = faults.render_text();
        assert_eq!((faults.0.len(), told.matches(what).count()), (1, 1), "{told}");
        assert!(told.contains(" --> environment variable SSL_CERT_FILE\n"), "{told}");
    }
}

#[test]
fn what_is_no_tls_is_told_as_that() {
    let upstream = Upstream::start(|talk| talk.send("HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    let authority = authorities("egress-plain", &[&pair("localhost", |_| {})]);
    let gate = setup(&format!("https://localhost:{}/v1", upstream.address.port()), &authority).start();
    assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_tls"));
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn an_authority_that_is_swapped_in_its_file_counts_from_then_on() {
    for system in [false, true] {
        swapped(system);
    }
}

/// Swaps the authority of a `ca_file`, or of the system's file.
fn swapped(system: bool) {
    let (old, new) = (pair("localhost", |_| {}), pair("localhost", |_| {}));
    let (upstream, heard) = encrypted(&new);
    let authority = authorities("egress-swap", &[&old]);
    let base_url = format!("https://localhost:{}/v1", upstream.port());
    let setup = if system { trusting(&base_url, &authority) } else { setup(&base_url, &authority) };
    let file = common::fresh_path("egress-swap-config");
    std::fs::write(&file, setup.text()).unwrap();
    let registry = Arc::new(Registry::new(Moment::now()));
    let mut variables = vec![("PROVIDER_KEY".to_owned(), setup.provider_key.clone())];
    variables.extend(system.then(|| (SYSTEM.to_owned(), authority.clone())));
    let sources = Sources::at(&file).with_environment(variables);
    let loaded = config::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
    let mut watch = Watch::new(sources, &loaded);
    let written = common::Written::default();
    let gate = Gate::start(loaded, registry, written.clone()).unwrap();
    let gate = Running { gate, setup, written };
    assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_tls"));
    std::fs::write(&authority, &new.pem).unwrap();
    until("the change is seen", || watch.changed());
    watch.apply(&gate.gate, "test");
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[test]
fn a_proxy_sees_where_the_tunnel_leads_and_its_own_login_and_nothing_else() {
    let pair = pair("llm.example.com", |_| {});
    let (upstream, heard) = encrypted(&pair);
    let proxy = Proxy::start(TUNNEL, upstream, None);
    let gate = setup("https://llm.example.com/v1", &authorities("egress-proxy", &[&pair]))
        .set(OPENAI, "proxy", &format!("\"http://{}\"", proxy.address))
        .set(OPENAI, "proxy_credentials", r#""env:PROXY_LOGIN""#)
        .variable("PROXY_LOGIN", "gate:canary-pass")
        .start();
    for _ in 0..3 {
        assert_eq!(gate.ask(gate.chat()).status, 200);
    }
    let expected = "CONNECT llm.example.com:443 HTTP/1.1\r\nHost: llm.example.com:443\r\n\
                    proxy-authorization: Basic Z2F0ZTpjYW5hcnktcGFzcw==\r\n\r\n";
    assert_eq!(proxy.heads(), [expected], "one tunnel, and it is used again");
    let heads = heard.lock().unwrap().clone();
    assert_eq!(heads.len(), 3);
    for head in &heads {
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("proxy"), "{head}");
    }
    let through = String::from_utf8_lossy(&proxy.through()).into_owned();
    for secret in [&*gate.setup.provider_key, "hello", "chat/completions"] {
        assert!(!through.contains(secret), "{secret} can be read on the way");
    }
    let told = format!("{}{}", gate.written.text(), gate.metrics());
    assert!(!told.contains("canary") && !told.contains("Z2F0ZT"), "{told}");
}

#[test]
fn a_proxy_that_makes_no_tunnel_is_named_and_nothing_is_sent() {
    let pair = pair("llm.example.com", |_| {});
    let (upstream, heard) = encrypted(&pair);
    let authority = authorities("egress-no-tunnel", &[&pair]);
    for (answer, detail) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            "the proxy answered 407 to CONNECT: it wants other credentials",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy answered 403 to CONNECT"),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/\r\n\r\n",
            "the proxy answered 302 to CONNECT",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "the proxy's answer to CONNECT is not HTTP"),
        ("HTTP/1.1 200", "the proxy broke off"),
    ] {
        let proxy = Proxy::start(answer, upstream, None);
        // A tunnel that ends in the middle of its answer leads nowhere.
        let gate = setup("https://llm.example.com/v1", &authority)
            .set(OPENAI, "proxy", &format!("\"http://{}\"", proxy.address))
            .set(OPENAI, "connect_timeout", r#""2s""#)
            .start();
        let refused = gate.ask(gate.chat());
        assert_eq!(
            (refused.status, refused.reason()),
            (502, Some("upstream_unreachable")),
            "{answer}: {refused:?}"
        );
        let record = gate.record();
        let hint = record["hint"].as_str().unwrap();
        assert!(hint.contains(detail) || answer == "HTTP/1.1 200", "{answer}: {record}");
        assert_eq!(proxy.heads().len(), 1, "{answer}: it was asked once");
        assert!(proxy.through().is_empty() || answer == "HTTP/1.1 200", "{answer}");
    }
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[test]
fn a_proxy_is_reached_by_tls_too_and_its_certificate_is_tested() {
    let (inner, outer) = (pair("llm.example.com", |_| {}), pair("localhost", |_| {}));
    let (upstream, heard) = encrypted(&inner);
    let proxy = Proxy::start(TUNNEL, upstream, Some(outer.server()));
    let through = format!("\"https://localhost:{}\"", proxy.address.port());
    let both = authorities("egress-tls-proxy", &[&inner, &outer]);
    let gate = setup("https://llm.example.com/v1", &both).set(OPENAI, "proxy", &through).start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!((heard.lock().unwrap().len(), proxy.heads().len()), (1, 1));
    let one = authorities("egress-tls-proxy-not", &[&inner]);
    let gate = setup("https://llm.example.com/v1", &one).set(OPENAI, "proxy", &through).start();
    assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_tls"));
    assert!(gate.record()["hint"].as_str().unwrap().contains("of the proxy: "));
    assert_eq!(proxy.heads().len(), 1);
}

#[test]
fn the_environment_names_a_proxy_only_where_the_setting_says_so() {
    let pair = pair("llm.example.com", |_| {});
    let (upstream, heard) = encrypted(&pair);
    let proxy = Proxy::start(TUNNEL, upstream, None);
    let authority = authorities("egress-environment", &[&pair]);
    let with = |name: &str, value: &str| {
        setup("https://llm.example.com/v1", &authority)
            .set(OPENAI, "connect_timeout", r#""2s""#)
            .variable(name, value)
    };
    let address = format!("http://gate:p%40ss@{}", proxy.address);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let gate = with(name, &address).set(OPENAI, "proxy", r#""environment""#).start();
        assert_eq!(gate.ask(gate.chat()).status, 200, "{name}");
    }
    assert_eq!(heard.lock().unwrap().len(), 4);
    let login = "proxy-authorization: Basic Z2F0ZTpwQHNz\r\n";
    assert!(proxy.heads().iter().all(|head| head.contains(login)), "{:?}", proxy.heads());
    // Without the setting, by another variable, or where the list of exceptions has it, the gate goes straight there.
    for setup in [
        with("HTTPS_PROXY", &address),
        with("HTTP_PROXY", &address).set(OPENAI, "proxy", r#""environment""#),
        with("HTTPS_PROXY", &address).variable("NO_PROXY", ".example.com").set(
            OPENAI,
            "proxy",
            r#""environment""#,
        ),
    ] {
        let gate = setup.start();
        assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_unreachable"));
    }
    assert_eq!(proxy.heads().len(), 4);
}
