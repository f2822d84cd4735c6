//! Where the configuration of a component comes from when a command acts for it.
//!
//! Deliberately absent: the settings that have no flag; they stay in the file and the environment.

use std::path::PathBuf;

use clap::Args;
use couplet::config::{Setting, Sources, settings};

const FILE: &str = "couplet.toml";

/// The flags that every component has as well.
#[derive(Args, Clone, Debug)]
pub(crate) struct Given {
    /// The configuration file of the component [default: ./couplet.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The domain of the component
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
    /// Where the server listens for components: host:port, tls://host:port or unix:/path
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// A file that holds the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
}

impl Given {
    /// File, environment and flags, and the tables of the file that are the component's own.
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

    /// The file that is read, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("COUPLET_CONFIG").filter(|path| !path.is_empty());
        let named = self
            .config
            .clone()
            .or_else(|| variable().map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
    }

    /// The tables that are the component's own, of the file and of the environment: what is in them
    /// cannot be judged here.
    pub(crate) fn own_tables(&self) -> Vec<String> {
        let mut tables = self.tables_of_the_file();
        for (name, _) in std::env::vars_os() {
            let table = name.to_str().and_then(table_of_a_variable);
            tables.extend(table.filter(|table| !tables.contains(table)));
        }
        tables
    }

    fn tables_of_the_file(&self) -> Vec<String> {
        let text = self
            .file()
            .and_then(|file| std::fs::read_to_string(file).ok());
        // What cannot be read is reported where it is loaded.
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

/// `pubsub` for `COUPLET_PUBSUB_STORE`; nothing for a setting, for what comes near one and for what
/// Kubernetes sets.
fn table_of_a_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("COUPLET_")?;
    let (table, _) = rest.split_once('_')?;
    let slips = (table.chars().count() / 3).clamp(1, 3);
    let is_near = |known: &str| strsim::damerau_levenshtein(table, &known.to_uppercase()) <= slips;
    let is_setting = |one: &Setting| {
        one.variable() == name
            || strsim::damerau_levenshtein(&one.variable(), name) <= 2
            || one.table().is_some_and(is_near)
    };
    (!settings().iter().any(is_setting)).then(|| table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::table_of_a_variable;

    #[test]
    fn a_variable_of_the_components_own_is_told_from_a_slip() {
        let table = |name| table_of_a_variable(name);
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
