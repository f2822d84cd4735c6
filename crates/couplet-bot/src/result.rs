//! [`BotResult`]: what a handler returns.

use couplet::StanzaError;

use crate::{
    spec::{Form, FormSpec},
    table::Table,
    text::Text,
    values::Values,
};

/// What a handler of a bot returns: a [`reply`], a question ([`ask`]), nothing ([`no_reply`]), or an error.
///
/// `?` converts every error. The person reads the text of a [`StanzaError`]; of any other error only that
/// something went wrong, with a number under which the log has the cause.
///
/// # Examples
///
/// ```
/// use couplet::{Condition, StanzaError};
/// use couplet_bot::{BotResult, reply};
///
/// fn half(number: &str) -> BotResult {
///     let number: u32 = number.parse()?; // "Something went wrong (incident 4f2a)"
///     if number % 2 == 1 {
///         return Err(StanzaError::new(Condition::BadRequest).text("That is an odd number"));
///     }
///     reply(format!("{}", number / 2))
/// }
///
/// assert!(half("8").is_ok());
/// ```
pub type BotResult = Result<Reply, StanzaError>;

/// What a handler replies.
#[derive(Debug)]
pub struct Reply(pub(crate) ReplyContent);

#[derive(Debug)]
pub(crate) enum ReplyContent {
    Nothing,
    Text(Text),
    Table(Table),
    Question(&'static FormSpec, Values),
}

/// Returns a reply: a text, or a [`Table`].
///
/// # Errors
///
/// None. It returns what a handler returns.
pub fn reply(content: impl Into<Reply>) -> BotResult {
    Ok(content.into())
}

/// Asks a form: its values are those that the person finds there. The answer is a turn of the handler of
/// [`Bot::form`](crate::Bot::form).
///
/// # Errors
///
/// None. It returns what a handler returns.
#[expect(clippy::needless_pass_by_value, reason = "as `reply` does")]
pub fn ask<F: Form>(form: F) -> BotResult {
    Ok(Reply(ReplyContent::Question(F::FORM, form.to_values())))
}

/// Replies nothing.
///
/// # Errors
///
/// None. It returns what a handler returns.
pub fn no_reply() -> BotResult {
    Ok(Reply(ReplyContent::Nothing))
}

impl From<Text> for Reply {
    fn from(text: Text) -> Reply {
        Reply(ReplyContent::Text(text))
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Text::new(text).into()
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Reply {
        Text::new(text).into()
    }
}

impl From<Table> for Reply {
    fn from(table: Table) -> Reply {
        Reply(ReplyContent::Table(table))
    }
}
