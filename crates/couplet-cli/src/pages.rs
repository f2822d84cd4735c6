//! `couplet completions` and `couplet man`: the files that a package of the command installs with it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::failure::{Failure, context};

const COMPLETIONS_HELP: &str = "\
Examples:
    couplet completions bash > /etc/bash_completion.d/couplet
    couplet completions zsh > /usr/local/share/zsh/site-functions/_couplet
    couplet completions fish > ~/.config/fish/completions/couplet.fish";

const MAN_HELP: &str = "\
Examples:
    couplet man | man -l -
    couplet man --output /usr/local/share/man/man1";

/// Print a script that completes the arguments of this command in a shell
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Print the manual page of this command, or write it and those of all subcommands
#[derive(Args, Debug)]
#[command(after_help = MAN_HELP)]
pub(crate) struct Man {
    /// An existing folder for couplet.1, couplet-dev.1 and so on
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(&self, mut couplet: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut couplet, "couplet", &mut script);
        print(&script)
    }
}

impl Man {
    pub(crate) fn run(&self, couplet: clap::Command) -> Result<(), Failure> {
        // The page replaces the subcommand `help`.
        let couplet = couplet.disable_help_subcommand(true);
        match &self.output {
            Some(folder) => clap_mangen::generate_to(couplet, folder)
                .map_err(context(&format!("writing to {}", folder.display()))),
            None => {
                let mut page = Vec::new();
                let rendered = clap_mangen::Man::new(couplet).render(&mut page);
                rendered.map_err(context("rendering the page"))?;
                print(&page)
            }
        }
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(context("writing to standard output"))
}
