//! Tables of the configuration that belong to the application.

use std::fmt;

use figment::error::Kind;
use figment::{Figment, Metadata};
use serde::de::DeserializeOwned;

use super::document::Document;
use super::fault::{ConfigError, Place, meant};
use super::layer::place_of;

/// The values of the announced sections, from every source, and where they stand.
#[derive(Clone, Default)]
pub(super) struct Sections {
    names: Vec<String>,
    values: Figment,
    document: Document,
}

impl Sections {
    pub(super) fn new(names: Vec<String>, values: Figment, document: Document) -> Sections {
        Sections {
            names,
            values,
            document,
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        if !self.names.iter().any(|known| known == name) {
            let what = format!("nobody announced the section [{name}]");
            return Err(ConfigError::new(Place::Default, what).help(format!(
                "announce it with `.section({name:?})` before loading"
            )));
        }
        // An announced section without values is an empty table, so that defaults apply.
        let found = self.values.focus(name).extract();
        found.map_err(|error: figment::Error| self.fault(name, error))
    }

    fn fault(&self, name: &str, error: figment::Error) -> ConfigError {
        let inner = error.path.join(".");
        let path = format!("{name}.{inner}").trim_end_matches('.').to_owned();
        match error.kind {
            Kind::UnknownField(field, known) => {
                // The key itself may or may not stand in `error.path` already.
                let path = match path.ends_with(&format!(".{field}")) {
                    true => path,
                    false => format!("{path}.{field}"),
                };
                let what = match meant(&field, known.iter().copied()) {
                    Some(meant) => format!("unknown key `{path}`; did you mean `{meant}`?"),
                    None => format!("unknown key `{path}`"),
                };
                ConfigError::new(
                    self.place(&path, error.metadata.as_ref(), Document::key),
                    what,
                )
                .help(format!("accepted in [{name}]: {}", known.join(", ")))
            }
            Kind::MissingField(field) => {
                let place = match self.document.has(name) {
                    true => self.document.key(name),
                    false => Place::Default,
                };
                ConfigError::new(place, format!("`{field}` is missing in [{name}]"))
            }
            kind => {
                let place = self.place(&path, error.metadata.as_ref(), Document::value);
                ConfigError::new(place, format!("{path}: {kind}"))
            }
        }
    }

    fn place(
        &self,
        path: &str,
        metadata: Option<&Metadata>,
        in_file: fn(&Document, &str) -> Place,
    ) -> Place {
        match metadata {
            Some(metadata) => place_of(metadata, || in_file(&self.document, path)),
            None if self.document.has(path) => in_file(&self.document, path),
            None => Place::Default,
        }
    }
}

impl fmt::Debug for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may hold secrets of the application.
        f.debug_tuple("Sections").field(&self.names).finish()
    }
}
