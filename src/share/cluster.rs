//! Finds the node of a cluster that owns the keys: one does, since the names of all keys share a hash tag.
//!
//! 1. Every node that is known is asked at once, and whoever is first led to the owner wins. A node that does not own
//!    the keys names the one that does.
//! 2. The nodes that the owner names are remembered, so that a gate finds the cluster also when all that its
//!    configuration names are gone.
//! 3. While the keys are on their way to another node, nobody can count all of them: who asks is told to come again.

use futures_util::future::select_ok;
use redis::Value;

use super::line::{Line, told};
use crate::snapshot::{ShareSettings, StoreServer};

/// How often one is sent on.
const MOST_HOPS: usize = 5;
/// How many nodes are remembered.
const MOST_NODES: usize = 16;

/// A connection to the owner, and which node that is.
pub(super) async fn owner(
    settings: &ShareSettings,
    nodes: &[StoreServer],
    known: &mut Vec<StoreServer>,
) -> Result<(Line, StoreServer), String> {
    let mut asked: Vec<&StoreServer> = nodes.iter().collect();
    asked.extend(known.iter().filter(|node| !nodes.contains(node)));
    let searches = asked.into_iter().map(|node| Box::pin(search(settings, node.clone())));
    let ((mut line, owner), _) = select_ok(searches).await?;
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("SLOTS");
    // A server that is none of a cluster does not know this, and serves.
    if let Ok(slots) = line.ask(&slots).await {
        known.clear();
        named(&slots, &owner, known);
    }
    Ok((line, owner))
}

/// Goes where the node sends it, until one owns the keys.
async fn search(settings: &ShareSettings, mut node: StoreServer) -> Result<(Line, StoreServer), String> {
    let mut exists = redis::cmd("EXISTS");
    exists.arg(format!("{{{}}}:born", settings.prefix));
    for _ in 0..MOST_HOPS {
        let mut line = Line::to_server(&node, settings).await?;
        let Err(error) = line.ask::<Value>(&exists).await else { return Ok((line, node)) };
        match (error.code(), error.redirect_node()) {
            (Some("MOVED"), Some((address, _))) => {
                node = sent_to(address, &node).ok_or_else(|| format!("{node}: names no node"))?;
            }
            // It owns the keys still, and they leave.
            (Some("ASK"), _) => return Ok((line, node)),
            _ => return Err(format!("{node}: {}", told(&error))),
        }
    }
    Err("the nodes send from one to the other".to_owned())
}

/// The node of a redirection. One without a host is where the node is that sends there.
fn sent_to(address: &str, from: &StoreServer) -> Option<StoreServer> {
    let (host, port) = address.rsplit_once(':')?;
    // Hosts of IPv6 stand without brackets there.
    let host = if host.is_empty() || host == "?" { &from.host } else { host };
    Some(StoreServer { host: host.into(), port: port.parse().ok()? })
}

/// The nodes of an answer to `CLUSTER SLOTS`: a list of first slot, last slot, and nodes as lists of host, port and more.
fn named(slots: &Value, owner: &StoreServer, known: &mut Vec<StoreServer>) {
    let list = |value: &Value| if let Value::Array(list) = value { list.clone() } else { Vec::new() };
    for range in list(slots) {
        for node in list(&range).into_iter().skip(2) {
            let [host, Value::Int(port), ..] = &*list(&node) else { continue };
            let host = if let Value::BulkString(host) = host { host.as_slice() } else { &[] };
            let host = std::str::from_utf8(host).unwrap_or_default();
            if let Some(node) = sent_to(&format!("{host}:{port}"), owner)
                && known.len() < MOST_NODES
                && !known.contains(&node)
            {
                known.push(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_node_sends_to() {
        let from = StoreServer { host: "limits".into(), port: 1 };
        let to = |address: &str| sent_to(address, &from).map(|node| node.to_string());
        assert_eq!(to("10.0.0.1:6379").as_deref(), Some("10.0.0.1:6379"));
        assert_eq!(to("::1:6379").as_deref(), Some("[::1]:6379"));
        assert_eq!(to(":6379").as_deref(), Some("limits:6379"));
        assert_eq!(to("?:6379").as_deref(), Some("limits:6379"));
        assert_eq!(to("limits"), None);
    }

    #[test]
    fn the_nodes_that_a_cluster_names() {
        let text = |text: &str| Value::BulkString(text.into());
        let node = |host: &str, port| Value::Array(vec![text(host), Value::Int(port), text("id")]);
        let slots = Value::Array(vec![
            Value::Array(vec![Value::Int(0), Value::Int(99), node("a", 1), node("b", 2)]),
            Value::Array(vec![Value::Int(100), Value::Int(200), node("", 3), node("a", 1)]),
        ]);
        let mut known = Vec::new();
        named(&slots, &StoreServer { host: "owner".into(), port: 9 }, &mut known);
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        assert_eq!(known, ["a:1", "b:2", "owner:3"]);
    }
}
