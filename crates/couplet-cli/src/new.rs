//! `couplet new`: a project that builds, tests itself and knows how to be deployed.
//!
//! Deliberately absent: a repository, a secret, and anything that is fetched from somewhere.

mod checkout;
mod name;
mod template;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use couplet::Jid;

use self::template::{Fill, Template};
use crate::failure::{Failure, context};
use crate::signals::Signals;

const AFTER_HELP: &str = "\
The folder gets the sources with tests, couplet.toml, a Containerfile, a systemd unit, the lines for
Prosody and ejabberd, a workflow that checks every change, and a README that says how to go on.

The project is built against a checkout of Couplet: the one that the current directory is in, or else
the one that this command was built in. --couplet-path names another one, and --published asks for
the version of this command from the package registry.

Examples:
    couplet new weatherbot
    couplet new lamps --template service --domain lamps.example.org
    couplet new ../bots/news --template pubsub
    couplet new weatherbot --couplet-path ../couplet

Exit codes:
    0    the project is there
    1    a file could not be written; nothing is left behind
    2    the name or the domain cannot be used, the folder exists already, or there is no checkout";

/// Start a project for a component of your own
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct New {
    /// What it is called: small letters, digits and hyphens; also the folder, with a path if need be
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// What to begin with
    #[arg(long, value_enum, default_value_t = Template::Bot)]
    template: Template,
    /// The domain that it will serve [default: the name, below example.org]
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Build against this checkout of Couplet [default: the one around, or the one this comes from]
    #[arg(long, value_name = "DIR")]
    couplet_path: Option<PathBuf>,
    /// Build against the published version instead of a checkout
    #[arg(long, conflicts_with = "couplet_path")]
    published: bool,
}

impl New {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let name = self.name()?;
        let fill = Fill {
            domain: self.domain(&name)?,
            couplet: self.couplet()?,
            name,
        };
        let folder = self.folder;
        if folder.symlink_metadata().is_ok() {
            let shown = folder.display();
            return Err(Failure::misuse(format!("{shown} exists already")));
        }
        let written = uninterrupted(|| write(&folder, self.template, &fill))?;
        if let Err((path, error)) = written {
            // Whatever was written is ours: the folder did not exist before.
            let _not_even_begun = fs::remove_dir_all(&folder);
            return Err(context(&format!("writing {}", path.display()))(error));
        }
        let mut out = io::stdout().lock();
        let _nobody_reads_it_then =
            out.write_all(goodbye(&folder, self.template, &fill).as_bytes());
        Ok(())
    }

    fn name(&self) -> Result<String, Failure> {
        let name = self.folder.file_name().unwrap_or_default();
        name::check(&name.to_string_lossy()).map_err(|why| {
            let shown = self.folder.display();
            Failure::misuse(format!("{shown}: this name cannot be used: {why}"))
        })
    }

    fn domain(&self, name: &str) -> Result<String, Failure> {
        let domain = match &self.domain {
            Some(domain) => domain.clone(),
            None => format!("{name}.example.org"),
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
        match Jid::new(&domain) {
            Ok(jid) if jid.prepared() == domain && domain.chars().all(plain) => Ok(domain),
            Ok(_) => Err(Failure::misuse(format!(
                "--domain {domain}: write a domain alone and in small letters, such as \
                 {name}.example.org"
            ))),
            Err(why) => Err(Failure::misuse(format!("--domain {domain}: {why}"))),
        }
    }

    /// The folder of the checkout's crates, as it can be written into a manifest; `None` for the
    /// published version.
    fn couplet(&self) -> Result<Option<String>, Failure> {
        match &self.couplet_path {
            _ if self.published => Ok(None),
            Some(path) => checkout::given(path).map(Some),
            None => checkout::found().map(Some),
        }
    }
}

/// Does it to the end even if a signal comes meanwhile: whoever listens is not killed by it.
fn uninterrupted<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(context("starting the runtime"))?;
    let _inside = runtime.enter();
    let _listening = Signals::listen().map_err(context("listening for signals"))?;
    Ok(work())
}

fn write(folder: &Path, template: Template, fill: &Fill) -> Result<(), (PathBuf, io::Error)> {
    for (path, text) in template.files(fill) {
        let path = folder.join(path);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent),
            None => Ok(()),
        };
        written
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| (path, error))?;
    }
    Ok(())
}

fn goodbye(folder: &Path, template: Template, fill: &Fill) -> String {
    let Fill { name, domain, .. } = fill;
    let (shown, couplet) = (folder.display(), this_command());
    let against = match &fill.couplet {
        Some(crates) => format!("It is built against the checkout in {crates}.\n"),
        None => String::new(),
    };
    format!(
        "{shown}/ is ready: a {template} for {domain}\n\n    cd {shown}\n    cargo test\n    \
         {couplet} dev --domain {name}.localhost -- cargo run\n\n{against}README.md says how to go on.\n"
    )
}

/// How a person calls this command from another folder: as before, unless that was by a path.
fn this_command() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let by_path = called.is_some_and(|called| called.components().nth(1).is_some());
    let path = by_path.then(std::env::current_exe);
    path.and_then(Result::ok)
        .map_or_else(|| "couplet".to_owned(), |path| path.display().to_string())
}
