//! A store that is a cluster: real nodes, between which the keys move, and of which the owner dies.

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
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod gates;
#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use common::until;
use gates::{serving, setup, two, until_at, use_up};
use redis::{Redis, free_port};

/// How many slots there are.
const SLOTS: usize = 16_384;

/// Three nodes that share the slots, and a replica of the one that owns the keys.
struct Cluster {
    nodes: Vec<Redis>,
    replica: Redis,
    slot: usize,
}

impl Cluster {
    fn start() -> Self {
        let node = || {
            let (port, bus) = (free_port(), free_port());
            let (told, bus_told) = (port.to_string(), bus.to_string());
            let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
            let ports = ["--port", &told, "--cluster-port", &bus_told];
            (Redis::with(port, &[cluster, ports].concat()), bus_told)
        };
        let mut nodes = Vec::new();
        for number in 0..4 {
            let (node, bus) = node();
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            if number < 3 {
                let (from, to) = (number * SLOTS / 3, (number + 1) * SLOTS / 3 - 1);
                node.ask(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            }
            let first = nodes.first().unwrap_or(&node);
            first.ask(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), &bus]);
            nodes.push(node);
        }
        for node in &nodes {
            until("the nodes know each other", || {
                let info = node.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:4")
            });
        }
        let replica = nodes.pop().unwrap();
        let slot = nodes[0].ask(&["CLUSTER", "KEYSLOT", "{portcullis}:born"]).parse().unwrap();
        let cluster = Self { nodes, replica, slot };
        let owner = cluster.id(cluster.owner());
        assert_eq!(cluster.replica.ask(&["CLUSTER", "REPLICATE", &owner]), "OK");
        until("it is a replica", || {
            cluster.replica.ask(&["INFO", "replication"]).contains("master_link_status:up")
        });
        cluster
    }

    /// The number of the node that owns the keys at first.
    const fn owner(&self) -> usize {
        self.slot * 3 / SLOTS
    }

    fn id(&self, number: usize) -> String {
        self.nodes[number].ask(&["CLUSTER", "MYID"])
    }

    /// A node that does not own the keys, as the only one that the configuration names.
    fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{}", self.nodes[(self.owner() + 1) % 3].port)
    }

    /// Moves the keys to another node, as `redis-cli --cluster reshard` does.
    fn move_keys(&self, from: usize, to: usize) {
        let (slot, source, target) = (self.slot.to_string(), &self.nodes[from], &self.nodes[to]);
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]);
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]);
        loop {
            let keys = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "2"]);
            if keys.is_empty() {
                break;
            }
            let port = target.port.to_string();
            let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            words.extend(keys.split(' '));
            assert_eq!(source.ask(&words), "OK");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        for node in [target, source].into_iter().chain(&self.nodes) {
            node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &self.id(to)]);
        }
    }
}

#[test]
fn a_quota_holds_while_the_keys_move_to_another_node() {
    let (upstream, cluster) = (serving(), Cluster::start());
    let gates = two(&setup(&upstream, &cluster.url()));
    let owner = cluster.owner();
    until_at(&gates, cluster.nodes[owner].port);
    use_up(&gates, |told| {
        told.until_served(200);
        for to in [(owner + 1) % 3, (owner + 2) % 3] {
            cluster.move_keys((to + 2) % 3, to);
            until_at(&gates, cluster.nodes[to].port);
            told.until_served(300);
        }
    });
}

#[test]
fn a_quota_holds_when_the_owner_of_the_keys_dies() {
    let (upstream, mut cluster) = (serving(), Cluster::start());
    let gates = two(&setup(&upstream, &cluster.url()));
    let owner = cluster.owner();
    use_up(&gates, |told| {
        told.until_served(200);
        cluster.nodes[owner].kill();
        until_at(&gates, cluster.replica.port);
        told.until_served(200);
    });
}

#[test]
fn the_cluster_is_found_when_all_that_was_named_is_gone() {
    let (upstream, mut cluster) = (serving(), Cluster::start());
    let gates = two(&setup(&upstream, &cluster.url()));
    let owner = cluster.owner();
    // Two of three are left, of which one owns the keys: enough for the cluster, and none that the gates were told of.
    cluster.nodes[(owner + 1) % 3].ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    for number in [owner, (owner + 2) % 3] {
        cluster.nodes[number].ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    cluster.nodes[(owner + 1) % 3].kill();
    let count = |gate: &common::Running| {
        gate.gate.flush();
        gate.written.text().matches("limits_store_reached").count()
    };
    let before: Vec<usize> = gates.iter().map(count).collect();
    cluster.nodes[owner].ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    for (gate, before) in gates.iter().zip(before) {
        until("it is reached again", || count(gate) > before);
    }
}
