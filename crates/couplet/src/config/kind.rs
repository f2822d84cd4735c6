//! The types of settings: parse, check and print values, and describe what is accepted.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::value::Value;

use super::server::{FORMS, Server};
use super::units;
use super::{Config, LogFormat};
use crate::secret::Secret;

/// Access to one field of a [`Config`].
pub(super) struct Field<T: 'static> {
    pub(super) read: fn(&Config) -> &T,
    pub(super) write: fn(&mut Config) -> &mut T,
}

/// The smallest and the largest accepted value, each with the reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range<T> {
    pub(super) least: T,
    pub(super) most: T,
    pub(super) why_least: &'static str,
    pub(super) why_most: &'static str,
}

/// The type of a setting, with access to its field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Domain(Field<String>),
    Server(Field<Server>),
    Secret(Field<Secret>),
    Name(Field<Option<String>>),
    File(Field<Option<PathBuf>>),
    Count(Range<usize>, Field<usize>),
    Size(Range<usize>, Field<usize>),
    Time(Range<Duration>, Field<Duration>),
    Format(Field<LogFormat>),
    Filter(Field<String>),
    Listen(Field<Option<SocketAddr>>),
}

impl Kind {
    /// Parses a value into its field; the error continues the sentence "`key` = value ...".
    pub(super) fn set(self, config: &mut Config, value: &Value) -> Result<(), String> {
        let text = value.as_str();
        match self {
            Kind::Domain(field) | Kind::Filter(field) => {
                *(field.write)(config) = text.ok_or("is not text in quotes")?.to_owned();
            }
            Kind::Server(field) => {
                let server = text.ok_or("is not text in quotes")?.parse();
                *(field.write)(config) = server.map_err(|why| format!("is not a server: {why}"))?;
            }
            Kind::Secret(field) => {
                *(field.write)(config) = Secret::new(text.ok_or("is not text in quotes")?);
            }
            Kind::Name(field) => {
                *(field.write)(config) = Some(text.ok_or("is not text in quotes")?.to_owned());
            }
            Kind::File(field) => {
                *(field.write)(config) = Some(PathBuf::from(text.ok_or("is not text in quotes")?));
            }
            Kind::Count(_, field) => {
                let number = whole(value).or_else(|| units::count(text?));
                *(field.write)(config) = number.ok_or("is not a whole number")?;
            }
            Kind::Size(_, field) => {
                let bytes = whole(value).or_else(|| units::size(text?));
                *(field.write)(config) = bytes.ok_or("is not a size")?;
            }
            Kind::Time(_, field) => {
                // A bare number could mean seconds or milliseconds.
                if whole(value).is_some() || text.and_then(units::count).is_some_and(|n| n > 0) {
                    return Err("has no unit".to_owned());
                }
                let time = text.and_then(units::duration);
                *(field.write)(config) = time.ok_or("is not a duration")?;
            }
            Kind::Format(field) => {
                *(field.write)(config) = match text {
                    Some("text") => LogFormat::Text,
                    Some("json") => LogFormat::Json,
                    _ => return Err("is not a log format".to_owned()),
                };
            }
            Kind::Listen(field) => {
                let address = text.and_then(|text| text.parse().ok());
                *(field.write)(config) = Some(address.ok_or("is not an address and port")?);
            }
        }
        Ok(())
    }

    /// Returns whether white space or a quotation mark around a value is an error. Only a secret
    /// may have them.
    pub(super) fn is_taken_letter_by_letter(self) -> bool {
        matches!(
            self,
            Kind::Domain(_) | Kind::Server(_) | Kind::Name(_) | Kind::File(_) | Kind::Listen(_)
        )
    }

    /// Checks the value in its field by itself; the error continues the same sentence.
    pub(super) fn check(self, config: &Config) -> Result<(), String> {
        match self {
            Kind::Count(range, field) | Kind::Size(range, field) => {
                range.check((field.read)(config))
            }
            Kind::Time(range, field) => range.check((field.read)(config)),
            Kind::Name(field) if (field.read)(config).as_deref() == Some("") => {
                Err("is empty".to_owned())
            }
            Kind::File(field) if (field.read)(config).as_deref() == Some(Path::new("")) => {
                Err("is empty".to_owned())
            }
            #[cfg(not(feature = "ops"))]
            Kind::Listen(field) if (field.read)(config).is_some() => Err(
                "asks for what this program was built without: build it with the cargo feature \
                 `ops` (`cargo build --features ops`)"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// Returns the value in its field in the form of the file; `None` if it is not set.
    pub(super) fn show(self, config: &Config) -> Option<String> {
        Some(match self {
            Kind::Domain(field) | Kind::Filter(field) => quoted((field.read)(config)),
            Kind::Server(field) => quoted((field.read)(config)),
            Kind::Secret(field) => quoted((field.read)(config)),
            Kind::Name(field) => quoted((field.read)(config).as_ref()?),
            Kind::File(field) => quoted((field.read)(config).as_ref()?.display()),
            Kind::Count(_, field) => (field.read)(config).to_string(),
            Kind::Size(_, field) => quoted(units::show_size(*(field.read)(config))),
            Kind::Time(_, field) => quoted(units::show_duration(*(field.read)(config))),
            Kind::Format(field) => quoted((field.read)(config)),
            Kind::Listen(field) => quoted((field.read)(config).as_ref()?),
        })
    }

    /// Describes the accepted values.
    pub(super) fn accepted(self) -> String {
        match self {
            Kind::Domain(_) => "a domain such as \"echo.example.org\"".to_owned(),
            Kind::Server(_) => FORMS.to_owned(),
            Kind::Secret(_) => "text in quotes".to_owned(),
            Kind::Name(_) => "a name such as \"xmpp.example.org\"".to_owned(),
            Kind::File(_) => "the path of a file, in quotes".to_owned(),
            Kind::Count(range, _) => {
                format!("a whole number from {} to {}", range.least, range.most)
            }
            Kind::Size(range, _) => format!(
                "a size from {} to {}, in bytes or with a unit: \"512KiB\", \"16MiB\"",
                units::show_size(range.least),
                units::show_size(range.most),
            ),
            Kind::Time(range, _) => format!(
                "a duration from {} to {}: \"100ms\", \"30s\", \"1m 30s\"",
                units::show_duration(range.least),
                units::show_duration(range.most),
            ),
            Kind::Format(_) => "\"text\" or \"json\"".to_owned(),
            Kind::Filter(_) => "tracing directives such as \"info,couplet=debug\"".to_owned(),
            Kind::Listen(_) => {
                "an IP address and a port: \"127.0.0.1:9100\", \"[::1]:9100\"".to_owned()
            }
        }
    }
}

impl<T: PartialOrd> Range<T> {
    fn check(&self, value: &T) -> Result<(), String> {
        if *value < self.least {
            return Err(format!("is too small: {}", self.why_least));
        }
        if *value > self.most {
            return Err(format!("is too large: {}", self.why_most));
        }
        Ok(())
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Field<T> {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Field")
    }
}

fn whole(value: &Value) -> Option<usize> {
    usize::try_from(value.to_num()?.to_u128_lossy()?).ok()
}

fn quoted(value: impl fmt::Display) -> String {
    format!("{:?}", value.to_string())
}
