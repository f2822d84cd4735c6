//! Who may run a command: what `#[command(allow(..))]` names.

use couplet::Jid;

use crate::{settings::Settings, spec::CommandSpec};

/// What means no group. Those of rooms hold for nobody between two.
const WORDS: [&str; 7] = [
    "anyone",
    "direct",
    "moderators",
    "participants",
    "members",
    "room_admins",
    "owners",
];

/// Returns whether a person may run a command between two.
pub(crate) fn allows(command: &CommandSpec, person: &Jid, settings: &Settings) -> bool {
    let allowed = command.allowed();
    allowed.is_empty()
        || allowed.iter().any(|name| match *name {
            "anyone" | "direct" => true,
            group => settings
                .groups
                .get(group)
                .is_some_and(|group| group.contains(person)),
        })
}

/// Refuses a command that names a group which the settings do not have.
pub(crate) fn check(commands: &[CommandSpec], settings: &Settings) -> Result<(), String> {
    for command in commands {
        for name in command.allowed() {
            if WORDS.contains(name) || settings.groups.contains_key(*name) {
                continue;
            }
            let known: Vec<&str> = settings.groups.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "it has none".to_owned(),
                false => known.join(", "),
            };
            return Err(format!(
                "`{}`: the group `{name}` is not in [bot.groups] ({known})",
                command.name()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READERS: CommandSpec = CommandSpec::new("readers", "Who reads").allow(&["admins"]);

    fn settings() -> Settings {
        let alice = "alice@example.org".parse().unwrap();
        let mut settings = Settings::default();
        settings.groups.insert("admins".to_owned(), [alice].into());
        settings
    }

    /// B13
    #[test]
    fn an_unknown_group_is_refused_with_those_that_are_known() {
        let wrong = CommandSpec::new("readers", "Who reads").allow(&["admin"]);
        assert_eq!(
            check(&[wrong], &settings()),
            Err("`readers`: the group `admin` is not in [bot.groups] (admins)".to_owned())
        );
        assert_eq!(check(&[READERS], &settings()), Ok(()));
    }

    /// B12
    #[test]
    fn a_command_of_a_group_runs_for_its_members_only() {
        let may = |who: &str| allows(&READERS, &who.parse().unwrap(), &settings());
        assert!(may("alice@example.org/phone"));
        assert!(!may("bob@example.org"));
        let rooms = CommandSpec::new("clear", "Clear").allow(&["direct", "moderators"]);
        assert!(allows(
            &rooms,
            &"bob@example.org".parse().unwrap(),
            &settings()
        ));
        let moderators = CommandSpec::new("clear", "Clear").allow(&["moderators"]);
        assert!(!allows(
            &moderators,
            &"bob@example.org".parse().unwrap(),
            &settings()
        ));
    }
}
