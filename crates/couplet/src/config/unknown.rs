//! Keys and variables that are no settings, and what was probably meant.

use figment::value::Dict;

use super::document::Document;
use super::fault::{ConfigError, Place, meant};
use super::settings::{PREFIX, Setting, settings};

/// Refuses the first key of a file that is no setting and in no section of the application.
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

/// The error for a variable that is no setting.
pub(super) fn variable(name: &str) -> ConfigError {
    let place = Place::Variable(name.to_owned());
    let variables: Vec<String> = settings().iter().map(Setting::variable).collect();
    // A variable that follows the rule "table, underscore, key" but has a shorter name.
    let by_rule = settings().iter().find(|setting| {
        name.strip_prefix(PREFIX) == Some(&setting.name().replace('.', "_").to_uppercase())
    });
    let near = by_rule.map(Setting::variable).or_else(|| {
        // Without the prefix, which everything has in common.
        let known = variables
            .iter()
            .filter_map(|known| known.strip_prefix(PREFIX));
        meant(name.strip_prefix(PREFIX)?, known).map(|rest| format!("{PREFIX}{rest}"))
    });
    match near {
        Some(near) => ConfigError::new(place, format!("unknown variable; did you mean {near}?")),
        None => ConfigError::new(place, "unknown variable").help(format!(
            "accepted: COUPLET_CONFIG, {}",
            variables.join(", ")
        )),
    }
}
