//! Passes values to figment, and maps figment's metadata back to their origin.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::fault::Origin;

/// A figment provider of one value.
pub(super) struct OneValue {
    pub(super) metadata: Metadata,
    pub(super) values: Dict,
}

impl OneValue {
    pub(super) fn one(source: &str, kind: &str, path: &str, value: Value) -> OneValue {
        let values = match figment::util::nest(path, value) {
            Value::Dict(_, values) => values,
            _ => Dict::new(),
        };
        OneValue {
            metadata: Metadata::from(source.to_owned(), Source::Custom(kind.to_owned())),
            values,
        }
    }
}

impl Provider for OneValue {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Returns the origin of a value; for the file, `in_file` returns the line.
pub(super) fn origin_of(metadata: &Metadata, in_file: impl FnOnce() -> Origin) -> Origin {
    match metadata.source.as_ref().and_then(Source::custom) {
        Some("variable") => Origin::Variable(metadata.name.to_string()),
        Some(_) => Origin::Flag(metadata.name.to_string()),
        None => in_file(),
    }
}
