//! Step `secret`: it can be read, by no other user, and has no stray spaces.
//!
//! No message may contain the secret.

use couplet::Config;
use couplet::config::ConfigError;

use super::report::{Checked, Finding};

pub(super) fn check(loaded: Result<Config, ConfigError>) -> Checked<Config> {
    let config = loaded.map_err(|error| Finding::from_error(&error))?;
    Ok((found(&config), config))
}

/// Returns whether an error or a warning of the configuration belongs to this step.
pub(super) fn is_meant_by(text: &str) -> bool {
    text.contains("secret")
}

fn found(config: &Config) -> Finding {
    let secret = config.secret.expose();
    let warnings = config.warnings().iter();
    let mut advice: Vec<String> = warnings
        .filter(|warning| is_meant_by(warning))
        .cloned()
        .collect();
    if secret.len() < 8 {
        advice.push("it is shorter than 8 bytes, so it can be guessed".to_owned());
    }
    // The length shows whether a shell or an environment file has cut the secret at a `$` or a `#`.
    let (origin, characters) = (config.origin("secret"), secret.chars().count());
    let message = format!("found ({origin}), {characters} characters");
    match advice.is_empty() {
        true => Finding::pass(message),
        false => Finding::warn(message, advice.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use couplet::Config;

    use super::{Finding, found};

    /// In double quotes, a shell turns `"abc$def#ghi"` into `abc#ghi`.
    #[test]
    fn the_length_of_the_secret_is_shown_and_the_secret_is_not() {
        let config = Config::new("echo.test", "abcd\u{e9}#ghi");
        let expected = Finding::pass("found (default), 9 characters");
        assert_eq!(found(&config), expected);
    }
}
