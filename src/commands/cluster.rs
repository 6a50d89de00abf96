//! Commands of a cluster, which a store is no part of: the answers of a server that runs alone.

use super::spec::{Group, category, flag::*};
use super::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    alone("ASKING").summary("Lets one command through to a moving slot: there are none.").flags(FAST),
    CommandSpec::container("CLUSTER", SUBCOMMANDS)
        .summary("Holds the commands about a cluster.")
        .since("3.0.0")
        .complexity("Depends on the subcommand.")
        .group(Group::Cluster),
    alone("READONLY")
        .summary("Lets a replica of a cluster answer reads: there is none.")
        .flags(LOADING | STALE | FAST),
    alone("READWRITE").summary("Takes READONLY back.").flags(LOADING | STALE | FAST),
];

const fn alone(name: &'static str) -> CommandSpec {
    CommandSpec::server(name, no_cluster_cmd)
        .since("3.0.0")
        .group(Group::Cluster)
        .categories(category::CONNECTION)
}

const SUBCOMMANDS: &[CommandSpec] = &[
    question("INFO").summary("Tells the state of the cluster: there is none."),
    question("MYID").summary("Tells the number of the node: it has none.").tips(&[]),
    question("NODES")
        .summary("Describes the nodes: there are none.")
        .complexity("O(N), N being the number of nodes."),
    question("SHARDS")
        .summary("Describes the shards: there are none.")
        .since("7.0.0")
        .complexity("O(N), N being the number of nodes."),
    question("SLOTS")
        .summary("Tells which nodes have which slots: there are none.")
        .complexity("O(N), N being the number of nodes."),
];

const fn question(name: &'static str) -> CommandSpec {
    CommandSpec::server(name, no_cluster_cmd)
        .since("3.0.0")
        .group(Group::Cluster)
        .arity(2)
        .flags(STALE)
        .tips(&["nondeterministic_output"])
}

fn no_cluster_cmd(_: &Store, _: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    Err(Error::NO_CLUSTER)
}
