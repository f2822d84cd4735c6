//! [`ComponentArgs`]: the configuration of a component for which a command logs in.

use std::path::PathBuf;

use clap::Args;
use couplet::config::{Setting, Sources, settings};

const FILE: &str = "couplet.toml";

/// The flags that every component has too.
#[derive(Args, Clone, Debug)]
pub(crate) struct ComponentArgs {
    /// The configuration file of the component [default: ./couplet.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The domain of the component
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
    /// The address of the server's component listener: host:port, tls://host:port or unix:/path
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// A file that contains the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
}

impl ComponentArgs {
    /// Returns the file, the environment and the flags as sources of the configuration.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::process();
        if let Some(file) = &self.config {
            sources = sources.file(file);
        }
        let flags = [
            ("domain", &self.domain),
            ("server", &self.server),
            ("secret-file", &self.secret_file),
        ];
        for (flag, value) in flags {
            if let Some(value) = value {
                sources = sources.flag(flag, value);
            }
        }
        self.own_tables()
            .into_iter()
            .fold(sources, Sources::section)
    }

    /// Returns the file that is read, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("COUPLET_CONFIG").filter(|path| !path.is_empty());
        let named = self
            .config
            .clone()
            .or_else(|| variable().map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
    }

    /// Returns the tables of the file and of the environment that belong to the component itself: the
    /// command does not know which settings they may contain.
    pub(crate) fn own_tables(&self) -> Vec<String> {
        let mut tables = self.tables_of_file();
        for (name, _) in std::env::vars_os() {
            let table = name.to_str().and_then(table_of_variable);
            tables.extend(table.filter(|table| !tables.contains(table)));
        }
        tables
    }

    fn tables_of_file(&self) -> Vec<String> {
        let text = self
            .file()
            .and_then(|file| std::fs::read_to_string(file).ok());
        // Loading the configuration reports an unreadable file.
        let document = text.and_then(|text| {
            let text = text.trim_start_matches('\u{feff}');
            text.parse::<toml_edit::ImDocument<String>>().ok()
        });
        let Some(document) = document else {
            return Vec::new();
        };
        let tables = document.iter().filter(|(_, item)| item.is_table());
        tables
            .map(|(name, _)| name.to_owned())
            .filter(|name| settings().iter().all(|one| one.table() != Some(name)))
            .collect()
    }
}

/// Returns `pubsub` for `COUPLET_PUBSUB_STORE`, and `None` for settings of Couplet and names similar to one.
fn table_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("COUPLET_")?;
    let (table, _) = rest.split_once('_')?;
    let typos = (table.chars().count() / 3).clamp(1, 3);
    let is_similar =
        |known: &str| strsim::damerau_levenshtein(table, &known.to_uppercase()) <= typos;
    let is_setting = |one: &Setting| {
        one.variable() == name
            || strsim::damerau_levenshtein(&one.variable(), name) <= 2
            || one.table().is_some_and(is_similar)
    };
    (!settings().iter().any(is_setting)).then(|| table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::table_of_variable;

    #[test]
    fn a_variable_of_the_component_is_distinguished_from_a_misspelled_setting() {
        let table = |name| table_of_variable(name);
        assert_eq!(table("COUPLET_PUBSUB_STORE").as_deref(), Some("pubsub"));
        assert_eq!(table("COUPLET_BOT_GREETING").as_deref(), Some("bot"));
        for name in [
            "COUPLET_DOMAIN",
            "COUPLET_DOMIAN",
            "COUPLET_SECRET_FILE",
            "COUPLET_SECRT_FILE",
            "COUPLET_LIMITS_HANDLER",
            "COUPLET_LIMIT_HANDLERS",
            "COUPLET_CONFIG",
            "PATH",
        ] {
            assert_eq!(table(name), None, "{name}");
        }
    }
}
