//! Our service at a server that only routes and counts: what it cannot take, no server can.

use std::{io, net::TcpListener};

use couplet_pubsub::settings::StoreAt;

use crate::{
    Cli,
    service::{Place, Service},
    table::{Goal, Table},
    task::{Task, payload},
    wire::Wire,
};

const DOMAIN: &str = "pubsub.localhost";

/// Measures one store.
pub(crate) fn measure(cli: &Cli, name: &str, store: StoreAt, table: &mut Table) -> io::Result<()> {
    let door = TcpListener::bind("127.0.0.1:0")?;
    let sqlite = matches!(store, StoreAt::Sqlite(_));
    let service = Service::start(Place {
        server: door.local_addr()?.to_string(),
        domain: DOMAIN,
        secret: "secret",
        store,
        threads: cli.threads,
    });
    let mut wire = Wire::accept(&door, DOMAIN)?;
    let mut task = Task {
        wire: &mut wire,
        service: DOMAIN,
        users: "localhost",
    };
    let payload = payload(cli.payload);
    let who = format!("ours, {name}");
    task.create("told")?;
    let parts = table.quietly(|| task.subscribe("told", cli.subscribers))?;
    table.subscribed(&who, &parts);
    let readers = cli.subscribers as u64;
    let mut rounds = Vec::new();
    for _ in 0..cli.rounds() {
        rounds.push(table.quietly(|| task.tell("told", readers, cli.items(30), &payload))?);
    }
    let block = "fan-out, a server that only counts";
    table.told(block, &who, &rounds);
    table.goal(Goal::AtLeast(300_000.0));
    table.waited(block, &who, &rounds);
    task.create("published")?;
    let done = table.quietly(|| task.publish("published", cli.publishers, cli.time(), &payload))?;
    let block = "publish over the wire, a server that only counts";
    table.add(block, &who, "acknowledged", done.rate(), "/s");
    if sqlite {
        table.goal(Goal::AtLeast(20_000.0));
    }
    service.stop()
}
