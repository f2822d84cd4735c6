//! The secret that a component shares with its server.
//!
//! It must not be serialised or printed. Its memory is not wiped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::text_checks;

/// Maximum length; a longer file was named by mistake.
const LONGEST: u64 = 64 << 10;

/// The secret of XEP-0114, section 3, which authenticates the component.
///
/// It prints as a placeholder, so that a [`Config`](crate::config::Config) can be logged. Only the
/// handshake needs the value.
///
/// # Examples
///
/// ```
/// use couplet::secret::Secret;
///
/// let secret = Secret::new("correct horse");
/// assert_eq!(format!("{secret} {secret:?}"), "[secret] Secret(…)");
/// assert_eq!(secret.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Creates a secret, for example from a vault.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!couplet::secret::Secret::new("x").is_empty());
    /// ```
    pub fn new(secret: impl AsRef<str>) -> Secret {
        Secret(Arc::from(secret.as_ref()))
    }

    /// Reads a secret from a file, without a byte order mark at the start and without the line end;
    /// use it also for other secrets, such as the password of a database.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = couplet::secret::Secret::read("/nowhere".as_ref()).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot be read: "));
    /// ```
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, not UTF-8, or longer than 64 KiB. The text is meant to
    /// follow the name of the file and never contains the content.
    pub fn read(path: &Path) -> io::Result<Secret> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| io::Error::new(error.kind(), format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > LONGEST {
            return Err(unfit("is longer than 64KiB: is it the right file?"));
        }
        let text = text_checks::decode(bytes).map_err(unfit)?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(unfit("is empty"));
        }
        Ok(Secret::new(secret))
    }

    /// Returns the secret itself. Only use it for the handshake, never for output.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::secret::Secret::new("x").expose(), "x");
    /// ```
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether the secret is empty; a configuration with an empty secret is rejected.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet::secret::Secret::new("").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn unfit(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Secret {
        Secret::new(secret)
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Secret {
        Secret::new(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_prints_only_a_placeholder() {
        let secret = Secret::new("hunter2");
        let shown = format!("{secret} {secret:?} {secret:#?} {:?}", Some(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
