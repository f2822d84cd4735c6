//! What it costs that there is much: in SQLite pages of 10,000 and of a million items and requests
//! of a JID with many subscriptions; in SQLite and in PostgreSQL, which has to be installed, writers
//! beside a purge, a deletion, and a change of access that ends all subscriptions.
//!
//! `cargo bench -p couplet-pubsub --features measure --bench sizes`

use std::time::Duration;

use couplet_pubsub::measure::{Place, StoreBench};
use couplet_test::Postgres;

const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;
const CROWD: u32 = 100_000;

fn main() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut stores = Vec::new();
    for items in [FEW, MANY] {
        let store = StoreBench::sqlite(&folder.path().join(items.to_string()))?;
        store.create(2).await?;
        store.fill(items).await?;
        stores.push((items, store));
    }
    println!("| page of 50 items | of {FEW} | of {MANY} | ratio |\n|---|---|---|---|");
    for place in [Place::First, Place::Middle, Place::NearEnd, Place::Last] {
        let mut took = Vec::new();
        for (items, store) in &stores {
            took.push(store.page(place, *items).await?);
        }
        row(&format!("{place:?}"), &took);
    }
    println!("\n| request of one JID | 100 subscriptions | 9900 | ratio |\n|---|---|---|---|");
    let mut took = Vec::new();
    for ((_, store), held) in stores.iter().zip([100, 9_900]) {
        store.pile_up(held).await?;
        took.push(store.ask_piled_up().await?);
    }
    row("nothing is changed", &took);
    println!(
        "\n| slowest publication beside a purge | of {FEW} | of {MANY} | ratio |\n|---|---|---|---|"
    );
    let mut took = Vec::new();
    for (_, store) in &stores {
        took.push(store.purge().await?);
    }
    row("SQLite", &took);
    let server = Postgres::start().await.map_err(|error| error.to_string())?;
    println!("\n| slowest publication beside | of {FEW} | of {CROWD} | ratio |\n|---|---|---|---|");
    let (mut sqlite, mut postgres) = (Vec::new(), Vec::new());
    for size in [FEW, CROWD] {
        let path = folder.path().join(format!("beside-{size}"));
        sqlite.push(beside(&StoreBench::sqlite(&path)?, size).await?);
        let url = format!("{}?schema=of_{size}", server.socket_url());
        postgres.push(beside(&StoreBench::postgres(&url).await?, size).await?);
    }
    for (store, took) in [("SQLite", sqlite), ("PostgreSQL", postgres)] {
        for (number, what) in ["nothing", "a purge", "a change of access", "a deletion"]
            .into_iter()
            .enumerate()
        {
            let took: Vec<Duration> = took
                .iter()
                .filter_map(|took| took.get(number).copied())
                .collect();
            row(&format!("{what}, {store}"), &took);
        }
    }
    Ok(())
}

/// Nothing else, a purge of so many items, a change of access for so many, and a deletion of as much.
async fn beside(store: &StoreBench, size: u32) -> Result<[Duration; 4], String> {
    store.create(2).await?;
    store.fill(size).await?;
    store.crowd(size).await?;
    let alone = store.alone().await?;
    let (purge, access) = (store.purge().await?, store.close_to_all().await?);
    store.fill(size).await?;
    store.crowd(size).await?;
    Ok([alone, purge, access, store.delete().await?])
}

fn row(what: &str, took: &[Duration]) {
    let [few, many] = took else { return };
    let millis = |took: &Duration| took.as_secs_f64() * 1_000.0;
    println!(
        "| {what} | {:.2} ms | {:.2} ms | {:.1} |",
        millis(few),
        millis(many),
        millis(many) / millis(few)
    );
}
