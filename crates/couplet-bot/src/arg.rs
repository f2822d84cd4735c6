//! The types that fields of commands and forms may have.

use std::time::{Duration, SystemTime};

use couplet::{BareJid, Jid, secret::Secret};

use crate::{
    choice::ChoiceOption,
    value_error::{Kind, Problem},
};

/// A type that a field of a command or a form may have.
///
/// It is implemented for `String`, the integers, `f32`, `f64`, `bool`, [`Duration`], [`SystemTime`],
/// [`Jid`], [`BareJid`], [`Secret`], by `derive(Choice)` for enums, and for `Option<T>` and `Vec<T>` of these.
/// Implement it for a type of your own that users write as one text.
///
/// # Examples
///
/// ```
/// use couplet_bot::{Arg, arg::ArgType, value_error::{Kind, Problem}};
///
/// struct Color(u32);
///
/// impl Arg for Color {
///     const TYPE: ArgType = ArgType::new(Kind::Text);
///
///     fn from_text(values: &[String]) -> Result<Color, Problem> {
///         let text = values.first().ok_or(Problem::Missing)?;
///         let digits = text.strip_prefix('#').unwrap_or(text);
///         let color = u32::from_str_radix(digits, 16);
///         color.map(Color).map_err(|_| Problem::Other("a color is written as #ff8800".to_owned()))
///     }
///
///     fn to_text(&self) -> Vec<String> {
///         vec![format!("#{:06x}", self.0)]
///     }
/// }
///
/// assert_eq!(Color::from_text(&["#ff8800".to_owned()]).map(|color| color.0), Ok(0xff_88_00));
/// ```
#[diagnostic::on_unimplemented(
    message = "a field of a command or a form cannot have the type `{Self}`",
    label = "not a type that users can fill in",
    note = "fields are `String`, numbers, `bool`, `Duration`, `SystemTime`, `Jid`, `Secret`, an enum with `#[derive(Choice)]`, or an `Option` or `Vec` of these",
    note = "implement `couplet_bot::Arg` for a type of your own"
)]
pub trait Arg: Sized {
    /// What users fill in.
    const TYPE: ArgType;

    /// Reads the texts that a user gave: one, several for a list or several lines, none for no value.
    ///
    /// # Errors
    ///
    /// What is wrong with them; [`Problem::Missing`] where there has to be a value.
    fn from_text(values: &[String]) -> Result<Self, Problem>;

    /// Returns the texts that [`from_text`](Arg::from_text) reads as this value.
    fn to_text(&self) -> Vec<String>;
}

/// What users fill in: the kind of value, whether it may be absent, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgType {
    kind: Kind,
    is_optional: bool,
    is_list: bool,
    is_secret: bool,
    options: &'static [ChoiceOption],
}

impl ArgType {
    /// Creates the type of one value that has to be given.
    pub const fn new(kind: Kind) -> ArgType {
        ArgType {
            kind,
            is_optional: false,
            is_list: false,
            is_secret: false,
            options: &[],
        }
    }

    /// Creates the type of one value out of these options.
    pub const fn choice(options: &'static [ChoiceOption]) -> ArgType {
        ArgType {
            options,
            ..ArgType::new(Kind::Choice)
        }
    }

    /// Returns this type, but the value may be absent.
    #[must_use]
    pub const fn optional(self) -> ArgType {
        ArgType {
            is_optional: true,
            ..self
        }
    }

    /// Returns this type, but there may be any number of values.
    #[must_use]
    pub const fn list(self) -> ArgType {
        ArgType {
            is_optional: true,
            is_list: true,
            ..self
        }
    }

    /// Returns this type, but the value is never shown, logged or stored.
    #[must_use]
    pub const fn secret(self) -> ArgType {
        ArgType {
            is_secret: true,
            ..self
        }
    }

    /// Returns the kind of value.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether the value may be absent.
    pub const fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Returns whether there may be any number of values.
    pub const fn is_list(&self) -> bool {
        self.is_list
    }

    /// Returns whether the value is never shown, logged or stored.
    pub const fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// Returns the options of a choice; empty for other kinds.
    pub const fn options(&self) -> &'static [ChoiceOption] {
        self.options
    }
}

/// Several values are the lines of one text. (XEP-0004, 3.3: text-multi)
impl Arg for String {
    const TYPE: ArgType = ArgType::new(Kind::Text);

    fn from_text(values: &[String]) -> Result<String, Problem> {
        match values {
            [] => Err(Problem::Missing),
            [one] => Ok(one.clone()),
            lines => Ok(lines.join("\n")),
        }
    }

