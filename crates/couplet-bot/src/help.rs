//! The built-in command `help`, and lines about mistakes in a message.

use crate::{
    reading::HELP,
    spec::{CommandSpec, Face, FieldSpec, FormSpec},
    texts,
    translations::Texts,
    value_error::{Kind, ValueError},
};

/// Returns the commands that a user may run here, each with its summary.
pub(crate) fn list(
    commands: &[CommandSpec],
    face: Face,
    may: &dyn Fn(&CommandSpec) -> bool,
    texts: Texts<'_>,
) -> String {
    let prefix = prefix(face);
    let here = commands
        .iter()
        .filter(|command| !command.is_hidden() && command.is_on(face) && may(command));
    let mut lines: Vec<String> = here
        .map(|command| {
            format!(
                "{prefix}{}: {}",
                command.name(),
                texts.title(&command.form())
            )
        })
        .collect();
    if lines.is_empty() {
        return texts.get(texts::NO_COMMANDS).into_owned();
    }
    lines.push(texts.fill(texts::HELP, &[("help", &format!("{prefix}{HELP}"))]));
    lines.join("\n")
}

/// Explains one command: its usage, its arguments and an example.
pub(crate) fn explain(command: &CommandSpec, face: Face, texts: Texts<'_>) -> String {
    let form = command.form();
    let prefix = prefix(face);
    let mut lines = vec![
        texts.title(&form).into_owned(),
        format!("{prefix}{}", command.usage()),
    ];
    let description = texts.description(&form);
    if !description.is_empty() {
        lines.push(description.into_owned());
    }
    lines.extend(
        form.visible()
            .map(|field| explain_field(&form, field, texts)),
    );
    if !command.other_names().is_empty() {
        let names = command.other_names().join(", ");
        lines.push(texts.fill(texts::ALIASES, &[("names", &names)]));
    }
    if let Some(example) = texts.example(command) {
        let example = format!("{prefix}{example}");
        lines.push(texts.fill(texts::AN_EXAMPLE, &[("example", &example)]));
    }
    lines.join("\n")
}

/// Returns a line that says how a command is used: for a room, where nothing is asked.
pub(crate) fn usage(command: &CommandSpec, face: Face, texts: Texts<'_>) -> String {
    let usage = format!("{}{}", prefix(face), command.usage());
    let line = texts.fill(texts::USAGE, &[("usage", &usage)]);
    with_example(&line, command, face, texts)
}

/// Returns a line about a value that does not fit, with the example of the command.
pub(crate) fn invalid(
    command: &CommandSpec,
    error: &ValueError,
    face: Face,
    texts: Texts<'_>,
) -> String {
    let line = texts.problem(&command.form(), error);
    with_example(&line, command, face, texts)
}

/// Returns a line about a word that is not a command, with the name of one that is similar.
pub(crate) fn unknown(word: &str, nearest: Option<&str>, face: Face, texts: Texts<'_>) -> String {
    let prefix = prefix(face);
    match nearest {
        Some(name) => {
            let name = format!("{prefix}{name}");
            texts.fill(texts::NEAREST, &[("word", word), ("nearest", &name)])
        }
        None => {
            let help = format!("{prefix}{HELP}");
            texts.fill(texts::UNKNOWN_WORD, &[("word", word), ("help", &help)])
        }
    }
}

fn with_example(line: &str, command: &CommandSpec, face: Face, texts: Texts<'_>) -> String {
    match texts.example(command) {
        Some(example) => {
            let example = format!("{}{example}", prefix(face));
            texts.fill(texts::EXAMPLE, &[("text", line), ("example", &example)])
        }
        None => line.to_owned(),
    }
}

fn prefix(face: Face) -> &'static str {
    match face {
        Face::Rooms => "!",
        Face::Chat | Face::Form => "",
    }
}

/// Returns the line of a field: `after: In how long (duration, 1s to 366d)`.
fn explain_field(form: &FormSpec, field: &FieldSpec, texts: Texts<'_>) -> String {
    let mut facts = vec![kind(form, field, texts)];
    facts.extend(match field.limits() {
        (Some(min), Some(max)) => Some(texts.fill(texts::BETWEEN, &[("min", min), ("max", max)])),
        (Some(min), None) => Some(texts.fill(texts::AT_LEAST, &[("limit", min)])),
        (None, Some(max)) => Some(texts.fill(texts::AT_MOST, &[("limit", max)])),
        (None, None) => None,
    });
    if field.arg_type().is_list() {
        facts.push(texts.get(texts::SEVERAL).into_owned());
    }
    match field.default_text() {
        Some(default) => facts.push(texts.fill(texts::DEFAULT, &[("value", default)])),
        None if !field.is_required() => facts.push(texts.get(texts::OPTIONAL).into_owned()),
        None => {}
    }
    let label = texts.label(form, field);
    let description = texts.field_description(form, field);
    let line = format!("{}: {label} ({})", field.name(), facts.join(", "));
    match description.is_empty() {
        true => line,
        false => format!("{line}. {description}"),
    }
}

