//! The sections as `--check-config` prints them: each key with its value and origin.

use std::fmt;

use figment::value::{Dict, Value};

use super::Sections;
use crate::config::document::Document;
use crate::config::fault::Origin;
use crate::config::sources::shown;

/// One key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Entry {
    /// The table: `news` or `news.limits`.
    pub(in crate::config) table: String,
    key: String,
    /// The value in the form of the file; `None` if it may be a secret.
    value: Option<String>,
    origin: Origin,
}

impl Entry {
    pub(in crate::config) fn name(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    pub(in crate::config) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// Returns the effective values of a section, its own keys before its inner tables.
pub(super) fn values(table: &str, section: &Value, sections: &Sections) -> Vec<Entry> {
    let Value::Dict(_, section) = section else {
        return Vec::new();
    };
    let mut entries: Vec<Entry> = section
        .iter()
        .filter_map(|(key, value)| {
            let value = Some(toml(value)?);
            Some(entry(table, key, value, sections))
        })
        .collect();
    for (key, value) in section
        .iter()
        .filter(|(_, value)| value.as_dict().is_some())
    {
        entries.extend(values(&format!("{table}.{key}"), value, sections));
    }
    entries
}

/// Returns the keys that are set in a section of unknown type, without their values, which may be
/// secrets.
pub(super) fn keys(table: &str, section: &Value, sections: &Sections) -> Vec<Entry> {
    let keys = section.as_dict().into_iter().flat_map(Dict::keys);
    keys.map(|key| entry(table, key, None, sections)).collect()
}

fn entry(table: &str, key: &str, value: Option<String>, sections: &Sections) -> Entry {
    Entry {
        table: table.to_owned(),
        key: key.to_owned(),
        value,
        origin: origin(table, key, sections),
    }
}

/// Variables of inner tables contain no dots: `news.limits_items`.
fn origin(table: &str, key: &str, sections: &Sections) -> Origin {
    let name = format!("{table}.{key}");
    let (section, rest) = name.split_once('.').unwrap_or((&name, ""));
    let flat = format!("{section}.{}", rest.replace('.', "_"));
    let of = |path: &str| {
        let value = sections.values.find_value(path).ok()?;
        Some(sections.origin(value.tag(), &name, Document::value))
    };
    match of(&flat) {
        Some(origin @ Origin::Variable(_)) => origin,
        _ => of(&name).unwrap_or(Origin::Default),
    }
}

/// Returns a value in the form of the file; `None` for a table or an unset value.
fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Empty(..) | Value::Dict(..) => return None,
        Value::Array(_, entries) => {
            let entries: Vec<String> = entries.iter().filter_map(in_line).collect();
            format!("[{}]", entries.join(", "))
        }
        value => shown(value),
    })
}

fn in_line(value: &Value) -> Option<String> {
    let Value::Dict(_, table) = value else {
        return toml(value);
    };
    let entries: Vec<String> = table
        .iter()
        .filter_map(|(key, value)| Some(format!("{key} = {}", in_line(value)?)))
        .collect();
    Some(format!("{{ {} }}", entries.join(", ")))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}  # {}", self.key, self.origin),
            None => write!(f, "# {} is set  # {}", self.key, self.origin),
        }
    }
}
