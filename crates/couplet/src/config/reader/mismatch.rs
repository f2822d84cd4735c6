//! [`Fault`]: why a value does not fit its type, and the key it belongs to.

use std::fmt;

use figment::value::{Tag, Value};
use serde::de;

use super::{Reader, shown};
use crate::text_checks;

/// Why a section does not fit its type.
#[derive(Debug)]
pub(in crate::config) struct Fault {
    /// The path of keys to the value, innermost first.
    pub(in crate::config) path: Vec<String>,
    /// The figment tag of the value, if there is one.
    pub(in crate::config) tag: Option<Tag>,
    pub(in crate::config) what: What,
}

#[derive(Debug)]
pub(in crate::config) enum What {
    /// A wrong value; `why` continues the sentence "`key` = value ..." or, without the value,
    /// "`key`: ...".
    Value {
        shown: Option<Box<str>>,
        why: String,
        accepted: Option<Box<str>>,
        /// An unusual first or last character of the value.
        odd: Option<&'static str>,
    },
    /// A key that the type does not have, and the keys that it has.
    Unknown {
        key: String,
        known: &'static [&'static str],
    },
    Missing(&'static str),
}

impl Fault {
    pub(super) fn new(what: What) -> Fault {
        Fault {
            path: Vec::new(),
            tag: None,
            what,
        }
    }

    pub(super) fn unknown(key: &str, known: &'static [&'static str]) -> Fault {
        Fault::new(What::Unknown {
            key: key.to_owned(),
            known,
        })
    }

    /// Returns the path of keys, outermost first.
    pub(in crate::config) fn path(&self) -> Vec<&str> {
        self.path.iter().rev().map(String::as_str).collect()
    }

    /// Attributes the error to this value, unless it already has an inner one.
    pub(super) fn at(mut self, value: &Value) -> Fault {
        self.tag.get_or_insert(value.tag());
        self
    }

    /// Attributes the error to the value of this key.
    pub(super) fn below(self, key: &str, value: &Value) -> Fault {
        let mut fault = self.at(value);
        if let (What::Value { odd, .. }, Some(text)) = (&mut fault.what, value.as_str()) {
            *odd = text_checks::at_the_ends(text);
        }
        fault.path.push(key.to_owned());
        fault
    }

    /// Attributes the error to one entry of a list.
    pub(super) fn in_entry(mut self, number: usize) -> Fault {
        if let What::Value { shown, why, .. } = &mut self.what
            && self.path.is_empty()
        {
            *why = match shown.take() {
                Some(value) => format!("entry {number}, {value}, {why}"),
                None => format!("entry {number}: {why}"),
            };
        }
        self
    }

    /// Adds what the type accepts to an error of the type about a value of the right kind.
    pub(super) fn accepting(mut self, reader: Reader<'_>, accepts: &str) -> Fault {
        if let What::Value {
            shown: value,
            accepted,
            ..
        } = &mut self.what
            && self.path.is_empty()
        {
            value.get_or_insert_with(|| shown(reader.value).into());
            accepted.get_or_insert_with(|| accepts.into());
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(why: T) -> Fault {
        Fault::new(What::Value {
            shown: None,
            why: why.to_string(),
            accepted: None,
            odd: None,
        })
    }

    fn invalid_value(_value: de::Unexpected<'_>, expected: &dyn de::Expected) -> Fault {
        Fault::new(What::Value {
            shown: None,
            why: "is not accepted".to_owned(),
            accepted: Some(expected.to_string().into()),
            odd: None,
        })
    }

    fn unknown_variant(_variant: &str, _known: &'static [&'static str]) -> Fault {
        Fault::custom("is not one of the accepted names")
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Fault {
        Fault::unknown(key, known)
    }

    fn missing_field(field: &'static str) -> Fault {
        Fault::new(What::Missing(field))
    }
}
