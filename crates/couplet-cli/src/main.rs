//! The command `couplet`: begin a component, try it out beside a private server, find out why it does
//! not get online, speak for it from a shell.
//!
//! Deliberately absent: anything a component needs in order to run.

mod dev;
mod doctor;
mod new;
mod send;
mod pages;
mod given;
mod signals;
mod log;
mod failure;

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

/// XMPP components: begin them, try them out, cure them, speak for them
#[derive(Debug, Parser)]
#[command(name = "couplet", version)]
struct Couplet {
    /// Tell more on standard error: -v what happens, -vv in detail; RUST_LOG wins
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
    let ended = match couplet.command {
        Command::Dev(dev) => dev.run(&filter),
        Command::Doctor(doctor) => doctor.run(&filter),
        Command::New(new) => new.run(),
        Command::Send(send) => send.run(&filter),
        Command::Completions(completions) => completions.run(Couplet::command()),
        Command::Man(man) => man.run(Couplet::command()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Unlike `eprintln!` without a panic when nobody reads it.
            if failure.is_untold() {
                let _nobody_reads_it_then = writeln!(std::io::stderr(), "couplet: {failure}");
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
