//! A store whose primary Sentinels name: real servers, of which the primary dies, hangs, or is cut off.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;
#[path = "common/gates.rs"]
mod gates;
#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use common::{Running, until};
use gates::{KEY, serving, setup, two, until_at, use_up};
use redis::{Redis, free_port};

/// Of the Sentinels.
const PASSWORD: &str = "sentinel-canary";

/// Two servers and three Sentinels that agree which is the primary.
struct Fleet {
    primary: Redis,
    replica: Redis,
    sentinels: Vec<Redis>,
}

impl Fleet {
    fn start() -> Self {
        let server = |more: &[&str]| {
            let port = free_port();
            let told = port.to_string();
            // Replicas and Sentinels log in by names of their own, so that a test can cut them off.
            let copies = ["--user", "copies", "on", ">copying", "+psync", "+replconf", "+ping"];
            let watches = ["--user", "watches", "on", ">watching", "allchannels", "+@all"];
            let login = ["--masteruser", "copies", "--masterauth", "copying"];
            let arguments = [&["--port", &told], &copies[..], &watches, &login, more].concat();
            Redis::with(port, &arguments)
        };
        let primary = server(&[]);
        let replica = server(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
        let is_up = "master_link_status:up";
        until("it is copied", || replica.ask(&["INFO", "replication"]).contains(is_up));
        let login = "sentinel auth-user limits watches\nsentinel auth-pass limits watching";
        let sentinels: Vec<Redis> = (0..3).map(|_| Redis::sentinel(primary.port, login, PASSWORD)).collect();
        for sentinel in &sentinels {
            until("the Sentinels know each other", || {
                sentinel.ask(&["INFO", "sentinel"]).contains("status=ok")
                    && sentinel.ask(&["INFO", "sentinel"]).contains("slaves=1,sentinels=3")
            });
        }
        Self { primary, replica, sentinels }
    }

    fn url(&self) -> String {
        let at: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/limits", at.join(","))
    }

    fn gates(&self, upstream: &common::Upstream) -> [Running; 2] {
        let setup = setup(upstream, &self.url()).set("store", "sentinel_password", r#""env:SENTINELS""#);
        two(&setup.variable("SENTINELS", PASSWORD))
    }

    /// What the primary counted and its replica has not heard of.
    fn lag(&self) -> f64 {
        let level = |server: &Redis| server.ask(&["HGET", KEY, "level"]).parse::<f64>().unwrap();
        level(&self.primary) - level(&self.replica)
    }
}

#[test]
fn a_quota_holds_when_the_primary_dies_with_what_it_wrote_last() {
    let (upstream, mut fleet) = (serving(), Fleet::start());
    let gates = fleet.gates(&upstream);
    until_at(&gates, fleet.primary.port);
    let mut lost = 0.0;
    use_up(&gates, |told| {
        told.until_served(200);
        // The replica hears no more, and the primary counts on.
        fleet.primary.ask(&["ACL", "SETUSER", "copies", "off"]);
        fleet.primary.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
        told.until_served(150);
        lost = fleet.lag();
        fleet.primary.kill();
        until_at(&gates, fleet.replica.port);
    });
    println!("{lost:.0} units were lost by the failover");
    assert!(lost > 75.0, "{lost}");
    assert!(gates.iter().all(|gate| !gate.written.text().contains(PASSWORD)));
}

#[test]
fn a_primary_that_hangs_is_left_and_not_believed_afterwards() {
    let (upstream, mut fleet) = (serving(), Fleet::start());
    let gates = fleet.gates(&upstream);
    // A Sentinel that is gone does not keep the others from being heard.
    fleet.sentinels[0].kill();
    use_up(&gates, |told| {
        told.until_served(200);
        fleet.primary.signal("-STOP");
        until_at(&gates, fleet.replica.port);
        fleet.primary.signal("-CONT");
        told.until_served(200);
        until("it is a replica", || fleet.primary.ask(&["ROLE"]).starts_with("slave"));
        // Somebody fails over by hand, and back it goes.
        until("that is possible", || {
            let said = fleet.sentinels[1].ask(&["SENTINEL", "FAILOVER", "limits"]);
            std::thread::sleep(std::time::Duration::from_millis(50));
            said == "OK"
        });
        until_at(&gates, fleet.primary.port);
        told.until_served(200);
    });
}

#[test]
fn a_primary_that_only_gates_can_reach_is_left() {
    let (upstream, fleet) = (serving(), Fleet::start());
    let gates = fleet.gates(&upstream);
    use_up(&gates, |told| {
        told.until_served(200);
        // The Sentinels are cut off from it, and so is the replica; it goes on serving gates and is told nothing.
        fleet.primary.ask(&["ACL", "SETUSER", "default", "-ping"]);
        for name in ["watches", "copies"] {
            fleet.primary.ask(&["ACL", "SETUSER", name, "off"]);
            fleet.primary.ask(&["CLIENT", "KILL", "USER", name]);
        }
        until_at(&gates, fleet.replica.port);
        assert!(fleet.primary.ask(&["ROLE"]).starts_with("master"), "it still takes itself for the primary");
        told.until_served(200);
    });
}

#[test]
fn a_replica_is_never_the_store() {
    let (upstream, fleet) = (serving(), Fleet::start());
    // It knows everything that a gate would ask for.
    fleet.primary.ask(&["SET", "{portcullis}:born", "known:0"]);
    let gate = setup(&upstream, &format!("redis://127.0.0.1:{}", fleet.replica.port)).start();
    until("it is told", || gate.written.text().contains("READONLY"));
    let refused = gate.ask(gates::chat(&gate));
    assert_eq!((refused.status, refused.reason()), (503, Some("limits_unavailable")), "{}", refused.text());
    assert_eq!(gates::reached(&gate), None);
}
