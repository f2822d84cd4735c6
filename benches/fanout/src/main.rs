//! How fast the pubsub service tells its subscribers, and how long a question takes meanwhile.
//!
//! A server that only counts sits at the other end of a loopback connection: what it cannot take,
//! no server can. Deliberately absent: peers; no other component offers the service.

mod server;

use std::{error::Error, net::TcpListener, thread, time::Duration};

use clap::Parser;
use couplet::{Component, Config};
use couplet_pubsub::{
    Pubsub,
    settings::{Settings, StoreAt},
};
use tokio::sync::oneshot;

use crate::server::{Plan, Taken};

/// Measures the fan-out of the pubsub service.
#[derive(Parser)]
struct Cli {
    /// Subscribers of the one node
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Items published, each when the one before has reached everybody
    #[arg(long, default_value_t = 100)]
    items: usize,
    /// Bytes of each item's payload
    #[arg(long, default_value_t = 200)]
    payload: usize,
    /// Threads of the service
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// memory, or sqlite:PATH
    #[arg(long, default_value = "memory")]
    store: StoreAt,
}

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let door = TcpListener::bind("127.0.0.1:0")?;
    let server = format!("{}", door.local_addr()?);
    let plan = Plan {
        subscribers: cli.subscribers,
        items: cli.items,
        payload: cli.payload,
    };
    let (done, stop) = oneshot::channel::<()>();
    let counting = thread::spawn(move || {
        let taken = server::serve(&door, &plan);
        drop(done);
        taken.map_err(|why| why.to_string())
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut settings = Settings::default();
        settings.store = cli.store.clone();
        settings.limits.subscriptions = u64::MAX;
        let pubsub = Pubsub::open(settings).await?;
        let mut config = Config::new(server::DOMAIN, "secret").with_server(server.parse()?);
        config.timing.grace = Duration::from_secs(1);
        let component = pubsub.mount(Component::new(config)).without_reconnect();
        let until = async {
            let _ended = stop.await;
        };
        let _the_server_has_gone = component.run(until).await;
        pubsub.close().await?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    let taken = counting.join().map_err(|_| "the server panicked")??;
    show(&cli, &taken);
    Ok(())
}

fn show(cli: &Cli, taken: &Taken) {
    let all = cli.subscribers * cli.items;
    let rate = all as f64 / taken.fanout.as_secs_f64();
    let subscribes = cli.subscribers as f64 / taken.subscribe.as_secs_f64();
    println!(
        "{} subscribers, {} items of {} bytes, {:?}, {} thread(s)",
        cli.subscribers, cli.items, cli.payload, cli.store, cli.threads
    );
    println!("subscribes        {subscribes:>12.0} /s");
    println!(
        "notifications     {rate:>12.0} /s, {} bytes each",
        taken.bytes / all.max(1)
    );
    let mut waits = taken.waits.clone();
    waits.sort_unstable();
    for (name, part) in [("p50", 50), ("p99", 99), ("worst", 100)] {
        let place = (waits.len() * part / 100).min(waits.len().saturating_sub(1));
        let wait = waits.get(place).copied().unwrap_or_default();
        println!("a ping, {name:<9} {:>12.2} ms", wait.as_secs_f64() * 1e3);
    }
}
