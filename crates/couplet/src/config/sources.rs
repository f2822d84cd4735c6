//! The sources of a configuration, in order of precedence: file, environment, flags.
//!
//! Only [`Sources::process`] reads the environment of the process, so that tests can set their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use couplet_core::jid::hosted_domain;
use figment::value::{Dict, Value};
use figment::{Figment, Metadata, Source};

use super::document::Document;
use super::fault::{ConfigError, Origin};
use super::provider::{OneValue, origin_of};
use super::sections::{Section, Sections, Typed};
use super::settings::{PREFIX, Setting, settings};
use super::{Config, Server, credential, unknown};
use crate::text_checks;

const FILE: &str = "couplet.toml";

/// The sources of a configuration; a later source overrides an earlier one.
///
/// The order is: the file, `COUPLET_*` variables, flags. An empty variable counts as not set, so
/// that a container file can pass on variables that may be unset.
///
/// # Examples
///
/// ```
/// use couplet::config::Sources;
///
/// let config = Sources::none()
///     .variable("COUPLET_DOMAIN", "echo.localhost")
///     .variable("COUPLET_SECRET", "the same secret")
///     .flag("server", "[::1]:5347")
///     .load()?;
/// assert_eq!(config.origin("server").to_string(), "--server");
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Sources {
    file: Option<PathBuf>,
    fallback: Option<PathBuf>,
    variables: Vec<(String, OsString)>,
    flags: Vec<(String, String)>,
    sections: Vec<String>,
    /// The announced sections with a known type.
    typed: Vec<Typed>,
    /// Whether domain and secret are required.
    login: bool,
}

impl Sources {
    /// Creates sources without a file, variables and flags. Use it in tests.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet::config::Sources::none().load().is_err());
    /// ```
    pub fn none() -> Sources {
        Sources {
            file: None,
            fallback: None,
            variables: Vec::new(),
            flags: Vec::new(),
            sections: Vec::new(),
            typed: Vec::new(),
            login: true,
        }
    }

    /// Creates sources with the environment of the process, and with `couplet.toml` in the current
    /// directory if it exists and `COUPLET_CONFIG` names no other file.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let config = couplet::config::Sources::process().flag("threads", "2").load()?;
    /// # Ok::<(), couplet::config::ConfigError>(())
    /// ```
    pub fn process() -> Sources {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        Sources {
            fallback: Some(PathBuf::from(FILE)),
            variables,
            ..Sources::none()
        }
    }

    /// Sets the file, which must exist.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = couplet::config::Sources::none().file("/nowhere.toml").load().unwrap_err();
    /// assert!(error.to_string().starts_with("the configuration file /nowhere.toml cannot be read"));
    /// ```
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Sources {
        self.file = Some(path.into());
        self
    }

