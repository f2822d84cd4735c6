//! The settings of a bot: the table `[bot]` of a component's configuration.
//!
//! ```toml
//! [bot]
//! store = "sqlite:tea.db"                   # without it, state is kept in memory
//! allow = ["example.org", "bob@example.net"]
//! block = ["spammer@example.org"]
//!
//! [bot.groups]
//! admins = ["alice@example.org", "ops.example.org"]
//!
//! [bot.limits]
//! turns_per_minute = 20                     # of one person
//! ```
//!
//! Each key has a variable too, for example `COUPLET_BOT_STORE` for `store`.
//! [`couplet::main`](couplet::main()) reads the table; a program with a `main` of its own announces it by
//! [`Sources::with_section`](couplet::config::Sources::with_section) for [`Settings`].

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use couplet::config::Section;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use crate::address_list::{AddressList, Entry};

/// The settings of a bot.
///
/// # Examples
///
/// ```
/// use couplet::config::{Section, Sources};
/// use couplet_bot::settings::{Settings, StoreLocation};
///
/// let config = Sources::none()
///     .variable("COUPLET_DOMAIN", "bots.localhost")
///     .variable("COUPLET_SECRET", "the same secret")
///     .variable("COUPLET_BOT_STORE", "sqlite:tea.db")
///     .with_section::<Settings>()
///     .load()?;
/// let settings: Settings = config.section(Settings::NAME)?;
/// assert_eq!(settings.store, Some(StoreLocation::Sqlite("tea.db".into())));
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// The store; in memory unless set.
    pub store: Option<StoreLocation>,
    /// Who may use the bot; everyone unless set.
    pub allow: AddressList,
    /// Who may not use the bot, whatever `allow` says.
    pub block: AddressList,
    /// Groups for `#[command(allow(..))]`.
    pub groups: BTreeMap<String, AddressList>,
    /// Limits of every person and conversation.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            store: None,
            allow: AddressList::everyone(),
            block: AddressList::default(),
            groups: BTreeMap::new(),
            limits: Limits::default(),
        }
    }
}

impl Section for Settings {
    const NAME: &'static str = "bot";
}

/// What one person, or one conversation, may take.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Turns a minute of one person.
    pub turns_per_minute: u32,
    /// Turns of one person at once.
    pub burst: u32,
    /// Turns of one conversation that wait while another one runs.
    pub waiting: usize,
    /// Characters of a message.
    pub characters: usize,
    /// Bytes of one stored value as JSON.
    pub state_bytes: usize,
    /// Jobs of one conversation.
    pub jobs: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            turns_per_minute: 20,
            burst: 10,
            waiting: 5,
            characters: 10_000,
            state_bytes: 64 * 1024,
            jobs: 100,
        }
    }
}

/// Where a bot keeps its state: `memory`, or `sqlite:` and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreLocation {
    /// In memory: lost with the process.
    Memory,
    /// In a file of SQLite.
    Sqlite(PathBuf),
}

impl FromStr for StoreLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreLocation, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(StoreLocation::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(StoreLocation::Sqlite(path.into())),
            _ => Err("is neither \"memory\" nor \"sqlite:PATH\"".to_owned()),
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Memory => f.write_str("memory"),
            StoreLocation::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl Serialize for StoreLocation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoreLocation {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<StoreLocation, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}
