//! A configuration file with the position of every key and value.
//!
//! figment only knows the file of a value; error messages need the line. They must not quote the
//! file's text, because a line of it may contain the secret.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::Dict;
use toml_edit::{ImDocument, Item, TableLike};

use super::fault::{ConfigError, Origin};

/// The parsed file, with the position of each key and value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    path: PathBuf,
    marks: BTreeMap<String, Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    key: (usize, usize),
    value: (usize, usize),
}

impl Document {
    /// Parses the text of a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<(Document, Dict), ConfigError> {
        let tree = ImDocument::parse(text).map_err(|error| {
            let origin = origin_at(path, position(text, error.span()));
            ConfigError::new(
                origin,
                format!("invalid TOML: {}", one_line(error.message())),
            )
        })?;
        let values = Toml::from_str::<Dict>(text).map_err(|error| {
            let origin = origin_at(path, position(text, error.span()));
            ConfigError::new(
                origin,
                format!("invalid TOML: {}", one_line(error.message())),
            )
        })?;
        let mut document = Document {
            path: path.to_owned(),
            marks: BTreeMap::new(),
        };
        document.mark(text, "", tree.as_table());
        Ok((document, values))
    }

    /// Returns the position of the value at a dotted path, or of the nearest table around it.
    pub(crate) fn value(&self, name: &str) -> Origin {
        self.nearest(name, |mark| mark.value)
    }

    /// Returns the position of the key at a dotted path.
    pub(crate) fn key(&self, name: &str) -> Origin {
        self.nearest(name, |mark| mark.key)
    }

    /// Returns whether the file has this dotted path.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.marks.contains_key(name)
    }

    fn nearest(&self, name: &str, side: fn(&Mark) -> (usize, usize)) -> Origin {
        let mut name = name;
        loop {
            if let Some(mark) = self.marks.get(name) {
                return origin_at(&self.path, side(mark));
            }
            match name.rsplit_once('.') {
                Some((table, _)) => name = table,
                None => return origin_at(&self.path, (1, 1)),
            }
        }
    }

    // The parser rejects files nested deeper than 80 levels, which bounds this recursion.
    fn mark(&mut self, text: &str, above: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let path = match above {
                "" => name.to_owned(),
                above => format!("{above}.{name}"),
            };
            let key = position(text, table.key(name).and_then(|key| key.span()));
            let value = match item {
                Item::Value(value) => position(text, value.span()),
                _ => key,
            };
            if let Some(inner) = item.as_table_like() {
                self.mark(text, &path, inner);
            }
            self.marks.insert(path, Mark { key, value });
        }
    }
}

fn origin_at(path: &Path, (line, column): (usize, usize)) -> Origin {
    Origin::File {
        path: path.to_owned(),
        line,
        column,
    }
}

fn position(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let before = span
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Document;

    const TEXT: &str = "domain = \"é.localhost\"\n\n[limits]\n  depth = 7\n[tls]\nname.x = 1\n";

    #[test]
    fn every_key_and_value_knows_its_line_and_column() {
        let (document, _) = Document::parse(Path::new("c.toml"), TEXT).unwrap();
        assert_eq!(document.value("domain").to_string(), "c.toml:1:10");
        assert_eq!(document.key("limits.depth").to_string(), "c.toml:4:3");
        assert_eq!(document.value("limits.depth").to_string(), "c.toml:4:11");
        assert_eq!(document.value("tls.name.x").to_string(), "c.toml:6:10");
        assert_eq!(document.value("limits.absent").to_string(), "c.toml:3:2");
        assert!(document.has("tls.name.x") && !document.has("tls.y"));
    }

    #[test]
    fn a_broken_file_is_reported_by_line_and_never_quoted() {
        for text in [
            "a = 1\nsecret = \"hunter2",
            "secret = hunter2",
            "secret = \"a\"\nsecret = \"hunter2\"",
        ] {
            let error = Document::parse(Path::new("c.toml"), text)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("c.toml:"), "{error}");
            assert!(error.contains(": invalid TOML: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
