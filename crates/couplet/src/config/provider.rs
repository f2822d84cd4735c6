//! One source of values, as figment wants it, and the way back from a value to its source.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::fault::Origin;

/// One source for figment.
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

/// Which of the sources a value comes from; for the file, `in_file` knows the line.
pub(super) fn origin_of(metadata: &Metadata, in_file: impl FnOnce() -> Origin) -> Origin {
    match metadata.source.as_ref().and_then(Source::custom) {
        Some("variable") => Origin::Variable(metadata.name.to_string()),
        Some(_) => Origin::Flag(metadata.name.to_string()),
        None => in_file(),
    }
}
