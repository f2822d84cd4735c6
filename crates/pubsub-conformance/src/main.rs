//! The command `pubsub-conformance`: runs the hundred cases against a service and prints a table.
//!
//! The logic is in the library.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::{Parser, ValueEnum};
use pubsub_conformance::{
    Account, Accounts, BadAccount, CrashTarget, CrashTest, KnownFailures, ProcessControl, Report,
    Row, Security, Server, Sink, Suite, cases,
};
use tokio::process::Command;

/// Runs a hundred cases about XEP-0060 1.30 against a pubsub service and prints a table
///
/// The accounts are ordinary users of one server. Exit codes: 0 as expected, 1 not as expected, 2
/// nothing was run because of the command line or a failed login.
#[derive(Debug, Parser)]
#[command(name = "pubsub-conformance", version)]
struct Arguments {
    /// The address of the service
    #[arg(long, value_name = "JID", required_unless_present = "list")]
    service: Option<String>,
    /// Address of the server of the accounts; by default their domain and port 5222
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// Creates the nodes; must have the right to
    #[arg(long, value_name = "JID:PASSWORD")]
    owner: Option<Account>,
    /// Publishes
    #[arg(long, value_name = "JID:PASSWORD")]
    publisher: Option<Account>,
    /// Subscribes
    #[arg(long, value_name = "JID:PASSWORD")]
    subscriber: Option<Account>,
    /// Has no relation to any node
    #[arg(long, value_name = "JID:PASSWORD")]
    stranger: Option<Account>,
    /// Has no right to create nodes; without it case 12 is not run
    #[arg(long, value_name = "JID:PASSWORD")]
    outsider: Option<Account>,
    /// A JSON file with the accounts, so that no password appears in the list of processes:
    /// {"owner": "alice@example.org:secret", "publisher": ...}
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// TLS from the first byte instead of STARTTLS
    #[arg(long, conflicts_with = "insecure_plain")]
    direct_tls: bool,
    /// No TLS: for a server on the same machine
    #[arg(long)]
    insecure_plain: bool,
    /// A PEM file with additional CA certificates to trust
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Maximum number of subscriptions of one account; without it case 30 is not run. Case 99 needs
    /// more than --subscribers of them
    #[arg(long, value_name = "N")]
    subscription_limit: Option<usize>,
    /// The longest lease (case 46)
    #[arg(long, value_name = "SECONDS")]
    lease_limit: Option<u64>,
    /// The largest payload (case 70); without it the case limits its own node
    #[arg(long, value_name = "BYTES")]
    payload_limit: Option<usize>,
    /// The number of events that bounce with a `wait` error until the subscription ends (case 97)
    #[arg(long, value_name = "N")]
    bounce_limit: Option<usize>,
    /// The number of items that case 54 publishes
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    many_items: usize,
    /// The number of subscribers of case 99
    #[arg(long, value_name = "N", default_value_t = 50)]
    subscribers: usize,
    /// The server distributes the stanzas of one user over several instances, as ejabberd does: a
    /// publisher of case 99 waits for each response
    #[arg(long)]
    balanced: bool,
    /// A component for the runner in case 100, whose addresses are the subscribers; the server has
    /// to be configured for it. Without it the case is not run
    #[arg(
        long,
        value_name = "DOMAIN:SECRET@HOST:PORT",
        requires = "kill_service",
        requires = "kill_server"
    )]
    sink_component: Option<Sink>,
    /// A shell command that kills the service (case 100), such as `kill -9 $(cat pubsub.pid)`
    #[arg(long, value_name = "COMMAND")]
    kill_service: Option<String>,
    /// A shell command that starts it again and returns; without it, it has to be restarted
    /// otherwise
    #[arg(long, value_name = "COMMAND")]
    start_service: Option<String>,
    /// A shell command that kills the server (case 100)
    #[arg(long, value_name = "COMMAND")]
    kill_server: Option<String>,
    /// A shell command that starts it again and returns; without it, it has to be restarted
    /// otherwise
    #[arg(long, value_name = "COMMAND")]
    start_server: Option<String>,
    /// The number of subscribers of case 100
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    sink_subscribers: usize,
    /// How often the service and the server are killed in case 100
    #[arg(long, value_name = "N", default_value_t = 10)]
    crashes: usize,
    /// The deadline of one case; long cases have a multiple of it
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    deadline: u64,
    /// Only these cases, such as 17,20-24
    #[arg(long, value_name = "NUMBERS")]
    case: Option<String>,
    /// Cases that are known to fail, with reasons: a line `8 # not offered` for each, `99? # a
    /// race` for one that fails sometimes
    #[arg(long, value_name = "FILE")]
    known_failures: Option<PathBuf>,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The output file; by default standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long)]
    drain_events: bool,
    /// Print the cases and run nothing
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut done = Ok(true);
    if arguments.list {
        for (number, section, title) in cases() {
            done = done.and(print(&format!("{number:>3} | {section:<9} | {title}\n")));
        }
    } else {
        done = run(&arguments);
    }
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            let _nobody_reads_it_then = writeln!(io::stderr(), "pubsub-conformance: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let suite = suite(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let report_row = |row: &Row| {
        if !arguments.drain_events {
            let word = row.outcome.word();
            let _nobody_reads_it_then =
                writeln!(io::stderr(), "{:>3} {word:<7} {}", row.number, row.title);
        }
    };
    let report = runtime
        .block_on(suite.run(report_row))
        .map_err(|unreachable| format!("no case was run: {unreachable}"))?;
    write(arguments, &report)?;
    Ok(report.is_as_expected())
}

