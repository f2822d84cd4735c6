//! Errors for unknown keys and variables, with suggestions. Recognises Kubernetes' own variables.

use std::ffi::OsStr;

use figment::value::Dict;

use super::document::Document;
use super::fault::{ConfigError, Origin, meant};
use super::settings::{PREFIX, Setting, settings};

/// Rejects the first key of a file that is neither a setting nor in a section of the application.
pub(super) fn keys(
    document: &Document,
    values: &Dict,
    sections: &[String],
) -> Result<(), ConfigError> {
    for (name, value) in values {
        if sections.contains(name) {
            continue;
        }
        if settings()
            .iter()
            .any(|setting| setting.table() == Some(name))
        {
            let Some(table) = value.as_dict() else {
                let what = format!("`{name}` is a table: write [{name}] and its keys below");
                return Err(ConfigError::new(document.key(name), what));
            };
            for key in table.keys() {
                known(document, sections, Some(name), key)?;
            }
        } else {
            known(document, sections, None, name)?;
        }
    }
    Ok(())
}

fn known(
    document: &Document,
    sections: &[String],
    table: Option<&str>,
    key: &str,
) -> Result<(), ConfigError> {
    let mut here = settings().iter().filter(|setting| setting.table() == table);
    if here.clone().any(|setting| setting.key() == key) {
        return Ok(());
    }
    let name = table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}"));
    let tables = tables(sections);
    let near = meant(key, here.clone().map(Setting::key))
        .map(|key| table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
        .or_else(|| {
            let tables = tables
                .iter()
                .map(String::as_str)
                .filter(|_| table.is_none());
            meant(key, tables).map(|table| format!("[{table}]"))
        })
        .or_else(|| {
            let elsewhere = meant(key, settings().iter().map(Setting::key))?;
            let setting = settings()
                .iter()
                .find(|setting| setting.key() == elsewhere)?;
            Some(setting.name().to_owned())
        });
    let what = match near {
        Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
        None => format!("unknown key `{name}`"),
    };
    let keys: Vec<&str> = here.by_ref().map(Setting::key).collect();
    let error = ConfigError::new(document.key(&name), what);
    Err(match table {
        Some(table) => error.help(format!("accepted in [{table}]: {}", keys.join(", "))),
        None => error
            .help(format!("accepted here: {}", keys.join(", ")))
            .help(format!("tables: {}", tables.join(", "))),
    })
}

fn tables(sections: &[String]) -> Vec<String> {
    let mut tables: Vec<String> = settings()
        .iter()
        .filter_map(|setting| setting.table().map(str::to_owned))
        .chain(sections.iter().cloned())
        .collect();
    tables.dedup();
    tables
}

/// Returns whether Kubernetes sets this variable in every container, because a service's name
/// begins with `couplet`. Such a variable is not a setting.
///
/// `name` is without the prefix of all settings. Kubernetes never writes a port alone into `*_PORT`
/// (`COUPLET_OPS_PORT=9100`), so that is reported as a mistake.
pub(super) fn is_of_kubernetes(name: &str, value: &OsStr) -> bool {
    // After an underscore, or at the start for a service named `couplet` itself.
    let after = |word: &str| match name.strip_prefix(word) {
        Some(rest) => Some(rest),
        None => name.split_once(&format!("_{word}")).map(|(_, rest)| rest),
    };
    let is_end = |rest: &str| rest.is_empty() || rest.starts_with('_');
    let is_url = || {
        let schemes = ["tcp://", "udp://", "sctp://"];
        value
            .to_str()
            .is_some_and(|value| schemes.iter().any(|scheme| value.starts_with(scheme)))
    };
    after("SERVICE_HOST").is_some_and(str::is_empty)
        || after("SERVICE_PORT").is_some_and(is_end)
        || name.rsplit('_').next() == Some("PORT") && is_url()
        || after("PORT_").is_some_and(is_of_a_port)
}

