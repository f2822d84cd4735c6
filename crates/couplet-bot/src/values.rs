//! The values of a command or a form as texts, by the names of its fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The texts that were given for the fields of a command or a form.
///
/// A field may have several: the chosen options of a list, or the lines of a text. Values of fields
/// that are secret are in it only between the request and the handler; they are not stored.
///
/// # Examples
///
/// ```
/// use couplet_bot::values::Values;
///
/// let values = Values::new().with("after", ["10m"]).with("what", ["tea"]);
/// assert_eq!(values.get("after"), ["10m"]);
/// assert!(values.get("every").is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// Creates values without any.
    pub fn new() -> Values {
        Values::default()
    }

    /// Returns the texts of a field; empty if there are none.
    pub fn get(&self, field: &str) -> &[String] {
        self.0.get(field).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns whether there is an entry for this field, even without a text.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Sets the texts of a field.
    pub fn set(&mut self, field: impl Into<String>, texts: Vec<String>) {
        self.0.insert(field.into(), texts);
    }

    /// Removes the texts of a field.
    pub fn remove(&mut self, field: &str) {
        self.0.remove(field);
    }

    /// Sets the texts of a field and returns the values.
    #[must_use]
    pub fn with<T: Into<String>>(
        mut self,
        field: impl Into<String>,
        texts: impl IntoIterator<Item = T>,
    ) -> Values {
        self.set(field, texts.into_iter().map(Into::into).collect());
        self
    }
}
