//! Three servers that share the keys between them.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{PATIENCE, Redis, found, free_port};

/// Hash slots of every cluster.
const SLOTS: usize = 16_384;

/// A cluster of three nodes without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    /// A new one; or says loudly why there is none.
    ///
    /// # Panics
    /// Where there is none and `BRIGADE_REQUIRE_SERVERS=1` is set.
    pub fn start() -> Option<Self> {
        found("a cluster of Redis", Self::try_start())
    }

    /// The URL that names all nodes.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis://{}", hosts.join(","))
    }

    /// Runs a command at the node of a key.
    ///
    /// # Errors
    /// If no node takes it.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let mut refused = None;
        for node in &self.nodes {
            match node.command(words) {
                Err(error) if error.to_string().starts_with("MOVED") => refused = Some(error),
                answered => return answered,
            }
        }
        Err(refused.unwrap_or_else(|| anyhow::anyhow!("the cluster has no nodes")))
    }

    fn try_start() -> Result<Self> {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..3 {
            let bus = free_port()?.to_string();
            nodes.push(Redis::try_start(&[
                ("cluster-enabled", "yes"),
                ("cluster-config-file", "nodes.conf"),
                ("cluster-node-timeout", "2000"),
                ("cluster-port", &bus),
            ])?);
            buses.push(bus);
        }
        let cluster = Self { nodes };
        for (i, node) in cluster.nodes.iter().enumerate() {
            let (first, last) = (i * SLOTS / 3, (i + 1) * SLOTS / 3 - 1);
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()])?;
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
        }
        for (node, bus) in cluster.nodes.iter().zip(&buses).skip(1) {
            cluster.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus])?;
        }
        cluster.wait_until_agreed()?;
        Ok(cluster)
    }

    /// Ready is a cluster of which every node knows all slots.
    fn wait_until_agreed(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let agrees = |node: &Redis| {
            node.command(&["CLUSTER", "INFO"]).is_ok_and(|info| {
                ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"].iter().all(|w| info.contains(w))
            })
        };
        while !self.nodes.iter().all(agrees) {
            if Instant::now() > until {
                bail!("the nodes did not agree within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
