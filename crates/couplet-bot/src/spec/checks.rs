//! What the compiler cannot check in the specification of commands and forms.

use super::{CommandSpec, FieldSpec, FormSpec, field::compile};

/// No form has more fields.
const MOST_FIELDS: usize = 50;

/// Returns the mistakes in commands and forms, each in a line for the log. A bot that has one must
/// not start.
pub(crate) fn mistakes(commands: &[CommandSpec], forms: &[&FormSpec]) -> Vec<String> {
    let mut found = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for command in commands {
        for name in [command.name()].iter().chain(command.other_names()) {
            if taken.contains(name) {
                found.push(format!("two commands are called `{name}`"));
            }
            taken.push(name);
        }
        let fields = command.form().all().iter();
        for field in fields.filter(|field| field.is_hidden() && field.is_required()) {
            let (command, field) = (command.name(), field.name());
            found.push(format!(
                "`{command}`: `{field}` is hidden and has no default"
            ));
        }
    }
    let own = commands.iter().map(CommandSpec::form);
    for form in own.chain(forms.iter().map(|form| **form)) {
        let fields = form.all();
        if fields.len() > MOST_FIELDS {
            let count = fields.len();
            found.push(format!(
                "`{}` has {count} fields, but {MOST_FIELDS} are allowed",
                form.name()
            ));
        }
        let of_fields = fields.iter().filter_map(mistake);
        found.extend(of_fields.map(|text| format!("`{}`: {text}", form.name())));
    }
    found
}

fn mistake(field: &FieldSpec) -> Option<String> {
    let name = field.name();
    if let Some(error) = field.regex().and_then(|pattern| compile(pattern).err()) {
        return Some(format!("the pattern of `{name}` is invalid: {error}"));
    }
    let (min, max) = field.limits();
    for (which, text) in [
        ("min", min),
        ("max", max),
        ("default", field.default_text()),
    ] {
        let Some(text) = text else { continue };
        if field.is_free_text() && which != "default" {
            if text.parse::<u32>().is_err() {
                return Some(format!(
                    "the {which} of `{name}` is not a number of characters: {text:?}"
                ));
            }
        } else if let Err(error) = field.check(&[text.to_owned()]) {
            return Some(format!("the {which} of `{name}` does not fit: {error}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::mistakes;
    use crate::spec::{CommandSpec, FieldSpec, FormSpec};

    #[test]
    fn what_the_compiler_cannot_check_is_found() {
        const FIELDS: &[FieldSpec] = &[
            FieldSpec::of::<Duration>("after", "After").max("soon"),
            FieldSpec::of::<u8>("dice", "Dice").default("300"),
            FieldSpec::of::<String>("what", "What").pattern("("),
            FieldSpec::of::<String>("why", "Why").min("a few"),
        ];
        const FORM: FormSpec = FormSpec::new("odd", "Odd").fields(FIELDS);
        let commands = [
            CommandSpec::new("roll", "Roll").aliases(&["r"]),
            CommandSpec::new("r", "Run"),
        ];
        let found = mistakes(&commands, &[&FORM]);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "two commands are called `r`");
        assert!(found[1].starts_with("`odd`: the max of `after` does not fit: "));
    }

    #[test]
    fn fields_without_mistakes_pass() {
        const FIELDS: &[FieldSpec] = &[
            FieldSpec::of::<Duration>("after", "After")
                .min("1s")
                .max("366d"),
            FieldSpec::of::<String>("what", "What")
                .max("20")
                .pattern("[a-z]+"),
        ];
        let commands = [CommandSpec::new("remind", "Remind").fields(FIELDS)];
        assert_eq!(mistakes(&commands, &[]), Vec::<String>::new());
    }
}
