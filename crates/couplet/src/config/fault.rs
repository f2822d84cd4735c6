//! What is wrong with a configuration: where it stands, what it is, and what would be right.
//!
//! A value is quoted only when the setting is no secret.

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
    /// Nobody gave it: the built-in value, or one that the program set itself.
    Default,
    /// A line of the file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag of the command line, with its dashes.
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

/// A configuration that cannot be used, told so that it can be mended.
///
/// The first line says where and what; each further line, indented, what would be accepted.
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
    /// A fault that the program itself finds in settings of its own or in what they name; use it in
    /// `App::check`, and say what would be right.
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

    /// Adds a line that says what would be right.
    pub(crate) fn help(mut self, line: impl Into<String>) -> ConfigError {
        self.help.push(line.into());
        self
    }

    /// Where the fault stands; use it to point an editor at the line.
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

/// The candidate that somebody who wrote `word` most likely meant.
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
    fn a_slip_of_the_finger_is_understood_and_a_stranger_is_not() {
        let known = ["handlers", "depth", "questions"];
        assert_eq!(meant("handler", known), Some("handlers"));
        assert_eq!(meant("dpeth", known), Some("depth"));
        assert_eq!(meant("colour", known), None);
    }
}
