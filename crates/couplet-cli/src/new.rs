//! `couplet new`: creates a project with sources, tests and files for its deployment.
//!
//! It creates no repository and no secret, and downloads nothing.

mod checkout;
mod name;
mod template;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use couplet::Jid;

use self::template::{ProjectValues, Template};
use crate::failure::{Failure, context};
use crate::signals::{Signals, runtime};

const AFTER_HELP: &str = "\
The project has sources with tests, couplet.toml, a Containerfile, a systemd unit, the configuration of
Prosody and ejabberd, a CI workflow, and a README with the next steps.

It depends on a checkout of Couplet: the one that contains the current directory, or else the one in
which this command was built. Use --couplet-path for another checkout, and --published for the version
of this command in the package registry.

Examples:
    couplet new weatherbot
    couplet new lamps --template service --domain lamps.example.org
    couplet new ../bots/news --template pubsub
    couplet new weatherbot --couplet-path ../couplet

Exit codes:
    0    the project was created
    1    a file could not be written, and the folder was removed
    2    the name or the domain is invalid, the folder exists already, or there is no checkout";

/// Create a project for a component
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct New {
    /// The folder to create; its last part is the name: lower case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// The kind of component
    #[arg(long, value_enum, default_value_t = Template::Bot)]
    template: Template,
    /// The domain of the component [default: the name, below example.org]
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Depend on this checkout of Couplet [default: that of the current directory, or of this command]
    #[arg(long, value_name = "DIR")]
    couplet_path: Option<PathBuf>,
    /// Depend on the published version instead of a checkout
    #[arg(long, conflicts_with = "couplet_path")]
    published: bool,
}

impl New {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let name = self.name()?;
        let values = ProjectValues {
            domain: self.domain(&name)?,
            couplet: self.couplet()?,
            name,
        };
        let folder = self.folder;
        if folder.symlink_metadata().is_ok() {
            let shown = folder.display();
            return Err(Failure::misuse(format!("{shown} exists already")));
        }
        let written = uninterrupted(|| write(&folder, self.template, &values))?;
        if let Err((path, error)) = written {
            // The folder did not exist before this call.
            let _not_even_created = fs::remove_dir_all(&folder);
            return Err(context(&format!("writing {}", path.display()))(error));
        }
        let mut out = io::stdout().lock();
        let _closed_output = out.write_all(next_steps(&folder, self.template, &values).as_bytes());
        Ok(())
    }

    fn name(&self) -> Result<String, Failure> {
        let name = self.folder.file_name().unwrap_or_default();
        name::check(&name.to_string_lossy()).map_err(|why| {
            let shown = self.folder.display();
            Failure::misuse(format!("{shown}: invalid name: {why}"))
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
                "--domain {domain}: use a domain only, in lower case, such as {name}.example.org"
            ))),
            Err(why) => Err(Failure::misuse(format!("--domain {domain}: {why}"))),
        }
    }

    /// Returns the folder with the crates of the checkout; `None` for the published version.
    fn couplet(&self) -> Result<Option<String>, Failure> {
        match &self.couplet_path {
            _ if self.published => Ok(None),
            Some(path) => checkout::named(path).map(Some),
            None => checkout::found().map(Some),
        }
    }
}

/// Calls a function without signals ending the process.
fn uninterrupted<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let _listening = Signals::listen().map_err(context("listening for signals"))?;
    Ok(work())
}

fn write(
    folder: &Path,
    template: Template,
    values: &ProjectValues,
) -> Result<(), (PathBuf, io::Error)> {
    for (path, text) in template.files(values) {
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

fn next_steps(folder: &Path, template: Template, values: &ProjectValues) -> String {
    let ProjectValues { name, domain, .. } = values;
    let (shown, couplet) = (folder.display(), this_command());
    let against = match &values.couplet {
        Some(crates) => format!("It depends on the checkout in {crates}.\n"),
        None => String::new(),
    };
    format!(
        "{shown}/ is ready: a {template} for {domain}\n\n    cd {shown}\n    cargo test\n    \
         {couplet} dev --domain {name}.localhost -- cargo run\n\n{against}README.md has the next steps.\n"
    )
}

/// Returns how the user calls this command from another folder: by its name, or by its absolute
/// path.
fn this_command() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let by_path = called.is_some_and(|called| called.components().nth(1).is_some());
    let path = by_path.then(std::env::current_exe);
    path.and_then(Result::ok)
        .map_or_else(|| "couplet".to_owned(), |path| path.display().to_string())
}
