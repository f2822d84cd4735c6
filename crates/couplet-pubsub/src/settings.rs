//! The settings of a service: the table `[pubsub]` of a component's configuration.
//!
//! ```toml
//! [pubsub]
//! store = "sqlite:pubsub.db"            # or "memory", or "postgres://user@host/database"
//! password_file = "password"            # of the database, for PostgreSQL
//! creators = "anyone"                   # or "local", or ["example.org", "guest@example.net"]
//! admins = ["admin@example.org"]
//! rate = 5000                           # notifications a second, at most
//!
//! [pubsub.limits]
//! nodes = 100
//!
//! [pubsub.node]                         # what new nodes are like
//! max_items = 50
//! ```
//!
//! Each key has a variable too: `COUPLET_PUBSUB_STORE` for `store`, `COUPLET_PUBSUB_LIMITS_NODES` for
//! `nodes` in `[pubsub.limits]`.

use std::{
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use couplet::{BareJid, config::Section, secret::Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    memory,
    node::NodeConfig,
    policy::{Creators, Limits, Rules},
    store::{Store, StoreError},
};

/// The name of the table.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_pubsub::settings::SECTION, "pubsub");
/// ```
pub const SECTION: &str = "pubsub";

/// The settings of a service, announced by
/// [`Sources::with_section`](couplet::config::Sources::with_section).
///
/// # Examples
///
/// ```
/// use couplet::config::Sources;
/// use couplet_pubsub::settings::{SECTION, Settings, StoreLocation};
///
/// let config = Sources::none()
///     .variable("COUPLET_DOMAIN", "pubsub.localhost")
///     .variable("COUPLET_SECRET", "the same secret")
///     .variable("COUPLET_PUBSUB_STORE", "memory")
///     .with_section::<Settings>()
///     .load()?;
/// let settings: Settings = config.section(SECTION)?;
/// assert_eq!(settings.store, StoreLocation::Memory);
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// The store.
    pub store: StoreLocation,
    /// A file with the password of the database, so that it is neither in the configuration file
    /// nor in the environment. A final line break is ignored.
    #[serde(deserialize_with = "readable")]
    pub password_file: Option<PathBuf>,
    /// Who may create nodes.
    pub creators: MayCreate,
    /// Owners of every node.
    pub admins: Vec<BareJid>,
    /// Whether publishing to an unknown node creates it, for entities that may create nodes.
    pub auto_create: bool,
    /// Whether service discovery lists nodes of access model `whitelist` to entities that are not
    /// on their list.
    pub list_closed: bool,
    /// Maximum number of notifications per second; by default as many as the server accepts.
    /// Prosody serves its users with the same thread.
    pub rate: Option<NonZeroU32>,
    /// How long the connection must stay up after the server accepted a notification until that
    /// counts as delivered, in seconds: a server that dies may have accepted it without passing it
    /// on.
    #[serde(deserialize_with = "seconds", serialize_with = "as_seconds")]
    pub settle: Duration,
    /// The limits of every entity.
    pub limits: Limits,
    /// The default configuration of new nodes.
    pub node: NodeConfig,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            store: StoreLocation::Sqlite(PathBuf::from("pubsub.db")),
            password_file: None,
            creators: MayCreate::Anyone,
            admins: Vec::new(),
            auto_create: true,
            list_closed: false,
            rate: None,
            settle: Duration::from_secs(3),
            limits: Limits::default(),
            node: NodeConfig::default(),
        }
    }
}

impl Section for Settings {
    const NAME: &'static str = SECTION;