    /// Adds an environment variable.
    ///
    /// # Examples
    ///
    /// ```
    /// let sources = couplet::config::Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Sources {
        let name = name.into();
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }

    /// Adds a flag by its name on the command line, without dashes.
    ///
    /// # Examples
    ///
    /// ```
    /// let sources = couplet::config::Sources::none().flag("log-format", "json");
    /// ```
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<String>) -> Sources {
        self.flags.push((name.into(), value.into()));
        self
    }

    /// Announces a section of the application by its type: loading reads and checks it, and
    /// `--check-config` prints it. [`Config::section`] returns it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::{Section, Sources};
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct News { max_items: u32 }
    ///
    /// impl Section for News {
    ///     const NAME: &'static str = "news";
    /// }
    ///
    /// let error = Sources::none()
    ///     .variable("COUPLET_NEWS_MAX_ITEMS", "many")
    ///     .with_section::<News>()
    ///     .load()
    ///     .unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "COUPLET_NEWS_MAX_ITEMS: news.max_items = \"many\" is not a whole number\n  \
    ///      accepted: a whole number from 0 to 4294967295",
    /// );
    /// ```
    #[must_use]
    pub fn with_section<S: Section>(mut self) -> Sources {
        self.typed.push(Typed::of::<S>());
        self.section(S::NAME)
    }

    /// Announces a section of the application by its name only; read it with [`Config::section`].
    /// `--check-config` prints its keys without their values. If the type is known, use
    /// [`Sources::with_section`].
    ///
    /// # Examples
    ///
    /// ```
    /// let sources = couplet::config::Sources::none().section("news");
    /// ```
    #[must_use]
    pub fn section(mut self, name: impl Into<String>) -> Sources {
        self.sections.push(name.into());
        self
    }

    /// Makes domain and secret optional in [`load`](Sources::load). The secret is not read, even if
    /// one is set. Use it for actions of a program that do not log in.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = couplet::config::Sources::none().without_login().load()?;
    /// assert_eq!(config.domain, "");
    /// # Ok::<(), couplet::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn without_login(mut self) -> Sources {
        self.login = false;
        self
    }

    /// Reads all sources and checks the values.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = couplet::config::Sources::none().load().unwrap_err();
    /// assert_eq!(error.to_string().lines().next(), Some("domain is not set"));
    /// ```
    ///
    /// # Errors
    ///
    /// The file cannot be read; a key, variable or flag is unknown; a value is not accepted or
    /// conflicts with another one; or domain or secret is missing.
    pub fn load(self) -> Result<Config, ConfigError> {
        let (document, values) = self.read_file()?;
        unknown::keys(&document, &values, &self.sections)?;
        let mut figment = Figment::new().merge(OneValue {
            metadata: Metadata::from("file", Source::File(PathBuf::from(FILE))),
            values,
        });
        for (name, value) in &self.variables {
            figment = self.add_variable(figment, name, value)?;
        }
        if let Some(filter) = self.text("RUST_LOG")? {
            figment = figment.merge(OneValue::one(
                "RUST_LOG",
                "variable",
                "log.filter",
                filter.into(),
            ));
        }
        for (flag, value) in &self.flags {
            let setting = settings()
                .iter()
                .find(|setting| setting.flag() == Some(flag));
            let Some(setting) = setting else {
                let origin = Origin::Flag(format!("--{flag}"));
                return Err(ConfigError::new(origin, "unknown flag"));
            };
            let value = Value::from(value.as_str());
            figment = figment.merge(OneValue::one(
                &format!("--{flag}"),
                "flag",
                setting.name(),
                value,
            ));
        }

        let mut config = Config::new("", "");
        for setting in settings() {
            apply(setting, &figment, &document, &mut config)?;
        }
        let (sections, warnings) = Sections::load(&self.sections, &self.typed, figment, document)?;
        config.sections = sections;
        config.warnings = warnings;
        if !self.login {
            return Ok(config);
        }
        let credentials = self.text("CREDENTIALS_DIRECTORY")?;
        complete(&mut config, credentials.as_deref().map(Path::new))?;
        Ok(config)
    }

    fn read_file(&self) -> Result<(Document, Dict), ConfigError> {
        let named = match &self.file {
            Some(file) => Some(file.clone()),
            None => self.text("COUPLET_CONFIG")?.map(PathBuf::from),
        };
        let path = match (named, &self.fallback) {
            (Some(path), _) => path,
            (None, Some(path)) if path.exists() => path.clone(),
            _ => return Ok((Document::default(), Dict::new())),
        };
        let unread = |why: String| {
            let what = format!("the configuration file {} {why}", path.display());
            ConfigError::new(Origin::Default, what)
        };
        let bytes =
            std::fs::read(&path).map_err(|error| unread(format!("cannot be read: {error}")))?;
        let text = text_checks::decode(bytes).map_err(|why| unread(why.to_owned()))?;
        Document::parse(&path, &text)
    }

    fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        match found.map(|(_, value)| value.to_str()) {
            None | Some(Some("")) => Ok(None),
            Some(Some(text)) => Ok(Some(text.to_owned())),
            Some(None) => Err(not_unicode(name)),
        }
    }

    fn add_variable(
        &self,
        figment: Figment,
        name: &str,
        value: &OsString,
    ) -> Result<Figment, ConfigError> {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            return Ok(figment);
        };
        let setting = settings().iter().find(|setting| setting.variable() == name);
        let is_ours = setting.is_some() || !unknown::is_of_kubernetes(rest, value);
        if rest == "CONFIG" || !is_ours {
            return Ok(figment);
        }
        let path = match setting {
            Some(setting) => setting.name().to_owned(),
            None => self
                .section_key(rest)
                .ok_or_else(|| unknown::variable(name, &self.sections))?,
        };
        let text = value.to_str().ok_or_else(|| not_unicode(name))?;
        if text.is_empty() {
            return Ok(figment);
        }
        // The value stays text until a setting or a type converts it: the secret 007 is not a
        // number.
        Ok(figment.merge(OneValue::one(name, "variable", &path, text.into())))
    }

    fn section_key(&self, rest: &str) -> Option<String> {
        self.sections.iter().find_map(|section| {
            let key = rest
                .strip_prefix(&section.to_uppercase())?
                .strip_prefix('_')?;
            Some(format!("{section}.{}", key.to_lowercase()))
        })
    }
}