fn suite(arguments: &Arguments) -> Result<Suite, String> {
    let service = arguments.service.as_deref().unwrap_or_default();
    let server = Server {
        address: arguments.server.clone(),
        security: match (arguments.insecure_plain, arguments.direct_tls) {
            (true, _) => Security::None,
            (false, true) => Security::Direct,
            (false, false) => Security::StartTls,
        },
        authorities: arguments.ca_file.clone(),
    };
    let mut suite = Suite::new(service, server, accounts(arguments)?)
        .many_items(arguments.many_items)
        .subscribers(arguments.subscribers)
        .deadline(Duration::from_secs(arguments.deadline));
    if arguments.balanced {
        suite = suite.balanced();
    }
    if let Some(numbers) = &arguments.case {
        suite = suite.only(numbers_of(numbers)?);
    }
    if let Some(file) = &arguments.known_failures {
        let known: KnownFailures = read(file)?
            .parse()
            .map_err(|error| format!("{}: {error}", file.display()))?;
        suite = suite.known(known);
    }
    if let Some(limit) = arguments.subscription_limit {
        suite = suite.subscription_limit(limit);
    }
    if let Some(limit) = arguments.lease_limit {
        suite = suite.lease_limit(Duration::from_secs(limit));
    }
    if let Some(limit) = arguments.payload_limit {
        suite = suite.payload_limit(limit);
    }
    if let Some(limit) = arguments.bounce_limit {
        suite = suite.bounce_limit(limit);
    }
    if let Some(sink) = &arguments.sink_component {
        suite = suite.crash_test(CrashTest {
            sink: sink.clone(),
            control: Arc::new(Shell::of(arguments)),
            subscribers: arguments.sink_subscribers,
            rounds: arguments.crashes,
        });
    }
    Ok(suite)
}

/// Kills and starts processes by the given commands.
struct Shell {
    kill: [Option<String>; 2],
    start: [Option<String>; 2],
}

impl Shell {
    fn of(arguments: &Arguments) -> Shell {
        let Arguments {
            kill_service,
            kill_server,
            start_service,
            start_server,
            ..
        } = arguments;
        Shell {
            kill: [kill_service.clone(), kill_server.clone()],
            start: [start_service.clone(), start_server.clone()],
        }
    }
}

#[async_trait]
impl ProcessControl for Shell {
    async fn kill(&self, target: CrashTarget) -> io::Result<()> {
        shell(&self.kill, target).await
    }

    async fn start(&self, target: CrashTarget) -> io::Result<()> {
        shell(&self.start, target).await
    }
}

async fn shell([service, server]: &[Option<String>; 2], target: CrashTarget) -> io::Result<()> {
    let command = match target {
        CrashTarget::Service => service,
        CrashTarget::Server => server,
    };
    let Some(command) = command else {
        return Ok(());
    };
    let status = Command::new("sh").arg("-c").arg(command).status().await?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command}: {status}")))
}

fn accounts(arguments: &Arguments) -> Result<Accounts, String> {
    let file = match &arguments.accounts {
        None => serde_json::Value::Null,
        Some(file) => serde_json::from_str(&read(file)?)
            .map_err(|error| format!("{}: {error}", file.display()))?,
    };
    let find = |role: &str, flag: &Option<Account>| -> Result<Option<Account>, String> {
        let text = match (flag, file.get(role)) {
            (Some(account), _) => return Ok(Some(account.clone())),
            (None, None) => return Ok(None),
            (None, Some(value)) => value.as_str().unwrap_or_default(),
        };
        let account: Result<Account, BadAccount> = text.parse();
        account
            .map(Some)
            .map_err(|error| format!("{role}: {error}"))
    };
    let need = |role: &str, flag: &Option<Account>| {
        find(role, flag)?
            .ok_or_else(|| format!("no account for the {role}: use --{role} or --accounts"))
    };
    Ok(Accounts {
        owner: need("owner", &arguments.owner)?,
        publisher: need("publisher", &arguments.publisher)?,
        subscriber: need("subscriber", &arguments.subscriber)?,
        stranger: need("stranger", &arguments.stranger)?,
        outsider: find("outsider", &arguments.outsider)?,
    })
}

/// Parses a list of numbers such as `17,20-24`.
fn numbers_of(list: &str) -> Result<BTreeSet<u16>, String> {
    let mut numbers = BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| match text.trim().parse() {
            Ok(number @ 1..=100) => Ok(number),
            _ => Err(format!("--case: {part:?} names no case of 1 to 100")),
        };
        numbers.extend(number(first)?..=number(last)?);
    }
    Ok(numbers)
}

fn write(arguments: &Arguments, report: &Report) -> Result<(), String> {
    let text = match arguments.format {
        Format::Text => report.to_text(),
        Format::Json => report.to_json(),
        Format::Junit => report.to_junit(),
    };
    match &arguments.output {
        None => print(&text).map(|_| ()),
        Some(file) => {
            std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
        }
    }
}

fn read(file: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Like `print!`, but does not panic when the pipe is closed.
fn print(text: &str) -> Result<bool, String> {
    let written = io::stdout().write_all(text.as_bytes());
    written
        .map(|()| true)
        .map_err(|error| format!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_list_of_cases_is_read() {
        let numbers: Vec<u16> = numbers_of("17,20-22").unwrap().into_iter().collect();
        assert_eq!(numbers, [17, 20, 21, 22]);
        assert!(numbers_of("0").is_err());
        assert!(numbers_of("99-101").is_err());
        assert!(numbers_of("").is_err());
    }
}