    fn warnings(&self) -> Vec<String> {
        let listed = match &self.creators {
            MayCreate::Listed(listed) => listed.as_slice(),
            MayCreate::Anyone | MayCreate::Local => &[],
        };
        let creators = listed.iter().map(BareJid::to_string).filter(|one| {
            let is_odd = !one.contains(['.', '@', ':']);
            is_odd && one != "localhost"
        });
        let creators = creators.map(|one| {
            format!(
                "pubsub.creators has the domain {one:?}, which has no dot: \"anyone\" and \"local\" are \
                 written alone and in lower case, a person as user@example.org"
            )
        });
        let admins = self.admins.iter().filter(|one| one.node().is_none());
        let admins = admins.map(|one| {
            format!(
                "pubsub.admins has {:?}, which is a domain, not a user: write admin@example.org",
                one.to_string()
            )
        });
        creators.chain(admins).collect()
    }
}

impl Settings {
    /// Opens the store.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let password = self.password()?;
        self.store.open(password.as_ref().map(Secret::expose)).await
    }

    /// Returns the password from its file.
    fn password(&self) -> Result<Option<Secret>, StoreError> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let StoreLocation::Postgres(url) = &self.store else {
            return Err(StoreError::Broken(format!(
                "pubsub.password_file is set, and the store {:?} has no password: remove it, or \
                 set pubsub.store to postgres://user@host/database",
                self.store
            )));
        };
        if has_password(url) {
            return Err(StoreError::Broken(
                "there is a password in pubsub.store and one in pubsub.password_file: keep the \
                 file, and write postgres://user@host/database"
                    .to_owned(),
            ));
        }
        secret(path).map(Some).map_err(StoreError::Broken)
    }

    /// Returns the policy of a service at this domain.
    pub(crate) fn rules(&self, domain: &str) -> Rules {
        let creators = match &self.creators {
            MayCreate::Anyone => Creators::Anyone,
            MayCreate::Local => {
                // pubsub.example.org serves the users of example.org.
                let above = domain.split_once('.').map_or(domain, |(_, above)| above);
                Creators::Listed(BareJid::new(above).into_iter().collect())
            }
            MayCreate::Listed(listed) => Creators::Listed(listed.clone()),
        };
        Rules {
            creators,
            admins: self.admins.clone(),
            auto_create: self.auto_create,
            list_closed: self.list_closed,
            limits: self.limits,
            new_node: self.node.clone(),
        }
    }
}

/// The location of a store.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::settings::StoreLocation;
///
/// assert_eq!("sqlite:news.db".parse(), Ok(StoreLocation::Sqlite("news.db".into())));
/// assert!("news.db".parse::<StoreLocation>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum StoreLocation {
    /// `memory`: in memory, not durable.
    Memory,
    /// `sqlite:PATH`: in one file.
    Sqlite(PathBuf),
    /// `postgres://...`: in a database, which several instances may share.
    Postgres(String),
}

impl StoreLocation {
    async fn open(&self, password: Option<&str>) -> Result<Arc<dyn Store>, StoreError> {
        #[cfg(not(feature = "postgres"))]
        let _it_is_for_postgresql = password;
        match self {
            StoreLocation::Memory => Ok(memory::store()),
            #[cfg(feature = "sqlite")]
            StoreLocation::Sqlite(path) => crate::sqlite::open(path).await,
            #[cfg(not(feature = "sqlite"))]
            StoreLocation::Sqlite(_) => Err(StoreError::Broken(
                "this program was built without SQLite: build it with the feature `sqlite`, or set pubsub.store".to_owned(),
            )),
            #[cfg(feature = "postgres")]
            StoreLocation::Postgres(url) => crate::postgres::open(url, password).await,
            #[cfg(not(feature = "postgres"))]
            StoreLocation::Postgres(_) => Err(StoreError::Broken(
                "this program was built without PostgreSQL: build it with the feature `postgres`, or set pubsub.store = \"sqlite:PATH\"".to_owned(),
            )),
        }
    }
}

/// Shows an address without its password.
impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Memory => f.write_str("memory"),
            StoreLocation::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreLocation::Postgres(_) => f.write_str("postgres://..."),
        }
    }
}

