//! The subcommand `health`: asks the running component whether it is ready.

use super::{print_error, show};
use crate::{config::Sources, ops};

/// Asks the component that runs with this configuration, and returns the exit code.
pub(super) fn check(program: &str, url: Option<String>, sources: Sources) -> u8 {
    let url = match url {
        Some(url) => url,
        None => match sources.without_login().load() {
            Ok(config) => match config.ops.listen {
                Some(address) => ops::url(address),
                None => {
                    let advice = "set it, or pass --url";
                    let why = "ops.listen is not set";
                    print_error(program, &format_args!("{why}: {advice}"));
                    return 2;
                }
            },
            Err(error) => {
                print_error(program, &error);
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
            print_error(program, &format_args!("not ready: {why}"));
            1
        }
    }
}
