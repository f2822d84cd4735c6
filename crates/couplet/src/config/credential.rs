//! Finds the secret: set directly, in a file, or in a systemd credential.
//!
//! Errors must not contain the content of a file.

use std::path::{Path, PathBuf};

use super::Config;
use super::fault::{ConfigError, Origin};
use crate::secret::Secret;
use crate::text_checks;

/// Fills in the secret; uses `credentials` (systemd's directory) if no setting names a secret.
pub(super) fn find(config: &mut Config, credentials: Option<&Path>) -> Result<(), ConfigError> {
    look_up(config, credentials)?;
    config.warnings.extend(oddities(config));
    Ok(())
}

/// Finds the secret: set directly, in the named file, or among the credentials.
fn look_up(config: &mut Config, credentials: Option<&Path>) -> Result<(), ConfigError> {
    let named = config.secret_file.clone();
    match (config.origins.contains_key("secret"), named) {
        (true, Some(_)) => {
            let (one, other) = (config.origin("secret"), config.origin("secret_file"));
            let what = format!("both secret ({one}) and secret_file ({other}) are set");
            Err(ConfigError::new(other, what).help("keep one of them"))
        }
        (true, None) => Ok(()),
        (false, Some(path)) => {
            let origin = config.origin("secret_file");
            config.secret = read(&path, &origin)?;
            config.origins.insert("secret", origin);
            // systemd grants access by an ACL, which appears as group permissions in the mode.
            if !credentials.is_some_and(|directory| path.starts_with(directory)) {
                config.warnings.extend(readable_by_others(&path));
            }
            config.note_file(path);
            Ok(())
        }
        (false, None) => match credentials.and_then(credential) {
            Some(path) => {
                config.secret = read(&path, &Origin::Variable("CREDENTIALS_DIRECTORY".to_owned()))?;
                let origin = Origin::Variable("CREDENTIALS_DIRECTORY".to_owned());
                config.origins.insert("secret", origin);
                config.note_file(path);
                Ok(())
            }
            None => Err(ConfigError::new(Origin::Default, "no secret is set")
                .help("set COUPLET_SECRET_FILE, or --secret-file, to a file that holds it,")
                .help("or COUPLET_SECRET, or `secret` or `secret_file` in couplet.toml,")
                .help("or the systemd credential `couplet-secret` or `secret`")),
        },
    }
}

/// Returns warnings about unusual characters in the secret. Not errors, because the server may have
/// the same characters.
fn oddities(config: &Config) -> Vec<String> {
    let (secret, origin) = (config.secret.expose(), config.origin("secret"));
    let lines = secret.contains('\n').then(|| {
        format!("the secret ({origin}) has more than one line, and all of them are the secret")
    });
    let ends = text_checks::at_the_ends(secret)
        .map(|odd| format!("the secret ({origin}) {odd}, which is part of it"));
    lines.into_iter().chain(ends).collect()
}

/// Returns the secret from its file as of now, so that it can change without a restart; without a
/// file, the loaded one.
pub(super) fn now(config: &Config) -> Result<Secret, ConfigError> {
    match &config.secret_from {
        // Only if the program has not set another secret since.
        Some((path, loaded)) if loaded.expose() == config.secret.expose() => {
            read(path, &config.origin("secret"))
        }
        _ => Ok(config.secret.clone()),
    }
}

impl Config {
    /// Remembers the file to read again, unless it is a pipe, which can be read only once.
    fn note_file(&mut self, path: PathBuf) {
        if path.is_file() {
            self.secret_from = Some((path, self.secret.clone()));
        }
    }
}

fn credential(directory: &Path) -> Option<PathBuf> {
    ["couplet-secret", "secret"]
        .iter()
        .map(|name| directory.join(name))
        .find(|path| path.exists())
}

fn read(path: &Path, origin: &Origin) -> Result<Secret, ConfigError> {
    Secret::read(path).map_err(|why| {
        let what = format!("the secret file {} {why}", path.display());
        ConfigError::new(origin.clone(), what)
    })
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    if mode & 0o044 == 0 {
        return None;
    }
    let path = path.display();
    Some(format!(
        "the secret file {path} is readable by its group or by all users (mode {mode:04o}): chmod 600 {path}"
    ))
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> Option<String> {
    None
}
