//! Whose key, from which address, and which headers go on.

use crate::common::client::request;
use crate::common::setup::new_key;
use crate::common::{CHAT, Running};
use crate::{stage, staged};

/// What may reach an upstream from a chat request of this test.
const EXPECTED: [&str; 4] = ["host", "content-type", "authorization", "content-length"];

fn chat_with(gate: &Running, more: &str) -> String {
    let bytes = String::from_utf8(gate.chat()).unwrap();
    bytes.replacen("host: gate", &format!("host: gate\r\n{more}"), 1)
}

/// Row 5.
#[test]
fn a_second_credential_is_refused_and_the_same_one_twice_is_one() {
    let (gate, upstream) = stage();
    let (own, other) = (gate.setup.client_key.clone(), new_key("other"));
    for name in ["authorization", "x-api-key", "x-goog-api-key", "api-key"] {
        let bearer = if name == "authorization" { "Bearer " } else { "" };
        let answer = gate.ask(chat_with(&gate, &format!("{name}: {bearer}{other}")));
        assert_eq!(answer.reason(), Some("key_conflict"), "{name}");
        assert_eq!(gate.ask(chat_with(&gate, &format!("{name}: {bearer}{own}"))).status, 200, "{name}");
    }
    let in_query = String::from_utf8(gate.chat()).unwrap();
    let answer = gate.ask(in_query.replacen("/completions", &format!("/completions?key={other}"), 1));
    assert_eq!(answer.reason(), Some("key_conflict"));
    assert_eq!(upstream.requests().len(), 4);
}

/// Rows 5 and 6.
#[test]
fn of_a_clients_headers_only_the_known_ones_go_on() {
    let (gate, upstream) = stage();
    let own = gate.setup.client_key.clone();
    let more = [
        &format!("x-api-key: {own}"),
        &format!("x-goog-api-key: {own}"),
        &format!("api-key: {own}"),
        "proxy-authorization: Basic eDp5",
        "cookie: session=1",
        "openai-organization: org-x",
        "openai-project: proj-x",
        "x-forwarded-for: 1.2.3.4",
        "x-real-ip: 1.2.3.4",
        "via: 1.1 x",
        "origin: https://x",
        "referer: https://x",
        "accept-encoding: gzip",
        "range: bytes=0-1",
        "if-none-match: x",
        "te: trailers",
        "trailer: x",
        "keep-alive: timeout=5",
        "proxy-connection: keep-alive",
        "anthropic_version: 2023-06-01",
        "x_api_key: another",
        "content_length: 0",
        "transfer_encoding: chunked",
        "x-stainless-lang: python",
        "x-custom: a",
    ];
    assert_eq!(gate.ask(chat_with(&gate, &more.join("\r\n"))).status, 200);
    let request = upstream.requests().pop().unwrap();
    let mut names = request.header_names();
    names.sort();
    let mut expected = EXPECTED.map(str::to_owned);
    expected.sort();
    assert_eq!(names, expected, "{}", request.head);
    let credential = format!("Bearer {}", gate.setup.provider_key);
    assert_eq!(request.header("authorization"), [credential]);
}

/// Row 7.
#[test]
fn nothing_that_a_connection_header_names_is_lost() {
    let (gate, upstream) = stage();
    for named in [
        "authorization, x-api-key, host, content-length, content-type",
        "close, authorization",
        "keep-alive, Authorization",
        "transfer-encoding",
    ] {
        assert_eq!(gate.ask(chat_with(&gate, &format!("connection: {named}"))).status, 200, "{named}");
        let request = upstream.requests().pop().unwrap();
        assert_eq!(request.header("authorization"), [format!("Bearer {}", gate.setup.provider_key)]);
        assert_eq!(request.header("host"), [upstream.address.to_string()]);
        assert!(request.header("connection").is_empty(), "{}", request.head);
        assert_eq!(request.body, CHAT.as_bytes());
    }
}

/// Rows 8 and 10.
#[test]
fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let spoofs = ["x-forwarded-for: 10.9.9.9", "forwarded: for=10.9.9.9", "x-real-ip: 10.9.9.9"];
    let (gate, upstream) = staged(|setup| setup.set("projects.search", "allow_ips", r#"["10.9.9.9"]"#));
    for spoof in spoofs {
        assert_eq!(gate.ask(chat_with(&gate, spoof)).reason(), Some("ip_not_allowed"), "{spoof}");
    }
    let proxied = |setup: crate::common::Setup| {
        setup.set("projects.search", "allow_ips", r#"["10.9.9.9"]"#).set(
            "server",
            "trusted_proxies",
            r#"["127.0.0.0/8", "10.0.0.0/24"]"#,
        )
    };
    let (behind, second) = staged(proxied);
    for (lines, reason) in [
        ("x-forwarded-for: 10.9.9.9", None),
        ("x-forwarded-for: 10.9.9.9, 10.0.0.7", None),
        ("x-forwarded-for: 1.1.1.1, 10.9.9.9", None),
        ("x-forwarded-for: ::ffff:10.9.9.9", None),
        ("x-forwarded-for: 10.9.9.9\r\nx-forwarded-for: 10.0.0.7", None),
        ("x-forwarded-for: 10.9.9.9, 1.1.1.1", Some("ip_not_allowed")),
        ("x-forwarded-for: 10.9.9.9\r\nx-forwarded-for: 1.1.1.1", Some("ip_not_allowed")),
        ("x-forwarded-for: 10.9.9.9, rubbish", Some("client_address_unreadable")),
        ("x-forwarded-for: 10.9.9.9,", Some("client_address_unreadable")),
        ("x-forwarded-for: 010.9.9.9", Some("client_address_unreadable")),
        ("x-forwarded-for: 0xa.9.9.9", Some("client_address_unreadable")),
        ("x-forwarded-for: 10.9.2313", Some("client_address_unreadable")),
        ("forwarded: for=10.9.9.9", Some("ip_not_allowed")),
        ("x_forwarded_for: 10.9.9.9", Some("ip_not_allowed")),
    ] {
        let answer = behind.ask(chat_with(&behind, lines));
        assert_eq!(answer.reason(), reason, "{lines}: {}", answer.text());
    }
    assert_eq!((upstream.requests().len(), second.requests().len()), (0, 5));
}

/// Row 9.
#[test]
fn an_ipv4_address_dressed_as_ipv6_is_the_ipv4_address() {
    if std::net::TcpListener::bind("[::]:0").is_err() {
        return;
    }
    let (gate, _upstream) = staged(|setup| setup.set("server", "listen", r#""[::]:0""#));
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], gate.address().port()));
    let mut client = crate::common::Client::connect(address);
    client.send(gate.chat());
    assert_eq!(client.answer().status, 200);
    assert_eq!(gate.record()["client_ip"], "127.0.0.1");
}

#[test]
fn a_get_that_carries_a_body_is_refused() {
    let (gate, upstream) = stage();
    let key = format!("Bearer {}", gate.setup.client_key);
    let answer = gate.ask(request("GET", "/v1/models", &[("authorization", &key)], "{}"));
    assert_eq!(answer.reason(), Some("body_invalid"));
    assert_eq!(upstream.connections(), 0);
}
