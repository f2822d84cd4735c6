//! One field of a command or a form.

use regex_lite::Regex;

use crate::{
    arg::{self, Arg, ArgType},
    choice::ChoiceOption,
    value_error::{Kind, Problem, ValueError},
    values::Values,
};

/// No field offers more options.
pub(crate) const MOST_OPTIONS: usize = 100;

/// One field of a command or a form: its type, its label and what values it takes.
///
/// # Examples
///
/// ```
/// use couplet_bot::spec::FieldSpec;
///
/// const DICE: FieldSpec = FieldSpec::of::<u8>("dice", "How many").min("1").max("10");
/// assert!(DICE.check(&["2".to_owned()]).is_ok());
/// let error = DICE.check(&["11".to_owned()]).unwrap_err();
/// assert_eq!(error.to_string(), "How many: at most 10, not 11");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    arg_type: ArgType,
    try_read: fn(&[String]) -> Result<(), Problem>,
    default: Option<&'static str>,
    min: Option<&'static str>,
    max: Option<&'static str>,
    pattern: Option<&'static str>,
    choices: Option<fn() -> Vec<ChoiceOption>>,
    has_lines: bool,
    is_secret: bool,
    is_hidden: bool,
    starts_page: bool,
}

impl FieldSpec {
    /// Creates a field of the type `T`.
    pub const fn of<T: Arg>(name: &'static str, label: &'static str) -> FieldSpec {
        FieldSpec {
            name,
            label,
            description: "",
            arg_type: T::TYPE,
            try_read: try_read::<T>,
            default: None,
            min: None,
            max: None,
            pattern: None,
            choices: None,
            has_lines: false,
            is_secret: T::TYPE.is_secret(),
            is_hidden: false,
            starts_page: false,
        }
    }

    /// Sets the text that explains the field.
    #[must_use]
    pub const fn description(self, description: &'static str) -> FieldSpec {
        FieldSpec {
            description,
            ..self
        }
    }

    /// Sets the value where none is given, as users write it.
    #[must_use]
    pub const fn default(self, default: &'static str) -> FieldSpec {
        FieldSpec {
            default: Some(default),
            ..self
        }
    }

    /// Sets the least value, or the least number of characters of a text.
    #[must_use]
    pub const fn min(self, min: &'static str) -> FieldSpec {
        FieldSpec {
            min: Some(min),
            ..self
        }
    }

    /// Sets the greatest value, or the greatest number of characters of a text.
    #[must_use]
    pub const fn max(self, max: &'static str) -> FieldSpec {
        FieldSpec {
            max: Some(max),
            ..self
        }
    }

    /// Sets a regular expression that the whole text has to match.
    #[must_use]
    pub const fn pattern(self, pattern: &'static str) -> FieldSpec {
        FieldSpec {
            pattern: Some(pattern),
            ..self
        }
    }

    /// Sets a function that returns the options: use it where they are not known at compile time. At
    /// most 100 are shown.
    #[must_use]
    pub const fn choices(self, choices: fn() -> Vec<ChoiceOption>) -> FieldSpec {
        FieldSpec {
            choices: Some(choices),
            ..self
        }
    }

    /// Lets a form have several lines for the text.
    #[must_use]
    pub const fn lines(self) -> FieldSpec {
        FieldSpec {
            has_lines: true,
            ..self
        }
    }

    /// Keeps the value out of logs, of the store and of forms that are shown again. A secret is the
    /// last field.
    #[must_use]
    pub const fn secret(self) -> FieldSpec {
        FieldSpec {
            is_secret: true,
            ..self
        }
    }

    /// Does not show the field: the value is its default, or that of the form that was asked with.
    #[must_use]
    pub const fn hidden(self) -> FieldSpec {
        FieldSpec {
            is_hidden: true,
            ..self
        }
    }

    /// Begins a new page of the form with this field.
    #[must_use]
    pub const fn page(self) -> FieldSpec {
        FieldSpec {
            starts_page: true,
            ..self
        }
    }

