//! What a program can do instead of running its component: a subcommand, and what it was asked for.
//!
//! Deliberately absent: values for flags, and more than one operand; a program that needs those
//! has a `main` of its own.

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
    /// One without a word behind it.
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

    /// A word that may stand behind it.
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

    /// A word that has to stand behind it.
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

    /// A flag that may stand behind it; the name goes without its dashes.
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

/// What stood behind a [`Subcommand`].
///
/// # Examples
///
/// ```
/// use couplet::app::Arguments;
///
/// fn tell(arguments: &Arguments) {
///     println!("{:?}, flag: {}", arguments.operand(), arguments.flag());
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    operand: Option<OsString>,
    flag: bool,
}

impl Arguments {
    /// The word, if there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::app::Arguments::default().operand(), None);
    /// ```
    pub fn operand(&self) -> Option<&OsString> {
        self.operand.as_ref()
    }

    /// Whether the flag was there.
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

/// What a subcommand does.
pub(super) type Work = Box<
    dyn FnOnce(Config, Arguments, Shutdown) -> Pin<Box<dyn Future<Output = Result<(), Error>>>>,
>;