fn apply(
    setting: &'static Setting,
    figment: &Figment,
    document: &Document,
    config: &mut Config,
) -> Result<(), ConfigError> {
    let name = setting.name();
    let Ok(value) = figment.find_value(name) else {
        return Ok(());
    };
    let origin = match figment.get_metadata(value.tag()) {
        Some(metadata) => origin_of(metadata, || document.value(name)),
        None => document.value(name),
    };
    let odd = value.as_str().and_then(text_checks::at_the_ends);
    let set = match odd {
        Some(odd) if setting.kind.is_taken_letter_by_letter() => Err(odd.to_owned()),
        _ => setting.kind.set(config, &value),
    };
    set.map_err(|why| {
        let what = if setting.is_secret() {
            format!("{name} {why}")
        } else {
            format!("{name} = {} {why}", shown(&value))
        };
        let error = ConfigError::new(origin.clone(), what);
        let error = match odd {
            Some(odd) => error.help(format!("the value {odd}, which is part of it: remove it")),
            None => error,
        };
        error.help(format!("accepted: {}", setting.accepted()))
    })?;
    config.origins.insert(name, origin);
    Ok(())
}

fn complete(config: &mut Config, credentials: Option<&Path>) -> Result<(), ConfigError> {
    if !config.origins.contains_key("domain") {
        return Err(ConfigError::new(Origin::Default, "domain is not set").help(
            "set COUPLET_DOMAIN, or --domain, or `domain = \"echo.example.org\"` in couplet.toml",
        ));
    }
    credential::find(config, credentials)?;
    config.check()?;
    // servers.md, 2: Prosody answers ECHO.localhost with `host-unknown`.
    config.domain = hosted_domain(&config.domain).into_owned();
    if let Some(listen) = config.ops.listen.filter(|at| !at.ip().is_loopback()) {
        config.warnings.push(format!(
            "ops.listen = \"{listen}\" can be reached from other machines, without a password \
             and without TLS: let only those in who may know the domain and the numbers"
        ));
    }
    match (&config.server, &config.tls.ca_file) {
        (Server::Tls { .. }, Some(file)) => {
            if let Err(error) = std::fs::File::open(file) {
                let what = format!("tls.ca_file {} cannot be read: {error}", file.display());
                return Err(ConfigError::new(config.origin("tls.ca_file"), what));
            }
        }
        (Server::Tls { .. }, None) => {}
        _ if config.tls.name.is_some() || config.tls.ca_file.is_some() => {
            config.warnings.push(format!(
                "[tls] has no effect with the server {}: TLS is used with tls://host:port only",
                config.server
            ));
        }
        _ => {}
    }
    Ok(())
}

fn not_unicode(name: &str) -> ConfigError {
    ConfigError::new(Origin::Variable(name.to_owned()), "the value is not UTF-8")
}

/// Formats a value for an error message, in the form of the file.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, char) => format!("{:?}", char.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number
            .to_u128_lossy()
            .map(|number| number.to_string())
            .or_else(|| number.to_i128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string()))
            .unwrap_or_default(),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}