    /// Returns the name of the field in forms and in `name=value`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the label that users see.
    pub const fn label(&self) -> &'static str {
        self.label
    }

    /// Returns the text that explains the field; empty if there is none.
    pub const fn text(&self) -> &'static str {
        self.description
    }

    /// Returns the type of its values.
    pub const fn arg_type(&self) -> ArgType {
        self.arg_type
    }

    /// Returns the value where none is given.
    pub const fn default_text(&self) -> Option<&'static str> {
        self.default
    }

    /// Returns the least and the greatest value.
    pub const fn limits(&self) -> (Option<&'static str>, Option<&'static str>) {
        (self.min, self.max)
    }

    /// Returns the regular expression that the text has to match.
    pub const fn regex(&self) -> Option<&'static str> {
        self.pattern
    }

    /// Returns the options: those of the function, or those of the type; empty if any value is taken.
    pub fn options(&self) -> Vec<ChoiceOption> {
        let mut options = match self.choices {
            Some(choices) => choices(),
            None => self.arg_type.options().to_vec(),
        };
        options.truncate(MOST_OPTIONS);
        options
    }

    /// Returns whether only some values are taken: those of [`options`](FieldSpec::options).
    pub const fn has_options(&self) -> bool {
        self.choices.is_some() || !self.arg_type.options().is_empty()
    }

    /// Returns whether a form has several lines for the text.
    pub const fn has_lines(&self) -> bool {
        self.has_lines
    }

    /// Returns whether the value is never shown, logged or stored.
    pub const fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// Returns whether users do not see the field.
    pub const fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Returns whether a value has to be given.
    pub const fn is_required(&self) -> bool {
        self.default.is_none() && !self.arg_type.is_optional()
    }

    pub(crate) const fn starts_page(&self) -> bool {
        self.starts_page
    }

    /// Returns whether it is one text, which takes the rest of a message as it was written.
    pub(crate) const fn is_free_text(&self) -> bool {
        matches!(self.arg_type.kind(), Kind::Text)
            && !self.arg_type.is_list()
            && self.choices.is_none()
    }

    /// Reads the value of this field.
    ///
    /// # Errors
    ///
    /// The value that does not fit.
    pub fn read<T: Arg>(&self, values: &Values) -> Result<T, ValueError> {
        let texts = self.resolve(values.get(self.name))?;
        T::from_text(&texts).map_err(|problem| self.error(&texts, problem))
    }

    /// Puts a value of this field into `values`, unless it is secret.
    pub fn store<T: Arg>(&self, value: &T, values: &mut Values) {
        if !self.is_secret {
            values.set(self.name, value.to_text());
        }
    }

    /// Checks texts that a user gave for this field.
    ///
    /// # Errors
    ///
    /// The first that does not fit.
    pub fn check(&self, given: &[String]) -> Result<(), ValueError> {
        self.resolve(given).map(drop)
    }

    /// Returns the texts that the type reads: the default where none is given, values of options
    /// instead of their labels.
    fn resolve(&self, given: &[String]) -> Result<Vec<String>, ValueError> {
        let mut texts = self.filled(given);
        if texts.is_empty() {
            texts.extend(self.default.map(str::to_owned));
        }
        let options = self.options();
        if !options.is_empty() {
            for text in &mut texts {
                let meant = options.iter().find(|option| option.is_meant_by(text));
                *text = match meant {
                    Some(option) => option.value().to_owned(),
                    None => return Err(self.not_an_option(text, &options)),
                };
            }
        }
        // The reason of the type comes before that of a limit.
        (self.try_read)(&texts).map_err(|problem| self.error(&texts, problem))?;
        let whole = [texts.join("\n")];
        let each = if self.is_free_text() {
            &whole[..]
        } else {
            &texts
        };
        for text in each.iter().filter(|text| !text.is_empty()) {
            self.check_one(text)
                .map_err(|problem| self.error(std::slice::from_ref(text), problem))?;
        }
        Ok(texts)
    }

    /// Returns what was filled in: nothing if all is blank; blank lines of a text stay.
    fn filled(&self, given: &[String]) -> Vec<String> {
        let blank = |text: &String| text.trim().is_empty();
        if given.iter().all(blank) {
            return Vec::new();
        }
        if self.is_free_text() {
            return given.to_vec();
        }
        let filled = given.iter().filter(|text| !blank(text));
        let filled = filled.map(|text| text.trim().to_owned());
        match self.arg_type.is_list() {
            true => filled.collect(),
            false => filled.take(1).collect(),
        }
    }

    fn check_one(&self, text: &str) -> Result<(), Problem> {
        if let Some(pattern) = self.pattern
            && !matches(pattern, text)
        {
            return Err(Problem::Pattern);
        }
        match (self.min, self.max) {
            (None, None) => Ok(()),
            (min, max) => arg::check_limits(self.arg_type.kind(), text, min, max),
        }
    }

    fn not_an_option(&self, text: &str, options: &[ChoiceOption]) -> ValueError {
        let labels = options.iter().map(|option| option.label().to_owned());
        let problem = Problem::NotAnOption(labels.collect());
        self.error(&[text.to_owned()], problem)
    }

    fn error(&self, texts: &[String], problem: Problem) -> ValueError {
        let value = match self.is_secret {
            true => "…".to_owned(),
            false => texts.join(", "),
        };
        ValueError::new(self.name, self.label, value, problem)
    }
}

fn try_read<T: Arg>(texts: &[String]) -> Result<(), Problem> {
    T::from_text(texts).map(drop)
}

/// Compiles a pattern that matches whole texts.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex_lite::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// A pattern that does not compile is reported when the bot starts, and matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    compile(pattern).is_ok_and(|regex| regex.is_match(text))
}
