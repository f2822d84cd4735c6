//! Enums as values: one of a few options.

use std::borrow::Cow;

use crate::value_error::Problem;

/// An enum whose variants are the options of a field: a list in a form, numbers in a chat.
///
/// `derive(Choice)` implements it, and [`Arg`](crate::Arg) with it. A variant's value is its name in
/// kebab-case and its label the doc comment; `#[choice(name = "..", label = "..")]` sets them.
///
/// # Examples
///
/// ```
/// use couplet_bot::Choice;
///
/// #[derive(Choice, PartialEq, Debug)]
/// enum Level {
///     /// Everything
///     Info,
///     Fire,
/// }
///
/// assert_eq!(Level::OPTIONS[0].label(), "Everything");
/// assert_eq!(Level::from_value("fire"), Some(Level::Fire));
/// ```
pub trait Choice: Sized + 'static {
    /// The options in order.
    const OPTIONS: &'static [ChoiceOption];

    /// Returns the variant with this value.
    fn from_value(value: &str) -> Option<Self>;

    /// Returns the value of this variant.
    fn value(&self) -> &'static str;
}

/// One option of a field: the value that is sent, and the label that is shown.
///
/// # Examples
///
/// ```
/// use couplet_bot::choice::ChoiceOption;
///
/// let tea = ChoiceOption::from(("earl-grey".to_owned(), "Earl Grey".to_owned()));
/// assert_eq!((tea.value(), tea.label()), ("earl-grey", "Earl Grey"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceOption {
    value: Cow<'static, str>,
    label: Cow<'static, str>,
}

impl ChoiceOption {
    /// Creates an option that is known at compile time.
    pub const fn new(value: &'static str, label: &'static str) -> ChoiceOption {
        ChoiceOption {
            value: Cow::Borrowed(value),
            label: Cow::Borrowed(label),
        }
    }

    /// Returns the value that a form sends.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the label that users see.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether a user means this option: by its value or its label, in any case.
    pub(crate) fn is_meant_by(&self, text: &str) -> bool {
        let folded = text.trim().to_lowercase();
        folded == self.value.to_lowercase() || folded == self.label.to_lowercase()
    }
}

impl From<(String, String)> for ChoiceOption {
    fn from((value, label): (String, String)) -> ChoiceOption {
        ChoiceOption {
            value: value.into(),
            label: label.into(),
        }
    }
}

impl From<String> for ChoiceOption {
    fn from(value: String) -> ChoiceOption {
        ChoiceOption::from((value.clone(), value))
    }
}

impl From<&'static str> for ChoiceOption {
    fn from(value: &'static str) -> ChoiceOption {
        ChoiceOption::new(value, value)
    }
}

/// Returns the label of a variant.
pub fn label<T: Choice>(choice: &T) -> &'static str {
    let value = choice.value();
    let mut options = T::OPTIONS.iter();
    let option = options.find(|option| option.value() == value);
    option.map_or(value, ChoiceOption::label)
}

/// Reads a variant from the values of a field: what `derive(Choice)` implements
/// [`Arg::from_text`](crate::Arg::from_text) by.
///
/// # Errors
///
/// [`Problem::Missing`] without a value, [`Problem::NotAnOption`] for one that no variant has.
pub fn read<T: Choice>(values: &[String]) -> Result<T, Problem> {
    let text = values.first().ok_or(Problem::Missing)?;
    let known = || T::OPTIONS.iter().map(|option| option.value().to_owned());
    T::from_value(text).ok_or_else(|| Problem::NotAnOption(known().collect()))
}

/// Collects options from what a function of `#[field(choices = ..)]` returns.
pub fn options<T: Into<ChoiceOption>>(all: impl IntoIterator<Item = T>) -> Vec<ChoiceOption> {
    all.into_iter().map(Into::into).collect()
}
