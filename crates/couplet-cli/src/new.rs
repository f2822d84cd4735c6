//! `couplet new`: a project that builds, tests itself and knows how to be deployed.
//!
//! Deliberately absent: a repository, a secret, and anything that is fetched from somewhere.

mod name;
mod template;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use couplet::Jid;

use self::template::{Fill, Template};
use crate::failure::{Failure, doing};
use crate::signals::Signals;

const AFTER_HELP: &str = "\
The folder gets the sources with tests, couplet.toml, a Containerfile, a systemd unit, the lines for
Prosody and ejabberd, a workflow that checks every change, and a README that says how to go on.

Examples:
    couplet new weatherbot
    couplet new lamps --template service --domain lamps.example.org
    couplet new news --template pubsub
    couplet new weatherbot --couplet-path ../couplet

Exit codes:
    0    the project is there
    1    a file could not be written; nothing is left behind
    2    the name or the domain cannot be used, or the folder exists already";

/// Start a project for a component of your own
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct New {
    /// What it is called: small letters, digits and hyphens; also the name of the folder
    #[arg(value_name = "NAME", value_parser = name::check)]
    name: String,
    /// What to begin with
    #[arg(long, value_enum, default_value_t = Template::Bot)]
    template: Template,
    /// The domain that it will serve [default: the name, below example.org]
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Build against a checkout of Couplet instead of a published version
    #[arg(long, value_name = "DIR")]
    couplet_path: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let fill = Fill {
            domain: self.domain()?,
            couplet: self.couplet()?,
            name: self.name,
        };
        let folder = PathBuf::from(&fill.name);
        if folder.symlink_metadata().is_ok() {
            let shown = folder.display();
            return Err(Failure::misuse(format!("{shown} exists already")));
        }
        let written = uninterrupted(|| write(&folder, self.template, &fill))?;
        if let Err((path, error)) = written {
            // Whatever was written is ours: the folder did not exist before.
            let _not_even_begun = fs::remove_dir_all(&folder);
            return Err(doing(&format!("writing {}", path.display()))(error));
        }
        let mut out = io::stdout().lock();
        let _nobody_reads_it_then = out.write_all(goodbye(self.template, &fill).as_bytes());
        Ok(())
    }

    fn domain(&self) -> Result<String, Failure> {
        let domain = match &self.domain {
            Some(domain) => domain.clone(),
            None => format!("{}.example.org", self.name),
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
        match Jid::new(&domain) {
            Ok(jid) if jid.prepared() == domain && domain.chars().all(plain) => Ok(domain),
            Ok(_) => Err(Failure::misuse(format!(
                "--domain {domain}: write a domain alone and in small letters, such as \
                 {}.example.org",
                self.name
            ))),
            Err(why) => Err(Failure::misuse(format!("--domain {domain}: {why}"))),
        }
    }

    /// The folder of the checkout, as it can be written into a manifest.
    fn couplet(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.couplet_path else {
            return Ok(None);
        };
        let wrong =
            |why: &str| Failure::misuse(format!("--couplet-path {}: {why}", path.display()));
        let crates = path.join("crates");
        if !crates.join("couplet/Cargo.toml").is_file() {
            return Err(wrong("there is no checkout of Couplet"));
        }
        let crates = fs::canonicalize(&crates).map_err(|why| wrong(&why.to_string()))?;
        match crates.to_str() {
            Some(crates) if !crates.contains(['"', '\\']) => Ok(Some(crates.to_owned())),
            _ => Err(wrong("the path cannot be written into a manifest")),
        }
    }
}

/// Does it to the end even if a signal comes meanwhile: whoever listens is not killed by it.
fn uninterrupted<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(doing("starting the runtime"))?;
    let _inside = runtime.enter();
    let _listening = Signals::listen().map_err(doing("listening for signals"))?;
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

fn goodbye(template: Template, fill: &Fill) -> String {
    let Fill { name, domain, .. } = fill;
    format!(
        "{name}/ is ready: a {template} for {domain}\n\n    cd {name}\n    cargo test\n    \
         couplet dev --domain {name}.localhost -- cargo run\n\nREADME.md says how to go on.\n"
    )
}
