//! Measures our service at a server that only routes and counts: an upper bound for every server.

use std::{io, net::TcpListener};

use couplet_pubsub::settings::StoreLocation;

use crate::{
    Cli,
    raw_stream::RawStream,
    service::{Place, Service},
    table::{Goal, Table},
    workload::{Workload, payload},
};

const DOMAIN: &str = "pubsub.localhost";

/// Measures one store.
pub(crate) fn measure(
    cli: &Cli,
    name: &str,
    store: StoreLocation,
    table: &mut Table,
) -> io::Result<()> {
    let door = TcpListener::bind("127.0.0.1:0")?;
    let sqlite = matches!(store, StoreLocation::Sqlite(_));
    let service = Service::start(Place {
        server: door.local_addr()?.to_string(),
        domain: DOMAIN,
        secret: "secret",
        store,
        threads: cli.threads,
    });
    let mut stream = RawStream::accept(&door, DOMAIN)?;
    let mut workload = Workload {
        stream: &mut stream,
        service: DOMAIN,
        users: "localhost",
    };
    let payload = payload(cli.payload);
    let who = format!("ours, {name}");
    workload.create("told")?;
    let parts = table.quietly(|| workload.subscribe("told", cli.subscribers))?;
    table.subscribed(&who, &parts);
    let readers = cli.subscribers as u64;
    let mut rounds = Vec::new();
    for _ in 0..cli.rounds() {
        rounds.push(table.quietly(|| workload.fan_out("told", readers, cli.items(30), &payload))?);
    }
    let block = "fan-out, a server that only counts";
    table.fanout(block, &who, &rounds);
    table.goal(Goal::AtLeast(300_000.0));
    table.waited(block, &who, &rounds);
    workload.create("published")?;
    let done =
        table.quietly(|| workload.publish("published", cli.publishers, cli.time(), &payload))?;
    let block = "publish over the wire, a server that only counts";
    table.add(block, &who, "acknowledged", done.rate(), "/s");
    if sqlite {
        table.goal(Goal::AtLeast(20_000.0));
    }
    service.stop()
}