    fn to_text(&self) -> Vec<String> {
        vec![self.clone()]
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Arg for $integer {
            const TYPE: ArgType = ArgType::new(Kind::Integer);

            fn from_text(values: &[String]) -> Result<$integer, Problem> {
                let number = integer(first(values)?)?;
                <$integer>::try_from(number).map_err(|_| match number < 0 {
                    true => Problem::TooSmall(<$integer>::MIN.to_string()),
                    false => Problem::TooLarge(<$integer>::MAX.to_string()),
                })
            }

            fn to_text(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// Reads an integer of any type here: all fit into 128 bits.
fn integer(text: &str) -> Result<i128, Problem> {
    text.parse()
        .map_err(|_not_an_integer| Problem::Unreadable(Kind::Integer))
}

macro_rules! floats {
    ($($float:ty)*) => {$(
        impl Arg for $float {
            const TYPE: ArgType = ArgType::new(Kind::Number);

            fn from_text(values: &[String]) -> Result<$float, Problem> {
                let number = first(values)?.parse::<$float>().ok();
                number
                    .filter(|number| number.is_finite())
                    .ok_or(Problem::Unreadable(Kind::Number))
            }

            fn to_text(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

floats!(f32 f64);

/// No value is `false`: some clients leave out an empty check box.
impl Arg for bool {
    const TYPE: ArgType = ArgType::new(Kind::Boolean);

    fn from_text(values: &[String]) -> Result<bool, Problem> {
        let Some(text) = values.first() else {
            return Ok(false);
        };
        match text.trim().to_lowercase().as_str() {
            "1" | "true" | "yes" | "y" | "on" => Ok(true),
            "0" | "false" | "no" | "n" | "off" => Ok(false),
            _ => Err(Problem::Unreadable(Kind::Boolean)),
        }
    }

    fn to_text(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl Arg for Duration {
    const TYPE: ArgType = ArgType::new(Kind::Duration);

    fn from_text(values: &[String]) -> Result<Duration, Problem> {
        duration(first(values)?)
    }

    fn to_text(&self) -> Vec<String> {
        vec![humantime::format_duration(*self).to_string()]
    }
}

fn duration(text: &str) -> Result<Duration, Problem> {
    humantime::parse_duration(text).map_err(|_not_one| Problem::Unreadable(Kind::Duration))
}

impl Arg for SystemTime {
    const TYPE: ArgType = ArgType::new(Kind::Time);

    fn from_text(values: &[String]) -> Result<SystemTime, Problem> {
        time(first(values)?)
    }

    fn to_text(&self) -> Vec<String> {
        vec![humantime::format_rfc3339(*self).to_string()]
    }
}

fn time(text: &str) -> Result<SystemTime, Problem> {
    humantime::parse_rfc3339_weak(text).map_err(|_not_one| Problem::Unreadable(Kind::Time))
}

macro_rules! addresses {
    ($($address:ty)*) => {$(
        impl Arg for $address {
            const TYPE: ArgType = ArgType::new(Kind::Address);

            fn from_text(values: &[String]) -> Result<$address, Problem> {
                let text = first(values)?;
                let text = text.strip_prefix("xmpp:").unwrap_or(text);
                <$address>::new(text).map_err(|_not_one| Problem::Unreadable(Kind::Address))
            }

            fn to_text(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

addresses!(Jid BareJid);

impl Arg for Secret {
    const TYPE: ArgType = ArgType::new(Kind::Text).secret();

    fn from_text(values: &[String]) -> Result<Secret, Problem> {
        values.first().map(Secret::new).ok_or(Problem::Missing)
    }

    fn to_text(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<T: Arg> Arg for Option<T> {
    const TYPE: ArgType = T::TYPE.optional();

    fn from_text(values: &[String]) -> Result<Option<T>, Problem> {
        match values {
            [] => Ok(None),
            _ => T::from_text(values).map(Some),
        }
    }

    fn to_text(&self) -> Vec<String> {
        self.as_ref().map(T::to_text).unwrap_or_default()
    }
}

impl<T: Arg> Arg for Vec<T> {
    const TYPE: ArgType = T::TYPE.list();

    fn from_text(values: &[String]) -> Result<Vec<T>, Problem> {
        values.chunks(1).map(T::from_text).collect()
    }

    fn to_text(&self) -> Vec<String> {
        self.iter().flat_map(T::to_text).collect()
    }
}

fn first(values: &[String]) -> Result<&str, Problem> {
    values
        .first()
        .map(|text| text.trim())
        .ok_or(Problem::Missing)
}

/// Checks a text that is of this kind against the limits of its field: those of a text are in
/// characters.
pub(crate) fn check_limits(
    kind: Kind,
    text: &str,
    min: Option<&str>,
    max: Option<&str>,
) -> Result<(), Problem> {
    let (below, above) = match kind {
        Kind::Integer => outside(integer, text, min, max)?,
        Kind::Number => outside(number, text, min, max)?,
        Kind::Duration => outside(duration, text, min, max)?,
        Kind::Time => outside(time, text, min, max)?,
        Kind::Text => {
            let length = text.chars().count().to_string();
            let limits = outside(integer, &length, min, max)?;
            return match limits {
                (Some(least), _) => Err(Problem::TooShort(least.to_owned())),
                (_, Some(most)) => Err(Problem::TooLong(most.to_owned())),
                _ => Ok(()),
            };
        }
        Kind::Boolean | Kind::Address | Kind::Choice => (None, None),
    };
    match (below, above) {
        (Some(least), _) => Err(Problem::TooSmall(least.to_owned())),
        (_, Some(most)) => Err(Problem::TooLarge(most.to_owned())),
        _ => Ok(()),
    }
}

fn number(text: &str) -> Result<f64, Problem> {
    f64::from_text(&[text.to_owned()])
}

/// Returns the limits that a text is outside of.
fn outside<'a, T: PartialOrd>(
    read: fn(&str) -> Result<T, Problem>,
    text: &str,
    min: Option<&'a str>,
    max: Option<&'a str>,
) -> Result<(Option<&'a str>, Option<&'a str>), Problem> {
    let value = read(text.trim())?;
    let below = match min {
        Some(min) if value < read(min)? => Some(min),
        _ => None,
    };
    let above = match max {
        Some(max) if value > read(max)? => Some(max),
        _ => None,
    };
    Ok((below, above))
}
