//! Measures the pubsub service: the rate of notifications, the latency of requests meanwhile, and
//! the rate of acknowledged items, compared with the servers' own services.
//!
//! benches/README.md explains the table. There are no other components in it: none that we know of
//! can be installed and run beside ours in one command.

mod servers;
mod loopback;
mod stores;
mod service;
mod table;
mod workload;
mod raw_stream;
#[path = "../../rig/src/quiet.rs"]
mod quiet;
#[allow(dead_code, reason = "the rig needs more of it")]
#[path = "../../rig/src/clock.rs"]
mod clock;

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use couplet_pubsub::settings::StoreLocation;
use serde_json::json;

use crate::table::Table;

/// Measures the pubsub service; benches/README.md explains the table.
#[derive(Parser)]
struct Cli {
    /// Subscribers of the one node
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Subscribers at the services of the servers themselves
    #[arg(long, default_value_t = 2_000)]
    own_subscribers: usize,
    /// Publishers, each with one item outstanding
    #[arg(long, default_value_t = 64)]
    publishers: usize,
    /// Bytes of each item's payload
    #[arg(long, default_value_t = 200)]
    payload: usize,
    /// Threads of the service
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Measure these only
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Seconds to wait for a quiet machine before each measurement
    #[arg(long, default_value_t = 3.0)]
    patience: f64,
    /// One short round: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// The folder of the SQLite files; its disk is part of the measurement
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Write all measurements to this file
    #[arg(long)]
    json: Option<PathBuf>,
    #[arg(long, hide = true)]
    footprint: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Store,
    Memory,
    Sqlite,
    Prosody,
    Ejabberd,
}

impl Cli {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    fn items(&self, items: u64) -> u64 {
        if self.quick { 1 } else { items }
    }

    /// Returns how long items are published.
    fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 4 })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    if let Some(many) = cli.footprint {
        println!("{}", stores::footprint(many)?);
        return Ok(());
    }
    let mut table = Table::new(Duration::from_secs_f64(cli.patience));
    let measured = measure(&cli, &mut table);
    if cli.quick {
        println!("--quick: these figures show that it works, not how fast it is");
    }
    table.show();
    if let Some(path) = &cli.json {
        let all = json!({
            "quick": cli.quick, "subscribers": cli.subscribers,
            "own_subscribers": cli.own_subscribers, "publishers": cli.publishers,
            "payload_bytes": cli.payload, "threads": cli.threads,
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "figures": table.json(),
        });
        std::fs::write(path, format!("{all:#}\n"))?;
    }
    Ok(measured?)
}

fn measure(cli: &Cli, table: &mut Table) -> io::Result<()> {
    // Beside the program, because the temporary folder may be in memory.
    let program = std::env::current_exe()?;
    let folder = cli.folder.as_deref().or(program.parent());
    let folder = tempfile::tempdir_in(folder.unwrap_or(Path::new(".")))?;
    let folder = folder.path();
    if cli.wants(Part::Store) {
        stores::measure(cli, folder, table)?;
    }
    if cli.wants(Part::Memory) {
        loopback::measure(cli, "memory", StoreLocation::Memory, table)?;
    }
    if cli.wants(Part::Sqlite) {
        let store = StoreLocation::Sqlite(folder.join("loopback.db"));
        loopback::measure(cli, "SQLite", store, table)?;
    }
    if cli.wants(Part::Prosody) {
        servers::prosody(cli, folder, table)?;
    }
    if cli.wants(Part::Ejabberd) {
        servers::ejabberd(cli, folder, table)?;
    }
    Ok(())
}
