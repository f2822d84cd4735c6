//! Commands and forms as data: what the derives write, and what can be written by hand.

mod field;
pub(crate) mod checks;

use std::time::Duration;

use crate::{value_error::ValueError, values::Values};

pub use field::FieldSpec;

/// The commands of a bot: an enum with one variant for each.
///
/// [`derive(Commands)`](macro@crate::Commands) implements it. Users run the commands by a chat message,
/// in rooms, and as forms of their client.
///
/// # How a message is read
///
/// - Between two people a message is a command if its first word is a name or an alias, in any case; a
///   `/` or `!` may precede it. In a room it begins with `!` or with the nick of the bot: `!list`,
///   `Reminders: list`, `@Reminders list`.
/// - Required fields take one word each, in order; words between double quotes are one. The last field
///   takes the rest of the message, a text as it was written.
/// - Other fields are given by name before it: `remind 10m every=1d tea`. Lists have commas.
/// - A missing value is asked for between two people. In a room the bot replies with the usage.
/// - A quotation at the beginning of the message is left out. A message that begins with `/me ` is not
///   a command.
///
/// # Examples
///
/// ```
/// use couplet_bot::{Commands, values::Values};
///
/// #[derive(Commands, Debug, PartialEq)]
/// enum Command {
///     /// Roll dice
///     #[command(alias = "r", example = "roll 2")]
///     Roll {
///         /// How many
///         #[field(min = 1, max = 10, default = 1)]
///         dice: u8,
///     },
///     /// Forget everything
///     Clear,
/// }
///
/// assert_eq!(Command::COMMANDS[0].summary(), "Roll dice");
/// let values = Values::new().with("dice", ["2"]);
/// assert_eq!(Command::from_values("roll", &values), Ok(Command::Roll { dice: 2 }));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an enum of commands",
    label = "add `#[derive(Commands)]` to this enum"
)]
pub trait Commands: Sized + Send + Sync + 'static {
    /// What users see of the commands, in the order of the list.
    const COMMANDS: &'static [CommandSpec];

    /// Reads the command of this name.
    ///
    /// # Errors
    ///
    /// The first value that does not fit its field.
    fn from_values(command: &str, values: &Values) -> Result<Self, ValueError>;
}

/// A form that a bot asks a user to fill in: a struct with one field for each question.
///
/// [`derive(Form)`](macro@crate::Form) implements it. The values of the struct that is asked with are
/// shown as current values; hidden fields keep theirs.
///
/// In a client with forms (XEP-0050) it is the next form of the command. In a chat the bot asks for one
/// field at a time: users answer with a value, an option by its number, its label, or yes and no, and
/// may write `skip` where there is a value already, `back` and `cancel`. A command ends the questions.
///
/// # Examples
///
/// ```
/// use couplet_bot::{Form, values::Values};
///
/// /// Forget everything?
/// #[derive(Form)]
/// struct Forget {
///     /// Yes, all of it
///     sure: bool,
/// }
///
/// assert_eq!(Forget::FORM.title(), "Forget everything?");
/// assert_eq!(Forget { sure: false }.to_values(), Values::new().with("sure", ["false"]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a form",
    label = "add `#[derive(Form)]` to this struct"
)]
pub trait Form: Sized + Send + Sync + 'static {
    /// What users see of the form.
    const FORM: &'static FormSpec;

    /// Returns the values of the fields, without secrets.
    fn to_values(&self) -> Values;

    /// Reads a form that was filled in.
    ///
    /// # Errors
    ///
    /// The first value that does not fit its field.
    fn from_values(values: &Values) -> Result<Self, ValueError>;
}

/// Where a command can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Face {
    /// By a message between two people.
    Chat,
    /// By a message in a room.
    Rooms,
    /// As a form of the client. (XEP-0050)
    Form,
}

/// One command: its name and what users see of it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use couplet_bot::spec::{CommandSpec, FieldSpec};
///
/// const REMIND: CommandSpec = CommandSpec::new("remind", "Remind you later")
///     .aliases(&["r"])
///     .example("remind 10m tea")
///     .fields(&[
///         FieldSpec::of::<Duration>("after", "In how long").min("1s").max("366d"),
///         FieldSpec::of::<String>("what", "Of what"),
///     ]);
/// assert_eq!(REMIND.usage(), "remind <after> <what>");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    description: &'static str,
    example: Option<&'static str>,
    allow: &'static [&'static str],
    every: Option<Duration>,
    only: &'static [Face],
    is_hidden: bool,
    reruns: bool,
    fields: &'static [FieldSpec],
}

impl CommandSpec {
    /// Creates a command without fields that everybody may run.
    pub const fn new(name: &'static str, summary: &'static str) -> CommandSpec {
        CommandSpec {
            name,
            aliases: &[],
            summary,
            description: "",
            example: None,
            allow: &[],
            every: None,
            only: &[],
            is_hidden: false,
            reruns: false,
            fields: &[],
        }
    }

