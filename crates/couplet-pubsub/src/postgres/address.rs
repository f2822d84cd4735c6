//! The address of a database: `postgres://user@host/database?...`. `Display` must not show secrets.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode};

use crate::store::StoreError;

/// The default schema.
const SCHEMA: &str = "couplet_pubsub";

/// The timeout of connecting and logging in.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// The TCP user timeout and the keepalive interval.
const SILENCE: Duration = Duration::from_secs(15);

/// The parsed address of a database.
pub(super) struct Address {
    config: Config,
    schema: String,
    encryption: Encryption,
}

/// Whether connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    Plain,
    /// TLS with verification, by the CA certificates in this file, or else by those of browsers.
    Tls {
        authorities: Option<PathBuf>,
    },
}

impl Address {
    /// Parses an address. Parameters of libpq keep their meaning; `schema` and `sslrootcert` are
    /// parsed here. `sslmode` is `disable` or one of `require`, `verify-ca` and `verify-full`,
    /// which all mean `verify-full`; without it the connection is plain. A separate password
    /// overrides the one in the address.
    ///
    /// # Errors
    ///
    /// The address is invalid. The message contains no part of it.
    pub(super) fn parse(url: &str, password: Option<&str>) -> Result<Address, StoreError> {
        let (url, own) = OwnParameters::split(url)?;
        let mut config: Config = url
            .parse()
            .map_err(|_it_may_quote_a_password| no_address())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(no_address());
        }
        if let Some(password) = password {
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        let encryption = own.encryption()?;
        config
            .ssl_mode(match encryption {
                Encryption::Plain => SslMode::Disable,
                Encryption::Tls { .. } => SslMode::Require,
            })
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE / 3)
            .keepalives_retries(2);
        if config.get_application_name().is_none() {
            config.application_name("couplet-pubsub");
        }
        let schema = own.schema.unwrap_or_else(|| SCHEMA.to_owned());
        if !is_schema(&schema) {
            return Err(StoreError::Broken(
                "the schema in the store's address has to be 1 to 40 of a-z, 0-9 and _, and not to \
                 begin with pg_"
                    .to_owned(),
            ));
        }
        Ok(Address {
            config,
            schema,
            encryption,
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Returns whether the connection crosses a network without encryption.
    pub(super) fn is_exposed(&self) -> bool {
        self.encryption == Encryption::Plain
            && self.config.get_hosts().iter().any(|host| match host {
                Host::Tcp(name) => {
                    let here = name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
                    !here && name != "localhost"
                }
                #[cfg(unix)]
                Host::Unix(_) => false,
            })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgreSQL")?;
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            f.write_str(if place == 0 { " at " } else { ", " })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{}", folder.display())?,
            }
        }
        if let Some(database) = self.config.get_dbname() {
            write!(f, ", database {database}")?;
        }
        Ok(())
    }
}

/// Parameters that the driver does not know.
#[derive(Default)]
struct OwnParameters {
    schema: Option<String>,
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

impl OwnParameters {
    /// Removes them from the address.
    fn split(url: &str) -> Result<(String, OwnParameters), StoreError> {
        let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !known {
            return Err(no_address());
        }
        let mut own = OwnParameters::default();
        let Some((before, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), own));
        };
        let mut rest = Vec::new();
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("schema", value)) => own.schema = Some(value.to_owned()),
                Some(("sslmode", value)) => own.mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => {
                    own.authorities = Some(PathBuf::from(value.replace("%2F", "/")));
                }
                _ => rest.push(pair),
            }
        }
        if rest.is_empty() {
            return Ok((before.to_owned(), own));
        }
        Ok((format!("{before}?{}", rest.join("&")), own))
    }

    fn encryption(&self) -> Result<Encryption, StoreError> {
        let authorities = self.authorities.clone();
        match self.mode.as_deref() {
            None if authorities.is_some() => Ok(Encryption::Tls { authorities }),
            None | Some("disable") => Ok(Encryption::Plain),
            Some("require" | "verify-ca" | "verify-full") => Ok(Encryption::Tls { authorities }),
            Some(_) => Err(StoreError::Broken(
                "sslmode in the store's address: either disable, or verify-full with \
                 sslrootcert=/path/to/authorities.pem where the authority is your own; nothing in \
                 between, as it protects against nothing"
                    .to_owned(),
            )),
        }
    }
}

fn is_schema(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=40).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with("pg_")
}

fn no_address() -> StoreError {
    StoreError::Broken(
        "the store's address is no address of a PostgreSQL: it looks like \
         postgres://user@host:5432/database?sslmode=verify-full; a password is best kept in a file, \
         and in an address characters like @ : / ? & % have to be written as %40 and so on"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url, None).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn failure(url: &str) -> String {
        match Address::parse(url, None) {
            Ok(address) => panic!("{url} is {address}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_password_given_apart_counts() {
        let url = "postgres://news:open@localhost/news";
        let given = Address::parse(url, Some("sesame\n")).unwrap();
        assert_eq!(given.config().get_password(), Some(&b"sesame"[..]));
        assert_eq!(address(url).config().get_password(), Some(&b"open"[..]));
    }

    #[test]
    fn a_schema_of_its_own_is_read_and_others_are_refused() {
        assert_eq!(address("postgres://u@h/d").schema(), "couplet_pubsub");
        let own = address("postgres://u@h/d?connect_timeout=3&schema=news_2&application_name=n");
        assert_eq!(own.schema(), "news_2");
        assert_eq!(own.config().get_application_name(), Some("n"));
        for schema in ["", "News", "pg_news", "a\"b", &"x".repeat(41)] {
            failure(&format!("postgres://u@h/d?schema={schema}"));
        }
    }

    #[test]
    fn requested_encryption_is_never_plain() {
        let tls = |url: &str| matches!(address(url).encryption(), Encryption::Tls { .. });
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("postgres://u@h/d?sslmode={mode}");
            assert_eq!(address(&url).config().get_ssl_mode(), SslMode::Require);
            assert!(tls(&url) && !address(&url).is_exposed());
        }
        assert!(tls("postgres://u@h/d?sslrootcert=/etc/ca.pem"));
        assert!(!tls("postgres://u@h/d?sslmode=disable") && !tls("postgres://u@h/d"));
        for mode in ["prefer", "allow", "", "Require"] {
            failure(&format!("postgres://u@h/d?sslmode={mode}"));
        }
    }

    #[test]
    fn only_what_leaves_the_machine_is_exposed() {
        assert!(address("postgres://u@db.example.org/d").is_exposed());
        assert!(address("postgres://u@192.0.2.1/d").is_exposed());
        for host in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            let exposed = address(&format!("postgres://u@{host}/d")).is_exposed();
            assert!(!exposed, "{host}");
        }
    }

    #[test]
    fn no_message_contains_a_password() {
        let shown = address("postgres://news:sesame@localhost/news").to_string();
        assert_eq!(shown, "PostgreSQL at localhost, database news");
        for url in [
            "postgres://news:sesame@localhost:sesame/news",
            "mysql://news:sesame@localhost/news",
            "postgres://news:sesame@localhost/news?sslmode=maybe",
            "postgres://news:sesame@localhost/news?schema=A",
        ] {
            let message = failure(url);
            assert!(
                !message.contains("sesame") && !message.contains("ame@"),
                "{message}"
            );
        }
    }
}
