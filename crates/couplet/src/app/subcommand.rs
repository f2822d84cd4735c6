//! Subcommands of a program, and their arguments.
//!
//! Flags have no values and there is at most one operand; a program that needs more has its own
//! `main`.

use std::ffi::OsString;
use std::pin::Pin;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::Config;
use crate::error::Error;
use crate::shutdown::Shutdown;

/// A subcommand of a program, for [`App::subcommand`](super::App::subcommand).
///
/// # Examples
///
/// ```
/// use couplet::app::Subcommand;
///
/// let import = Subcommand::new("import", "read news from a file")
///     .operand("FILE", "standard input unless given")
///     .flag("dry-run", "only say what would be read");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Subcommand {
    pub(super) name: &'static str,
    about: &'static str,
    operand: Option<(&'static str, &'static str)>,
    flag: Option<(&'static str, &'static str)>,
    is_needed: bool,
}

impl Subcommand {
    /// Creates a subcommand without arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = couplet::app::Subcommand::new("count", "say how many news there are");
    /// ```
    pub fn new(name: &'static str, about: &'static str) -> Subcommand {
        Subcommand {
            name,
            about,
            operand: None,
            flag: None,
            is_needed: false,
        }
    }

    /// Adds an optional operand.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet::app::Subcommand;
    /// let export = Subcommand::new("export", "write all news").operand("FILE", "where to");
    /// ```
    #[must_use]
    pub fn operand(mut self, name: &'static str, meaning: &'static str) -> Subcommand {
        self.operand = Some((name, meaning));
        self
    }

    /// Adds a required operand.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet::app::Subcommand;
    /// let backup = Subcommand::new("backup", "copy all news").needs("FILE", "where to");
    /// ```
    #[must_use]
    pub fn needs(mut self, name: &'static str, meaning: &'static str) -> Subcommand {
        self.is_needed = true;
        self.operand(name, meaning)
    }

    /// Adds a flag; the name is given without dashes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet::app::Subcommand;
    /// let import = Subcommand::new("import", "read news").flag("dry-run", "only say what");
    /// ```
    #[must_use]
    pub fn flag(mut self, name: &'static str, meaning: &'static str) -> Subcommand {
        self.flag = Some((name, meaning));
        self
    }

    pub(super) fn command(&self) -> Command {
        let operand = self.operand.map(|(name, meaning)| {
            Arg::new("operand")
                .value_name(name)
                .value_parser(value_parser!(OsString))
                .required(self.is_needed)
                .help(meaning)
        });
        let flag = self.flag.map(|(name, meaning)| {
            Arg::new("flag")
                .long(name)
                .action(ArgAction::SetTrue)
                .help(meaning)
        });
        Command::new(self.name)
            .about(self.about)
            .args(operand)
            .args(flag)
    }

    pub(super) fn arguments(&self, matches: &ArgMatches) -> Arguments {
        Arguments {
            operand: self
                .operand
                .and_then(|_| matches.get_one::<OsString>("operand").cloned()),
            flag: self.flag.is_some_and(|_| matches.get_flag("flag")),
        }
    }
}

/// The arguments of a [`Subcommand`].
///
/// # Examples
///
/// ```
/// use couplet::app::Arguments;
///
/// fn print(arguments: &Arguments) {
///     println!("{:?}, flag: {}", arguments.operand(), arguments.flag());
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    operand: Option<OsString>,
    flag: bool,
}

impl Arguments {
    /// Returns the operand, if it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::app::Arguments::default().operand(), None);
    /// ```
    pub fn operand(&self) -> Option<&OsString> {
        self.operand.as_ref()
    }

    /// Returns whether the flag was given.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!couplet::app::Arguments::default().flag());
    /// ```
    pub fn flag(&self) -> bool {
        self.flag
    }
}

/// The action of a subcommand.
pub(super) type Work = Box<
    dyn FnOnce(Config, Arguments, Shutdown) -> Pin<Box<dyn Future<Output = Result<(), Error>>>>,
>;