    /// Sets other names.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> CommandSpec {
        CommandSpec { aliases, ..self }
    }

    /// Sets the text that explains the command.
    #[must_use]
    pub const fn description(self, description: &'static str) -> CommandSpec {
        CommandSpec {
            description,
            ..self
        }
    }

    /// Sets an example: a whole message.
    #[must_use]
    pub const fn example(self, example: &'static str) -> CommandSpec {
        CommandSpec {
            example: Some(example),
            ..self
        }
    }

    /// Sets who may run it: roles or groups of the configuration, any of them is enough.
    #[must_use]
    pub const fn allow(self, allow: &'static [&'static str]) -> CommandSpec {
        CommandSpec { allow, ..self }
    }

    /// Sets how much time has to be between two runs by one person.
    #[must_use]
    pub const fn every(self, every: Duration) -> CommandSpec {
        CommandSpec {
            every: Some(every),
            ..self
        }
    }

    /// Sets where it can be run; without it everywhere.
    #[must_use]
    pub const fn only(self, only: &'static [Face]) -> CommandSpec {
        CommandSpec { only, ..self }
    }

    /// Leaves it out of help and of lists; it can be run all the same.
    #[must_use]
    pub const fn hidden(self) -> CommandSpec {
        CommandSpec {
            is_hidden: true,
            ..self
        }
    }

    /// Runs it again when the user corrects the message, also after it succeeded.
    #[must_use]
    pub const fn rerun(self) -> CommandSpec {
        CommandSpec {
            reruns: true,
            ..self
        }
    }

    /// Sets the arguments, in order.
    #[must_use]
    pub const fn fields(self, fields: &'static [FieldSpec]) -> CommandSpec {
        CommandSpec { fields, ..self }
    }

    /// Returns the name that users type; it is the key of its translation too.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the other names.
    pub const fn other_names(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// Returns the line that `help` shows.
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// Returns an example: a whole message.
    pub const fn an_example(&self) -> Option<&'static str> {
        self.example
    }

    /// Returns who may run it; empty for everybody.
    pub const fn allowed(&self) -> &'static [&'static str] {
        self.allow
    }

    /// Returns how much time has to be between two runs by one person.
    pub const fn cooldown(&self) -> Option<Duration> {
        self.every
    }

    /// Returns whether it can be run there.
    pub fn is_on(&self, face: Face) -> bool {
        self.only.is_empty() || self.only.contains(&face)
    }

    /// Returns whether help and lists leave it out.
    pub const fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Returns whether a correction of the message runs it again after it succeeded.
    pub const fn reruns(&self) -> bool {
        self.reruns
    }

    /// Returns the arguments as a form, with the name of the command.
    pub const fn form(&self) -> FormSpec {
        FormSpec {
            name: self.name,
            title: self.summary,
            description: self.description,
            fields: self.fields,
        }
    }

    /// Returns how it is typed: `remind <after> [every=..] <what>`.
    pub fn usage(&self) -> String {
        let form = self.form();
        let last = form.visible().last().map(FieldSpec::name);
        let mut usage = self.name.to_owned();
        for field in form.visible() {
            let name = field.name();
            let is_last = last == Some(name);
            usage.push_str(&match (field.is_required(), is_last) {
                (true, _) => format!(" <{name}>"),
                (false, true) => format!(" [{name}]"),
                (false, false) => format!(" [{name}=..]"),
            });
        }
        usage
    }

    /// Returns whether users call it that.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        let folded = word.to_lowercase();
        self.name == folded || self.aliases.contains(&folded.as_str())
    }
}

/// One form: its title and its fields.
#[derive(Clone, Copy, Debug)]
pub struct FormSpec {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    fields: &'static [FieldSpec],
}

impl FormSpec {
    /// Creates a form without fields. The name is the key of its translation, and that of its state
    /// in the store.
    pub const fn new(name: &'static str, title: &'static str) -> FormSpec {
        FormSpec {
            name,
            title,
            description: "",
            fields: &[],
        }
    }

    /// Sets the text below the title.
    #[must_use]
    pub const fn description(self, description: &'static str) -> FormSpec {
        FormSpec {
            description,
            ..self
        }
    }

    /// Sets the fields, in order.
    #[must_use]
    pub const fn fields(self, fields: &'static [FieldSpec]) -> FormSpec {
        FormSpec { fields, ..self }
    }

    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the title.
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// Returns the text below the title; empty if there is none.
    pub const fn text(&self) -> &'static str {
        self.description
    }

    /// Returns all fields, also those that are hidden.
    pub const fn all(&self) -> &'static [FieldSpec] {
        self.fields
    }

    /// Returns the fields that users fill in.
    pub fn visible(&self) -> impl DoubleEndedIterator<Item = &'static FieldSpec> + use<> {
        self.fields.iter().filter(|field| !field.is_hidden())
    }

    /// Returns how many pages it has.
    pub(crate) fn page_count(&self) -> usize {
        self.pages().last().map_or(1, |(page, _)| page + 1)
    }

    /// Returns the fields of a page.
    pub(crate) fn page(&self, page: usize) -> impl Iterator<Item = &'static FieldSpec> + use<> {
        self.pages()
            .filter_map(move |(at, field)| (at == page).then_some(field))
    }

    fn pages(&self) -> impl Iterator<Item = (usize, &'static FieldSpec)> + use<> {
        let mut page = None;
        self.visible().map(move |field| {
            let at = match page {
                None => 0,
                Some(page) => page + usize::from(field.starts_page()),
            };
            page = Some(at);
            (at, field)
        })
    }
}