/// Returns whether the rest of a name is `<n>_TCP|UDP|SCTP[_ADDR|_PORT|_PROTO]`.
fn is_of_a_port(rest: &str) -> bool {
    let mut words = rest.split('_');
    let is_number = |word: &str| word.parse::<u16>().is_ok();
    words.next().is_some_and(is_number)
        && matches!(words.next(), Some("TCP" | "UDP" | "SCTP"))
        && matches!(words.next(), None | Some("ADDR" | "PORT" | "PROTO"))
        && words.next().is_none()
}

/// Returns the error for an unknown variable.
pub(super) fn variable(name: &str, sections: &[String]) -> ConfigError {
    let origin = Origin::Variable(name.to_owned());
    let variables: Vec<String> = settings().iter().map(Setting::variable).collect();
    // A variable that follows the rule "table, underscore, key" although the setting has a shorter
    // name.
    let by_rule = settings().iter().find(|setting| {
        name.strip_prefix(PREFIX) == Some(&setting.name().replace('.', "_").to_uppercase())
    });
    let near = by_rule.map(Setting::variable).or_else(|| {
        // Compared without the common prefix.
        let known = variables
            .iter()
            .filter_map(|known| known.strip_prefix(PREFIX));
        meant(name.strip_prefix(PREFIX)?, known).map(|rest| format!("{PREFIX}{rest}"))
    });
    let near = near.or_else(|| near_section(name.strip_prefix(PREFIX)?, sections));
    if let Some(near) = near {
        return ConfigError::new(origin, format!("unknown variable; did you mean {near}?"));
    }
    let mut error = ConfigError::new(origin, "unknown variable");
    if name.ends_with("_PORT") {
        error = error.help(
            "no setting is a port alone: COUPLET_SERVER and COUPLET_OPS_LISTEN take host:port",
        );
    }
    let sections = sections
        .iter()
        .map(|section| format!(", {PREFIX}{}_...", section.to_uppercase()));
    error.help(format!(
        "accepted: COUPLET_CONFIG, {}{}",
        variables.join(", "),
        sections.collect::<String>()
    ))
}

/// Returns the variable of a section of the application that is closest to the given name.
fn near_section(rest: &str, sections: &[String]) -> Option<String> {
    let (word, key) = rest.split_once('_')?;
    let upper: Vec<String> = sections.iter().map(|name| name.to_uppercase()).collect();
    let section = meant(word, upper.iter().map(String::as_str))?;
    Some(format!("{PREFIX}{section}_{key}"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::is_of_kubernetes;
    use crate::config::settings::{PREFIX, settings};

    #[test]
    fn what_kubernetes_sets_for_a_service_is_known_by_its_name() {
        for service in ["", "PUBSUB_", "ECHO_", "MY_OTHER_"] {
            for (name, value) in [
                ("SERVICE_HOST", "10.0.0.1"),
                ("SERVICE_PORT", "9100"),
                ("SERVICE_PORT_HTTP", "9100"),
                ("SERVICE_PORT_HTTP_OPS", "9100"),
                ("PORT", "tcp://10.0.0.1:9100"),
                ("PORT_9100_TCP", "tcp://10.0.0.1:9100"),
                ("PORT_9100_TCP_ADDR", "10.0.0.1"),
                ("PORT_9100_TCP_PORT", "9100"),
                ("PORT_9100_TCP_PROTO", "tcp"),
                ("PORT_53_UDP_ADDR", "10.0.0.1"),
                ("PORT_53_UDP", "udp://10.0.0.1:53"),
            ] {
                let name = format!("{service}{name}");
                assert!(is_of_kubernetes(&name, OsStr::new(value)), "{name}");
            }
        }
    }

    #[test]
    fn a_setting_and_a_slip_are_not_of_kubernetes() {
        for setting in settings() {
            let variable = setting.variable();
            let name = variable.strip_prefix(PREFIX).unwrap();
            assert!(!is_of_kubernetes(name, OsStr::new("9100")), "{name}");
        }
        for name in ["OPS_PORT", "PORT", "SERVICE", "PORT_9100", "SUPPORT_TCP"] {
            assert!(!is_of_kubernetes(name, OsStr::new("9100")), "{name}");
        }
    }
}
