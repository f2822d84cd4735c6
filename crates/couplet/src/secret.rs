//! The secret that a component shares with its server.
//!
//! Deliberately absent: any way to serialise or print it. What was read is not wiped from memory.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::text_checks;

/// No secret is longer; a file that is was named by mistake.
const LONGEST: u64 = 64 << 10;

/// The secret of XEP-0114, section 3, which proves to the server who the component is.
///
/// It prints as a placeholder everywhere, so that a [`Config`](crate::config::Config) may be
/// logged whole. Only the handshake has to look inside.
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
    /// Takes over a secret; use it when the secret comes from a vault of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!couplet::secret::Secret::new("x").is_empty());
    /// ```
    pub fn new(secret: impl AsRef<str>) -> Secret {
        Secret(Arc::from(secret.as_ref()))
    }

    /// The secret that a file holds, without a byte order mark before it and without the line's end
    /// behind it; use it for secrets of your own, such as the password of a database.
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
    /// The file cannot be read, is empty, no text, or longer than 64 KiB. The text goes behind the
    /// name of the file; the content is never in it.
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

    /// The secret itself, for the handshake and for nothing that is shown to people.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::secret::Secret::new("x").expose(), "x");
    /// ```
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no secret at all; a configuration with such a one is refused.
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
