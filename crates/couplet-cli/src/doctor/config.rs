//! Step `config`: the file, the environment and the flags are valid.

use couplet::Config;
use couplet::config::{ConfigError, Setting, settings};

use super::report::{Checked, Finding};
use super::secret;
use crate::component_args::ComponentArgs;

/// Loads the configuration. An error about the secret is for the step `secret` to report.
pub(super) fn check(args: &ComponentArgs) -> Checked<Result<Config, ConfigError>> {
    let source = match args.file() {
        Some(file) => format!("{} and the environment", file.display()),
        None => "the environment; there is no couplet.toml".to_owned(),
    };
    match args.sources().load() {
        Ok(config) => Ok((found(&config, &source, args.own_tables()), Ok(config))),
        Err(error) if secret::is_meant_by(&error.to_string()) => {
            Ok((Finding::pass(format!("read {source}")), Err(error)))
        }
        Err(error) => Err(Finding::from_error(&error)),
    }
}

fn found(config: &Config, source: &str, own_tables: Vec<String>) -> Finding {
    let mut message = format!("{} at {}, from {source}", config.domain, config.server);
    let warnings = config.warnings().iter();
    let mut advice: Vec<String> = warnings
        .filter(|warning| !secret::is_meant_by(warning))
        .cloned()
        .collect();
    for table in own_tables {
        match similar_table(&table) {
            Some(similar) => advice.push(format!(
                "[{table}]: did you mean [{similar}]? If it is not a table of the component itself, \
                 the component does not start with it."
            )),
            None => message += &format!("; [{table}] belongs to the component"),
        }
    }
    match advice.is_empty() {
        true => Finding::pass(message),
        false => Finding::warn(message, advice.join("\n")),
    }
}

/// Returns the table of Couplet that differs by few letters: one in three.
fn similar_table(table: &str) -> Option<&'static str> {
    let typos = (table.chars().count() / 3).clamp(1, 3);
    let distance = |known: &&str| strsim::damerau_levenshtein(known, table);
    let tables = settings().iter().filter_map(Setting::table);
    let nearest = tables.min_by_key(distance)?;
    (distance(&nearest) <= typos).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::similar_table;

    #[test]
    fn a_misspelled_table_is_distinguished_from_a_table_of_the_component() {
        assert_eq!(similar_table("limit"), Some("limits"));
        assert_eq!(similar_table("timnig"), Some("timing"));
        assert_eq!(similar_table("bot"), None);
        assert_eq!(similar_table("lamps"), None);
        assert_eq!(similar_table("weather"), None);
    }
}
