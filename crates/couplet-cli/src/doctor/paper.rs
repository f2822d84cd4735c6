//! The configuration and the secret, before anything is connected.
//!
//! The secret itself is never shown, only what is odd about it.

use couplet::Config;
use couplet::config::{Setting, settings};

use super::chart::{Chart, Finding, Step};
use crate::given::Given;

/// The first two steps; `None` where the configuration cannot be used.
pub(super) fn read(given: &Given, chart: &mut Chart) -> Option<Config> {
    let from = match given.file() {
        Some(file) => format!("{} and the environment", file.display()),
        None => "the environment; there is no couplet.toml".to_owned(),
    };
    let config = match given.sources().load() {
        Ok(config) => config,
        Err(error) => {
            let finding = Finding::of_error(&error);
            // The loader reads both; what it says about the secret belongs to the second step.
            let about_secret = error.to_string().contains("secret");
            if about_secret {
                chart.note(
                    Step::Config,
                    (Finding::pass(format!("read {from}")), None::<()>),
                );
            }
            let step = if about_secret {
                Step::Secret
            } else {
                Step::Config
            };
            return chart.note(step, (finding, None));
        }
    };
    chart.is_about(format!("{} at {}", config.domain, config.server));
    let own = given.own_tables();
    // The warnings about files come with the file's name; the others are about settings.
    let (secret, others): (Vec<&String>, Vec<&String>) = config
        .warnings()
        .iter()
        .partition(|warning| warning.contains("secret"));
    let mut told = format!("{} at {}, from {from}", config.domain, config.server);
    let mut advice: Vec<String> = others.into_iter().cloned().collect();
    for table in own {
        match meant(&table) {
            Some(meant) => advice.push(format!(
                "[{table}]: did you mean [{meant}]? Unless it is the component's own table, the \
                 component does not start with it."
            )),
            None => told += &format!("; [{table}] is the component's own"),
        }
    }
    let finding = match advice.is_empty() {
        true => Finding::pass(told),
        false => Finding::warn(told, advice.join("\n")),
    };
    chart.note(Step::Config, (finding, None::<()>));
    chart.note(Step::Secret, (look_at_secret(&config, &secret), None::<()>));
    Some(config)
}

/// The table of Couplet that is a slip or two away: one for every three letters.
fn meant(table: &str) -> Option<&'static str> {
    let slips = (table.chars().count() / 3).clamp(1, 3);
    let distance = |known: &&str| strsim::damerau_levenshtein(known, table);
    let tables = settings().iter().filter_map(Setting::table);
    let nearest = tables.min_by_key(distance)?;
    (distance(&nearest) <= slips).then_some(nearest)
}

fn look_at_secret(config: &Config, warnings: &[&String]) -> Finding {
    let place = config.origin("secret");
    let secret = config.secret.expose();
    let mut advice: Vec<String> = warnings.iter().map(|warning| (*warning).clone()).collect();
    if secret.len() < 8 {
        advice.push("it is shorter than 8 bytes, so it can be guessed by trying".to_owned());
    }
    // A shell or a file of variables may have cut it at a `$` or a `#`.
    let characters = secret.chars().count();
    let told = format!("found ({place}), {characters} characters");
    match advice.is_empty() {
        true => Finding::pass(told),
        false => Finding::warn(told, advice.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use couplet::Config;

    use super::{Finding, look_at_secret, meant};

    /// `"abc$def#ghi"` in double quotes of a shell is `abc#ghi`.
    #[test]
    fn the_length_of_the_secret_is_shown_and_the_secret_is_not() {
        let config = Config::new("echo.test", "abcd\u{e9}#ghi");
        let expected = Finding::pass("found (default), 9 characters");
        assert_eq!(look_at_secret(&config, &[]), expected);
    }

    #[test]
    fn a_slip_in_a_table_is_told_from_a_table_of_the_components_own() {
        assert_eq!(meant("limit"), Some("limits"));
        assert_eq!(meant("timnig"), Some("timing"));
        assert_eq!(meant("bot"), None);
        assert_eq!(meant("lamps"), None);
        assert_eq!(meant("weather"), None);
    }
}