/// Returns the kind of values, or the options.
fn kind(form: &FormSpec, field: &FieldSpec, texts: Texts<'_>) -> String {
    let options = texts.options(form, field);
    if !options.is_empty() {
        let values: Vec<&str> = options.iter().map(|option| option.value()).collect();
        return values.join(" | ");
    }
    let text = match field.arg_type().kind() {
        Kind::Text | Kind::Choice => texts::KIND_TEXT,
        Kind::Integer => texts::KIND_INTEGER,
        Kind::Number => texts::KIND_NUMBER,
        Kind::Boolean => texts::KIND_BOOLEAN,
        Kind::Duration => texts::KIND_DURATION,
        Kind::Time => texts::KIND_TIME,
        Kind::Address => texts::KIND_ADDRESS,
    };
    texts.get(text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{explain, invalid, list, unknown, usage};
    use crate::{
        Commands,
        spec::{CommandSpec, Face},
        translations::Texts,
        values::Values,
    };

    #[derive(Commands)]
    #[expect(dead_code, reason = "only its description is read")]
    enum Command {
        /// Remind you later
        ///
        /// Also when you are offline.
        #[command(alias = "r", example = "remind 10m tea")]
        Remind {
            /// In how long
            #[field(min = "1s", max = "366d")]
            after: Duration,
            /// How often
            #[field(max = 9, default = 1)]
            times: u8,
            /// Of what
            what: String,
        },
        /// What is pending
        List,
        #[command(hidden)]
        Secret,
        #[command(only(form))]
        Survey,
    }

    const REMIND: &CommandSpec = &Command::COMMANDS[0];

    /// B9
    #[test]
    fn help_lists_what_the_user_may_run_here() {
        let all = list(Command::COMMANDS, Face::Chat, &|_| true, Texts::ORIGINAL);
        assert_eq!(
            all,
            "remind: Remind you later\nlist: What is pending\nhelp NAME explains a command"
        );
        let may = |command: &CommandSpec| command.name() == "list";
        let some = list(Command::COMMANDS, Face::Rooms, &may, Texts::ORIGINAL);
        assert_eq!(
            some,
            "!list: What is pending\n!help NAME explains a command"
        );
        let none = list(Command::COMMANDS, Face::Chat, &|_| false, Texts::ORIGINAL);
        assert_eq!(none, "There is no command that you may use here");
    }

    /// B10
    #[test]
    fn help_with_a_name_explains_the_arguments() {
        assert_eq!(
            explain(REMIND, Face::Chat, Texts::ORIGINAL),
            "Remind you later\n\
             remind <after> [times=..] <what>\n\
             Also when you are offline.\n\
             after: In how long (duration, 1s to 366d)\n\
             times: How often (whole number, at most 9, without it 1)\n\
             what: Of what (text)\n\
             Also: r\n\
             Example: remind 10m tea"
        );
    }

    /// B4, B6, B7, B8
    #[test]
    fn a_mistake_is_explained_in_one_line() {
        let values = Values::new().with("after", ["soon"]).with("what", ["tea"]);
        let error = Command::from_values("remind", &values).err().unwrap();
        assert_eq!(
            invalid(REMIND, &error, Face::Chat, Texts::ORIGINAL),
            "In how long: \"soon\" is not a duration, such as 10m or 2h30m. Example: remind 10m tea"
        );
        let values = Values::new().with("after", ["400d"]).with("what", ["tea"]);
        let error = Command::from_values("remind", &values).err().unwrap();
        assert_eq!(error.to_string(), "In how long: at most 366d, not 400d");
        assert_eq!(
            usage(REMIND, Face::Rooms, Texts::ORIGINAL),
            "Usage: !remind <after> [times=..] <what>. Example: !remind 10m tea"
        );
        assert_eq!(
            unknown("remnid", Some("remind"), Face::Chat, Texts::ORIGINAL),
            "There is no command \"remnid\". Did you mean \"remind\"?"
        );
        assert_eq!(
            unknown("hello", None, Face::Rooms, Texts::ORIGINAL),
            "There is no command \"hello\"; \"!help\" lists all"
        );
    }
}