/// Writes the location as in the configuration, without a password.
impl Serialize for StoreLocation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            StoreLocation::Postgres(url) if !has_password(url) => to.serialize_str(url),
            other => to.collect_str(&format_args!("{other:?}")),
        }
    }
}

impl FromStr for StoreLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreLocation, String> {
        if text == "memory" {
            return Ok(StoreLocation::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(StoreLocation::Postgres(text.to_owned()));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(StoreLocation::Sqlite(PathBuf::from(path))),
            _ => Err(
                "the store must be \"sqlite:PATH\", \"memory\" or \"postgres://user@host/database\""
                    .to_owned(),
            ),
        }
    }
}

impl TryFrom<String> for StoreLocation {
    type Error = String;

    fn try_from(text: String) -> Result<StoreLocation, String> {
        text.parse()
    }
}

/// Who may create nodes.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::settings::MayCreate;
///
/// let staff: MayCreate = "staff.example.org, guest@example.net".parse()?;
/// assert!(matches!(staff, MayCreate::Listed(listed) if listed.len() == 2));
/// assert_eq!("local".parse(), Ok(MayCreate::Local));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MayCreate {
    /// `"anyone"`
    Anyone,
    /// `"local"`: users of the parent domain: of example.org for pubsub.example.org.
    Local,
    /// These JIDs, and all users of these domains.
    Listed(Vec<BareJid>),
}

impl FromStr for MayCreate {
    type Err = String;

    fn from_str(text: &str) -> Result<MayCreate, String> {
        match text {
            "anyone" => return Ok(MayCreate::Anyone),
            "local" => return Ok(MayCreate::Local),
            _ => {}
        }
        let listed = text.split(',').map(|one| BareJid::new(one.trim()));
        let listed: Result<Vec<_>, _> = listed.collect();
        listed.map(MayCreate::Listed).map_err(|why| {
            format!("creators must be \"anyone\", \"local\" or a list of JIDs and domains: {why}")
        })
    }
}

impl<'de> Deserialize<'de> for MayCreate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MayCreate, D::Error> {
        let written = Vec::<String>::deserialize(from)?;
        if written.is_empty() {
            return Ok(MayCreate::Listed(Vec::new()));
        }
        written.join(",").parse().map_err(D::Error::custom)
    }
}

impl Serialize for MayCreate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            MayCreate::Anyone => to.serialize_str("anyone"),
            MayCreate::Local => to.serialize_str("local"),
            MayCreate::Listed(listed) => listed.serialize(to),
        }
    }
}

/// Checks that the file can be read, so that the error names the setting.
fn readable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = Option::<PathBuf>::deserialize(from)?;
    if let Some(path) = &path {
        secret(path).map_err(D::Error::custom)?;
    }
    Ok(path)
}

fn secret(path: &Path) -> Result<Secret, String> {
    Secret::read(path).map_err(|why| {
        format!(
            "the password file {} {why}; it has to hold the password of the database alone",
            path.display()
        )
    })
}

/// Returns whether an address contains a password: `user:password@`, or as a parameter.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
        || query.split('&').any(|pair| pair.starts_with("password="))
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|length| *length <= Duration::from_secs(3600))
        .ok_or_else(|| D::Error::custom("must be a number of seconds, at most 3600"))
}

