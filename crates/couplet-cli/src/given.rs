//! Where the configuration of a component comes from when a command acts for it.
//!
//! Deliberately absent: the settings that have no flag; they stay in the file and the environment.

use std::path::PathBuf;

use clap::Args;
use couplet::config::{Sources, settings};

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

    /// The tables of the file that no setting of Couplet is in: nobody here can judge them.
    pub(crate) fn own_tables(&self) -> Vec<String> {
        let text = self
            .file()
            .and_then(|file| std::fs::read_to_string(file).ok());
        // What cannot be read is told by whoever loads it.
        let document = text.and_then(|text| text.parse::<toml_edit::ImDocument<String>>().ok());
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
