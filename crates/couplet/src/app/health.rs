//! The subcommand `health`: whether the program that runs with this configuration is ready.

use super::{complain, show};
use crate::{config::Sources, ops};

/// Asks the program that runs with this configuration.
pub(super) fn check(program: &str, url: Option<String>, sources: Sources) -> u8 {
    let url = match url {
        Some(url) => url,
        None => match sources.without_login().load() {
            Ok(config) => match config.ops.listen {
                Some(address) => ops::url(address),
                None => {
                    let advice = "set it, or name a --url";
                    let why = "ops.listen is not set, so there is nobody to ask";
                    complain(program, &format_args!("{why}: {advice}"));
                    return 2;
                }
            },
            Err(error) => {
                complain(program, &error);
                return 2;
            }
        },
    };
    match ops::check_health(&url) {
        Ok(line) => {
            show(&format!("{line}\n"));
            0
        }
        Err(why) => {
            complain(program, &format_args!("not ready: {why}"));
            1
        }
    }
}
