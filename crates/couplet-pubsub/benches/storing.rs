//! Acknowledged items, subscriptions and deliveries a second, on memory and on SQLite.
//!
//! `cargo bench -p couplet-pubsub --features measure --bench storing [folder]`

use std::{error::Error, path::PathBuf};

use couplet_pubsub::measure::{Measured, StoreBench};

const PUBLISHERS: u32 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let folder = match named {
        Some(folder) => tempfile::tempdir_in(PathBuf::from(folder))?,
        None => tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR"))?,
    };
    publish("memory", &StoreBench::memory(), 400).await?;
    subscribe("memory", &StoreBench::memory(), 10_000).await?;
    let subject = StoreBench::sqlite(&folder.path().join("publish.db"))?;
    publish("sqlite", &subject, 1_000).await?;
    subject.close().await?;
    let subject = StoreBench::sqlite(&folder.path().join("subscribe.db"))?;
    subscribe("sqlite", &subject, 10_000).await?;
    subject.close().await?;
    Ok(())
}

async fn publish(name: &str, subject: &StoreBench, each: u32) -> Result<(), Box<dyn Error>> {
    subject.create(PUBLISHERS).await?;
    for nodes in [1, 1, PUBLISHERS, PUBLISHERS] {
        let published = subject.publish(PUBLISHERS, each, nodes).await?;
        let what = format!("{name}: {PUBLISHERS} publishers, {nodes} nodes");
        tell(&what, published);
        subject.drain().await?;
    }
    Ok(())
}

async fn subscribe(name: &str, subject: &StoreBench, many: u32) -> Result<(), Box<dyn Error>> {
    subject.create(1).await?;
    for quarter in 0..4 {
        let part = many / 4;
        let measured = subject.subscribe(quarter * part, part, PUBLISHERS).await?;
        let from = quarter * part;
        tell(&format!("{name}: subscribe, from {from} on"), measured);
    }
    subject.publish(1, 20, 1).await?;
    let delivered = subject.drain().await?;
    tell(&format!("{name}: recipients of 20 items"), delivered);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
fn tell(what: &str, measured: Measured) {
    let (rate, took) = (measured.rate(), measured.took.as_secs_f64());
    let commits = measured.commits as f64 / took;
    println!("{what:<44} {rate:>10.0} a second in {took:>5.2} s, {commits:>5.0} commits a second");
}
