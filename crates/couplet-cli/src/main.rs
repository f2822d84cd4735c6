//! The command `couplet`: starts projects, runs components with a private server, finds out why a
//! component does not get online, and sends messages as a component.

mod dev;
mod doctor;
mod new;
mod send;
mod pages;
mod component_args;
mod signals;
mod log;
mod failure;

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

/// Create, try out, examine and use XMPP components
#[derive(Debug, Parser)]
#[command(name = "couplet", version)]
struct Couplet {
    /// Log more to standard error: -v for events, -vv for details; RUST_LOG takes precedence
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Dev),
    Doctor(doctor::Doctor),
    New(new::New),
    Send(send::Send),
    Completions(pages::Completions),
    Man(pages::Man),
}

fn main() -> ExitCode {
    let couplet = Couplet::parse();
    let filter = log::filter(couplet.verbose);
    let result = match couplet.command {
        Command::Dev(dev) => dev.run(&filter),
        Command::Doctor(doctor) => doctor.run(&filter),
        Command::New(new) => new.run(),
        Command::Send(send) => send.run(&filter),
        Command::Completions(completions) => completions.run(Couplet::command()),
        Command::Man(man) => man.run(Couplet::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // `eprintln!` would panic if standard error is closed.
            if failure.has_text() {
                let _closed_output = writeln!(std::io::stderr(), "couplet: {failure}");
            }
            failure.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Couplet;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Couplet::command().debug_assert();
    }
}
