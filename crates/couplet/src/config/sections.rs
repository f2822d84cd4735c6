//! Sections of the configuration that belong to the application.

use std::fmt;

use figment::Figment;
use figment::value::{Dict, Tag, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document::Document;
use super::fault::{ConfigError, Origin, meant};
use super::provider::origin_of;
use super::reader::{Fault, Reader, What};

mod effective;

pub(super) use effective::Entry;

/// A section of the configuration that belongs to the application.
///
/// The fields of the type are the keys of the table. Common spellings are accepted: `1`, `yes` and
/// `on` for a boolean, one text with commas for a list, a number as text. Each key also has a
/// variable, including keys of inner tables (`COUPLET_NEWS_LIMITS_ITEMS` for `items` in
/// `[news.limits]`). An unknown key, a value of the wrong type and a missing key are errors that
/// say where, and what is accepted. Announce it with
/// [`Sources::with_section`](super::Sources::with_section).
///
/// `--check-config` prints what the type's `Serialize` writes: leave passwords out there.
///
/// # Examples
///
/// ```
/// use couplet::config::{Section, Sources};
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// #[serde(default)]
/// struct News { feeds: Vec<String>, archive: bool }
///
/// impl Default for News {
///     fn default() -> News {
///         News { feeds: Vec::new(), archive: true }
///     }
/// }
///
/// impl Section for News {
///     const NAME: &'static str = "news";
/// }
///
/// let config = Sources::none()
///     .variable("COUPLET_DOMAIN", "news.localhost")
///     .variable("COUPLET_SECRET", "x")
///     .variable("COUPLET_NEWS_FEEDS", "https://example.org/a, https://example.org/b")
///     .variable("COUPLET_NEWS_ARCHIVE", "off")
///     .with_section::<News>()
///     .load()?;
/// let news: News = config.section(News::NAME)?;
/// assert_eq!((news.feeds.len(), news.archive), (2, false));
/// assert!(config.to_string().contains("[news]\narchive = false  # COUPLET_NEWS_ARCHIVE\n"));
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
pub trait Section: DeserializeOwned + Serialize {
    /// The name of the table: `news` for `[news]` and `COUPLET_NEWS_...`.
    const NAME: &'static str;

    /// Returns warnings about accepted but suspicious values, each with the name of its key. None
    /// by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Section;
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct News { feed: String }
    ///
    /// impl Section for News {
    ///     const NAME: &'static str = "news";
    ///
    ///     fn warnings(&self) -> Vec<String> {
    ///         let is_plain = self.feed.starts_with("http://");
    ///         let warning = is_plain.then(|| "news.feed is read without encryption".to_owned());
    ///         warning.into_iter().collect()
    ///     }
    /// }
    ///
    /// let news = News { feed: "http://example.org/feed".to_owned() };
    /// assert_eq!(news.warnings().len(), 1);
    /// ```
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A section with a known type.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    pub(super) name: &'static str,
    read: fn(&Sections) -> Result<Read, ConfigError>,
}

/// A section in printable form, and its warnings.
type Read = (Value, Vec<String>);

impl Typed {
    pub(super) fn of<S: Section>() -> Typed {
        Typed {
            name: S::NAME,
            read: |sections| {
                let section: S = sections.read(S::NAME)?;
                let shown = Value::serialize(&section).map_err(|why| {
                    let what = format!("[{}] cannot be printed: {why}", S::NAME);
                    ConfigError::because(what)
                })?;
                Ok((shown, section.warnings()))
            },
        }
    }
}

/// The values of the announced sections from all sources, with their positions.
#[derive(Clone, Default)]
pub(super) struct Sections {
    names: Vec<String>,
    values: Figment,
    document: Document,
    /// The effective values of sections with a known type; for the others, the keys that are set.
    entries: Vec<Entry>,
}

impl Sections {
    /// Reads the sections that have a known type. Returns the warnings as well.
    pub(super) fn load(
        names: &[String],
        typed: &[Typed],
        values: Figment,
        document: Document,
    ) -> Result<(Sections, Vec<String>), ConfigError> {
        let mut sections = Sections {
            names: names.to_vec(),
            values,
            document,
            entries: Vec::new(),
        };
        let mut warnings = Vec::new();
        for name in names {
            let Some(typed) = typed.iter().find(|typed| typed.name == name) else {
                let given = sections.given(name);
                sections
                    .entries
                    .extend(effective::keys(name, &given, &sections));
                continue;
            };
            let (shown, of_it) = (typed.read)(&sections)?;
            sections
                .entries
                .extend(effective::values(name, &shown, &sections));
            warnings.extend(of_it);
        }
        Ok((sections, warnings))
    }

    /// Returns the entries for the effective configuration.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether a section is announced.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        if !self.has(name) {
            let what = format!("the section [{name}] is not announced");
            return Err(ConfigError::new(Origin::Default, what).help(format!(
                "announce it with `.section({name:?})` before loading"
            )));
        }
        let is_variable =
            |tag: Tag| matches!(self.origin(tag, "", Document::key), Origin::Variable(_));
        let given = self.given(name);
        let found = T::deserialize(Reader::new(&given, &is_variable));
        found.map_err(|fault| self.to_error(name, &fault))
    }

    /// Returns the values of a section; without any it is an empty table, so that defaults apply.
    fn given(&self, name: &str) -> Value {
        let found = self.values.find_value(name);
        found.unwrap_or_else(|_| Value::from(Dict::new()))
    }

    fn to_error(&self, section: &str, fault: &Fault) -> ConfigError {
        let mut path = vec![section];
        path.extend(fault.path());
        let path = path.join(".");
        let origin = |name: &str, in_file| match fault.tag {
            Some(tag) => self.origin(tag, name, in_file),
            None if self.document.has(name) => in_file(&self.document, name),
            None => Origin::Default,
        };
        match &fault.what {
            What::Unknown { key, known } => {
                let name = format!("{path}.{key}");
                let what = match meant(key, known.iter().copied()) {
                    Some(meant) => format!("unknown key `{name}`; did you mean `{meant}`?"),
                    None => format!("unknown key `{name}`"),
                };
                ConfigError::new(origin(&name, Document::key), what)
                    .help(format!("accepted in [{path}]: {}", known.join(", ")))
            }
            What::Missing(field) => {
                let origin = match self.document.has(&path) {
                    true => self.document.key(&path),
                    false => Origin::Default,
                };
                let variable = format!("{}.{field}", path).replace('.', "_").to_uppercase();
                ConfigError::new(origin, format!("`{field}` is missing in [{path}]"))
                    .help(format!("set it there, or COUPLET_{variable}"))
            }
            What::Value {
                shown,
                why,
                accepted,
                odd,
            } => {
                let what = match shown {
                    Some(value) => format!("{path} = {value} {why}"),
                    None => format!("{path}: {why}"),
                };
                let mut error = ConfigError::new(origin(&path, Document::value), what);
                if let Some(odd) = odd {
                    error = error.help(format!("the value {odd}, which is part of it"));
                }
                match accepted {
                    Some(accepted) => error.help(format!("accepted: {accepted}")),
                    None => error,
                }
            }
        }
    }

    /// Returns where a value comes from; `name` is looked up in the file.
    fn origin(&self, tag: Tag, name: &str, in_file: fn(&Document, &str) -> Origin) -> Origin {
        match self.values.get_metadata(tag) {
            Some(metadata) => origin_of(metadata, || in_file(&self.document, name)),
            None => Origin::Default,
        }
    }
}

impl fmt::Debug for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may contain secrets of the application.
        f.debug_tuple("Sections").field(&self.names).finish()
    }
}
