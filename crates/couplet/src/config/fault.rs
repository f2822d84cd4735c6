//! Errors in a configuration: where, what is wrong, and what is accepted.
//!
//! A value is quoted only if the setting is not a secret.

use std::fmt;
use std::path::PathBuf;

/// Where a value of the configuration comes from.
///
/// # Examples
///
/// ```
/// use couplet::config::Origin;
///
/// let origin = Origin::File { path: "couplet.toml".into(), line: 3, column: 12 };
/// assert_eq!(origin.to_string(), "couplet.toml:3:12");
/// assert_eq!(Origin::Variable("COUPLET_DOMAIN".into()).to_string(), "COUPLET_DOMAIN");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The default, or a value that the program set itself.
    Default,
    /// A line of the file.
    File {
        /// The path of the file, as it was given.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A command-line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Origin::Variable(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// A configuration that cannot be used.
///
/// The first line of the text says where and what; further lines, indented, say what is accepted.
///
/// # Examples
///
/// ```
/// use couplet::config::{Origin, Sources};
///
/// let error = Sources::none().variable("COUPLET_DOMIAN", "echo.localhost").load().unwrap_err();
/// assert_eq!(error.origin(), &Origin::Variable("COUPLET_DOMIAN".into()));
/// assert_eq!(
///     error.to_string().lines().next(),
///     Some("COUPLET_DOMIAN: unknown variable; did you mean COUPLET_DOMAIN?"),
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    origin: Origin,
    what: String,
    help: Vec<String>,
}

impl ConfigError {
    /// Creates an error that the program finds in its own settings or in what they refer to. Use it
    /// in `App::check`, and include what would be accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::ConfigError;
    ///
    /// let error = ConfigError::because("news.from is after news.until: exchange them");
    /// assert_eq!(error.to_string(), "news.from is after news.until: exchange them");
    /// ```
    pub fn because(what: impl Into<String>) -> ConfigError {
        ConfigError::new(Origin::Default, what)
    }

    pub(crate) fn new(origin: Origin, what: impl Into<String>) -> ConfigError {
        ConfigError {
            origin,
            what: what.into(),
            help: Vec::new(),
        }
    }

    /// Adds a line that says what is accepted.
    pub(crate) fn help(mut self, line: impl Into<String>) -> ConfigError {
        self.help.push(line.into());
        self
    }

    /// Returns where the error is.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::{Origin, Sources};
    ///
    /// let error = Sources::none().load().unwrap_err();
    /// assert_eq!(error.origin(), &Origin::Default);
    /// ```
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.what)?,
            origin => write!(f, "{origin}: {}", self.what)?,
        }
        self.help
            .iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for ConfigError {}

/// Returns the candidate that is most likely meant by `word`, a misspelling.
pub(crate) fn meant<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let tolerated = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_misspelling_is_recognised_and_another_word_is_not() {
        let known = ["handlers", "depth", "pending_iqs"];
        assert_eq!(meant("handler", known), Some("handlers"));
        assert_eq!(meant("dpeth", known), Some("depth"));
        assert_eq!(meant("colour", known), None);
    }
}
