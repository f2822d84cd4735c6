//! The flags of a component's program, generated from the table of settings.
//!
//! There must be no flag for the secret: all users of a machine can see arguments.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, value_parser};

use super::subcommand::{Arguments, Subcommand};
use crate::config::{Setting, Sources, settings};

/// The parsed command line.
pub(super) struct Given {
    pub(super) program: String,
    pub(super) sources: Sources,
    pub(super) wants_check: bool,
    pub(super) wants_version: bool,
    /// The name of the program's subcommand, and its arguments.
    pub(super) wants: Option<(&'static str, Arguments)>,
    #[cfg(feature = "ops")]
    pub(super) wants_health: Option<HealthArguments>,
}

/// The arguments of the subcommand `health`.
#[cfg(feature = "ops")]
pub(super) struct HealthArguments {
    pub(super) url: Option<String>,
}

/// The meaning of [`Error::exit_code`](crate::Error::exit_code), for `--help`.
const EXIT_CODES: &str = "
Exit codes:
  0  stopped as requested
  1  failed: start it again
  2  the configuration, or the server's, has to be changed first: do not start it again
  3  another instance has taken the domain: do not start it again
";

/// Parses the arguments and adds the flags to the sources.
pub(super) fn parse(
    arguments: &[OsString],
    mut sources: Sources,
    subcommands: &[Subcommand],
) -> Result<Given, clap::Error> {
    let program = arguments
        .first()
        .and_then(|path| Path::new(path).file_name())
        .map_or_else(
            || "component".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
    // In a container there are usually no flags; this avoids paging in the parser.
    if arguments.len() <= 1 {
        return Ok(Given {
            program,
            sources,
            wants_check: false,
            wants_version: false,
            wants: None,
            #[cfg(feature = "ops")]
            wants_health: None,
        });
    }
    let command = command(&program).subcommands(subcommands.iter().map(Subcommand::command));
    let matches = command.try_get_matches_from(arguments)?;
    let wants = subcommands.iter().find_map(|one| {
        let behind = matches.subcommand_matches(one.name)?;
        Some((one.name, one.arguments(behind)))
    });
    if wants.is_some() {
        sources = sources.without_login();
    }
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        sources = sources.file(path);
    }
    for flag in settings().iter().filter_map(Setting::flag) {
        if let Some(value) = matches.get_one::<String>(flag) {
            sources = sources.flag(flag, value);
        }
    }
    Ok(Given {
        program,
        sources,
        wants_check: matches.get_flag("check-config"),
        wants_version: matches.get_flag("version"),
        wants,
        #[cfg(feature = "ops")]
        wants_health: matches
            .subcommand_matches("health")
            .map(|arguments| HealthArguments {
                url: arguments.get_one::<String>("url").cloned(),
            }),
    })
}

fn command(program: &str) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("the configuration file; ./couplet.toml if it exists [env: COUPLET_CONFIG]");
    let check = Arg::new("check-config")
        .long("check-config")
        .action(ArgAction::SetTrue)
        .help("print the effective configuration without the secret, and end");
    let version = Arg::new("version")
        .long("version")
        .action(ArgAction::SetTrue)
        .help("print the version, and end");
    let settings = settings().iter().filter_map(|setting| {
        let flag = setting.flag()?;
        let arg = Arg::new(flag).long(flag).value_name("VALUE");
        Some(arg.help(help(setting)))
    });
    let command = Command::new("component")
        .bin_name(program)
        .disable_version_flag(true)
        .arg(config)
        .args(settings)
        .args([check, version])
        .after_help(table());
    #[cfg(feature = "ops")]
    let command = command.subcommand(health());
    command
}

/// Flags of the component go before it: `echo --config FILE health`.
#[cfg(feature = "ops")]
fn health() -> Command {
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .help("the URL to ask; by default /readyz at ops.listen of the configuration");
    Command::new("health")
        .about("ask the running component whether it is ready: exit code 0 or 1")
        .arg(url)
}

fn help(setting: &Setting) -> String {
    let variable = setting.variable();
    match setting.default() {
        default if default.is_empty() => format!("{} [env: {variable}]", setting.meaning()),
        default => format!(
            "{} [env: {variable}] [default: {default}]",
            setting.meaning()
        ),
    }
}

fn table() -> String {
    let widest = settings()
        .iter()
        .map(|setting| setting.variable().len())
        .max();
    let mut text = "Environment, and `table.key` in the file; flags win over variables, \
                    variables over the file:\n"
        .to_owned();
    for setting in settings() {
        text += &format!(
            "  {:width$}  {}: {}{}\n",
            setting.variable(),
            setting.name(),
            setting.meaning(),
            match setting.default() {
                default if default.is_empty() => String::new(),
                default => format!(" [default: {default}]"),
            },
            width = widest.unwrap_or_default(),
        );
    }
    text + EXIT_CODES
}