fn as_seconds<S: Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(length.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use couplet::config::{Config, ConfigError, Sources};

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let mut sources = Sources::none()
            .variable("COUPLET_DOMAIN", "pubsub.example.org")
            .variable("COUPLET_SECRET", "x")
            .with_section::<Settings>();
        for (name, value) in variables {
            sources = sources.variable(*name, *value);
        }
        sources
            .load()
            .and_then(|config: Config| config.section(SECTION))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        assert_eq!(with(&[]).unwrap(), Settings::default());
    }

    #[test]
    fn an_unreadable_password_file_is_reported_with_its_setting() {
        let settings = with(&[
            ("COUPLET_PUBSUB_STORE", "postgres://pubsub@localhost/pubsub"),
            ("COUPLET_PUBSUB_PASSWORD_FILE", "/nowhere/password"),
        ]);
        let why = settings.unwrap_err().to_string();
        assert!(why.contains("/nowhere/password"), "{why}");
    }

    #[test]
    fn variables_set_what_the_table_has() {
        let settings = with(&[
            ("COUPLET_PUBSUB_STORE", "sqlite:/var/lib/pubsub/items.db"),
            ("COUPLET_PUBSUB_CREATORS", "local"),
            ("COUPLET_PUBSUB_RATE", "500"),
            ("COUPLET_PUBSUB_SETTLE", "0.5"),
        ])
        .unwrap();
        assert_eq!(
            format!("{:?}", settings.store),
            "sqlite:/var/lib/pubsub/items.db"
        );
        assert_eq!(settings.rate, NonZeroU32::new(500));
        assert_eq!(settings.settle, Duration::from_millis(500));
        let rules = settings.rules("pubsub.example.org");
        assert!(
            rules
                .creators
                .include(&BareJid::new("romeo@example.org").unwrap())
        );
        assert!(
            !rules
                .creators
                .include(&BareJid::new("romeo@example.net").unwrap())
        );
    }

    #[test]
    fn an_invalid_value_is_reported_with_a_valid_one() {
        let told = |name: &str, value: &str| with(&[(name, value)]).unwrap_err().to_string();
        assert!(told("COUPLET_PUBSUB_STORE", "pubsub.db").contains("sqlite:PATH"));
        assert!(told("COUPLET_PUBSUB_STORE", "pubsub.db").contains("COUPLET_PUBSUB_STORE"));
        assert!(told("COUPLET_PUBSUB_CREATORS", "no jid@@").contains("\"local\""));
        assert!(told("COUPLET_PUBSUB_STROE", "memory").contains("store"));
    }

    #[test]
    fn usual_spellings_of_lists_and_booleans_are_accepted() {
        let admins = |value: &str| with(&[("COUPLET_PUBSUB_ADMINS", value)]).unwrap().admins;
        let one = vec![BareJid::new("admin@example.org").unwrap()];
        let two = vec![one[0].clone(), BareJid::new("eve@example.net").unwrap()];
        assert_eq!(admins("admin@example.org"), one);
        assert_eq!(admins("admin@example.org, eve@example.net"), two);
        assert_eq!(admins("[\"admin@example.org\", \"eve@example.net\"]"), two);
        assert_eq!(
            in_a_file("admins = \"admin@example.org\"").unwrap().admins,
            one
        );
        let listed = |creators| match creators {
            MayCreate::Listed(listed) => listed,
            other => panic!("{other:?}"),
        };
        let told = in_a_file("creators = [\"admin@example.org\", \"eve@example.net\"]");
        assert_eq!(listed(told.unwrap().creators), two);
        assert_eq!(
            in_a_file("creators = [\"local\"]").unwrap().creators,
            MayCreate::Local
        );
        for (value, is) in [("1", true), ("yes", true), ("off", false), ("0", false)] {
            let settings = with(&[("COUPLET_PUBSUB_AUTO_CREATE", value)]).unwrap();
            assert_eq!(settings.auto_create, is, "{value}");
            let node = with(&[("COUPLET_PUBSUB_NODE_PERSIST", value)])
                .unwrap()
                .node;
            assert_eq!(node.persist, is, "{value}");
        }
        let limits = with(&[("COUPLET_PUBSUB_LIMITS_NODES", "7")])
            .unwrap()
            .limits;
        assert_eq!(limits.nodes, 7);
    }

    #[test]
    fn an_unknown_value_is_reported_with_the_accepted_ones() {
        let told = |name: &str, value: &str| with(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(
            told("COUPLET_PUBSUB_AUTO_CREATE", "maybe"),
            "COUPLET_PUBSUB_AUTO_CREATE: pubsub.auto_create = \"maybe\" is neither true nor false\n  \
             accepted: true or false; yes, no, on, off, 1 and 0 too",
        );
        assert_eq!(
            told("COUPLET_PUBSUB_NODE_ACCESS", "presence"),
            "COUPLET_PUBSUB_NODE_ACCESS: pubsub.node.access = \"presence\" is not one of the accepted \
             names\n  accepted: \"open\", \"authorize\", \"whitelist\"",
        );
        assert_eq!(
            told("COUPLET_PUBSUB_RATE", "0"),
            "COUPLET_PUBSUB_RATE: pubsub.rate = \"0\" is not accepted\n  accepted: a nonzero u32",
        );
        let quoted = told("COUPLET_PUBSUB_STORE", "\"memory\"");
        assert!(
            quoted.contains("begins or ends with a quotation mark"),
            "{quoted}"
        );
    }

    #[test]
    fn implausible_creators_and_admins_cause_warnings() {
        let warnings = |name: &str, value: &str| with(&[(name, value)]).unwrap().warnings();
        for value in ["LOCAL", "everyone", "everybody, romeo@example.org"] {
            let told = warnings("COUPLET_PUBSUB_CREATORS", value);
            assert_eq!(told.len(), 1, "{value}: {told:?}");
            assert!(told[0].contains("\"anyone\" and \"local\""), "{told:?}");
        }
        for value in [
            "local",
            "anyone",
            "example.org, a@example.net",
            "localhost",
            "a@localhost",
        ] {
            assert_eq!(
                warnings("COUPLET_PUBSUB_CREATORS", value),
                [""; 0],
                "{value}"
            );
        }
        let told = warnings("COUPLET_PUBSUB_ADMINS", "admin");
        assert!(told[0].contains("pubsub.admins has \"admin\""), "{told:?}");
    }

    #[test]
    fn everything_is_printed_with_where_it_comes_from_and_without_a_password() {
        let load = |store: &str| {
            let sources = Sources::none()
                .variable("COUPLET_DOMAIN", "pubsub.example.org")
                .variable("COUPLET_SECRET", "x")
                .variable("COUPLET_PUBSUB_STORE", store)
                .with_section::<Settings>();
            sources.load().unwrap().to_string()
        };
        let shown = load("sqlite:/var/lib/pubsub.db");
        for line in [
            "\n[pubsub]\n",
            "\nstore = \"sqlite:/var/lib/pubsub.db\"  # COUPLET_PUBSUB_STORE\n",
            "\ncreators = \"anyone\"  # default\n",
            "\nadmins = []  # default\n",
            "\nsettle = 3  # default\n",
            "\n[pubsub.limits]\n",
            "\nnodes = 1000  # default\n",
            "\n[pubsub.node]\n",
            "\naccess = \"open\"  # default\n",
        ] {
            assert!(shown.contains(line), "no {line:?} in {shown}");
        }
        let (_, section) = shown.split_once("\n[pubsub]\n").unwrap();
        let settings = in_a_file(section).unwrap();
        assert_eq!(
            settings.store,
            StoreLocation::Sqlite("/var/lib/pubsub.db".into())
        );
        assert!(!load("postgres://a:sesame@db/pubsub").contains("sesame"));
        assert!(load("postgres://a@db/pubsub").contains("\"postgres://a@db/pubsub\""));
    }

    fn with_password(store: &str, password: &str) -> (Settings, tempfile::NamedTempFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), password).unwrap();
        let settings = with(&[
            ("COUPLET_PUBSUB_STORE", store),
            (
                "COUPLET_PUBSUB_PASSWORD_FILE",
                file.path().to_str().unwrap(),
            ),
        ]);
        (settings.unwrap(), file)
    }

    #[test]
    fn a_password_comes_from_its_file_without_the_end_of_its_line() {
        let (settings, file) = with_password("postgres://pubsub@db/pubsub", "open sesame \r\n");
        let password = settings.password().unwrap().unwrap();
        assert_eq!(password.expose(), "open sesame ");
        // The file may have changed since.
        std::fs::write(file.path(), "another\n").unwrap();
        let password = settings.password().unwrap().unwrap();
        assert_eq!(password.expose(), "another");
    }

    #[test]
    fn a_missing_password_is_reported_with_its_setting() {
        let told = |path: &str| {
            let settings = [("COUPLET_PUBSUB_PASSWORD_FILE", path)];
            with(&settings).unwrap_err().to_string()
        };
        let missing = told("/nowhere/password");
        assert!(
            missing.contains("COUPLET_PUBSUB_PASSWORD_FILE"),
            "{missing}"
        );
        assert!(
            missing.contains("/nowhere/password cannot be read"),
            "{missing}"
        );
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = told(empty.path().to_str().unwrap());
        assert!(empty.contains("is empty"), "{empty}");
    }

    #[test]
    fn a_password_has_one_place_and_a_use() {
        for (store, why) in [
            ("sqlite:pubsub.db", "has no password: remove it"),
            (
                "postgres://pubsub:x@db/pubsub",
                "keep the file, and write postgres://",
            ),
            ("postgres://db/pubsub?user=a&password=x", "keep the file"),
        ] {
            let (settings, _file) = with_password(store, "sesame");
            let told = settings.password().unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("sesame"), "{told}");
        }
        let (settings, _file) = with_password("postgres://a@[::1]:5432/b?schema=c", "sesame");
        assert!(settings.password().is_ok());
    }

    /// Returns the settings in the README's table, with their defaults as they would be written.
    fn table() -> BTreeMap<String, Option<String>> {
        let readme = format!(
            "{}/../../examples/pubsub/README.md",
            env!("CARGO_MANIFEST_DIR")
        );
        let readme = std::fs::read_to_string(readme).unwrap();
        let (_, behind) = readme
            .split_once("| setting | meaning | default |")
            .unwrap();
        let rows = behind.lines().skip(2).take_while(|line| !line.is_empty());
        rows.map(|row| {
            let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
            let key = cells.next().unwrap().trim_matches('`').to_owned();
            let default = cells.last().unwrap();
            let default = default.strip_prefix('`').map(|it| it.trim_end_matches('`'));
            (key, default.map(str::to_owned))
        })
        .collect()
    }

    fn in_a_file(lines: &str) -> Result<Settings, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("[pubsub]\n{lines}\n")).unwrap();
        let sources = Sources::none()
            .file(file.path())
            .variable("COUPLET_DOMAIN", "pubsub.example.org")
            .variable("COUPLET_SECRET", "x")
            .with_section::<Settings>();
        sources.load()?.section(SECTION)
    }

    /// Returns the accepted values that the program prints, below this prefix.
    fn accepted(prefix: &str) -> Vec<String> {
        let told = in_a_file(&format!("{prefix}no_such = 1")).unwrap_err();
        let told = told.to_string();
        let (_, keys) = told.rsplit_once("]: ").unwrap();
        let keys = keys.lines().next().unwrap().split(", ");
        keys.map(|key| format!("{prefix}{key}")).collect()
    }

    #[test]
    fn the_readme_has_every_setting_with_its_default() {
        let mut keys = accepted("");
        keys.retain(|key| key != "limits" && key != "node");
        keys.extend(accepted("limits."));
        keys.extend(accepted("node."));
        keys.sort();
        let table = table();
        assert_eq!(table.keys().cloned().collect::<Vec<_>>(), keys);
        for (key, default) in table {
            if let Some(default) = default {
                let settings = in_a_file(&format!("{key} = {default}")).unwrap();
                assert_eq!(settings, Settings::default(), "{key} = {default}");
            }
        }
    }

    #[test]
    fn no_password_is_shown() {
        let store: StoreLocation = "postgres://pubsub:sesame@localhost/pubsub".parse().unwrap();
        assert!(!format!("{store:?}").contains("sesame"));
    }
}
