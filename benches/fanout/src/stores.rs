//! Measures stores directly: publishers at SQLite, memory of subscriptions.

use std::{fs, io, path::Path, process::Command};

use couplet_pubsub::measure::StoreBench;
use tokio::runtime::Builder;

use crate::{
    Cli,
    table::{Goal, Table},
};

/// Measures both.
pub(crate) fn measure(cli: &Cli, folder: &Path, table: &mut Table) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let publishers = u32::try_from(cli.publishers).unwrap_or(u32::MAX);
    let each = if cli.quick { 100 } else { 1_000 };
    let block = "publish at the store, on disk";
    for round in 1..=cli.rounds() {
        let path = folder.join(format!("store-{round}.db"));
        let done = table.quietly(|| {
            let published = runtime.block_on(async {
                let subject = StoreBench::sqlite(&path)?;
                subject.create(publishers).await?;
                let published = subject.publish(publishers, each, publishers).await?;
                subject.close().await?;
                Ok::<_, String>(published)
            });
            published.map_err(io::Error::other)
        })?;
        table.add(block, "SQLite", "acknowledged", done.rate(), "/s");
        table.goal(Goal::AtLeast(20_000.0));
        let commits = done.commits as f64 / done.took.as_secs_f64();
        table.add(block, "SQLite", "commits", commits, "/s");
    }
    let many = 100_000;
    // In a child process, because this one keeps freed memory.
    let grown = Command::new(std::env::current_exe()?)
        .args(["--footprint", &many.to_string()])
        .output()?;
    let grown = String::from_utf8_lossy(&grown.stdout);
    let grown: f64 = grown.trim().parse().map_err(io::Error::other)?;
    let each = grown / f64::from(many);
    table.add(
        "memory, 100,000 subscriptions",
        "memory store",
        "resident, each",
        each,
        "bytes",
    );
    table.goal(Goal::AtMost(200.0));
    Ok(())
}

/// Returns by how many bytes this process grows with subscriptions in memory.
pub(crate) fn footprint(many: u32) -> io::Result<u64> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let subject = StoreBench::memory();
        let fanout = io::Error::other;
        subject.create(1).await.map_err(fanout)?;
        // The first subscriptions allocate what all share.
        subject.subscribe(many, 1_000, 64).await.map_err(fanout)?;
        let before = resident()?;
        subject.subscribe(0, many, 64).await.map_err(fanout)?;
        let grown = resident()?.saturating_sub(before);
        subject.close().await.map_err(fanout)?;
        Ok(grown)
    })
}

/// Returns the resident memory in bytes. (proc(5), status: in KiB)
fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("no VmRSS"))
}
