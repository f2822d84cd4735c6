//! Return types of handlers.

use std::borrow::Cow;

use couplet_core::{stanza_error::StanzaError, xml_writer::XmlWriter};
use xso::AsXml;

use crate::{response::Empty, send_error::SendError, sent_id::SentId};

/// A value that can be the result of an IQ: a payload or [`Empty`].
///
/// Every type that implements `xso::AsXml` implements it.
///
/// # Examples
///
/// ```
/// use couplet::{Empty, IntoResponse};
/// use xmpp_parsers::version::VersionResult;
///
/// fn can_be_a_result<T: IntoResponse>() {}
///
/// can_be_a_result::<VersionResult>();
/// can_be_a_result::<Empty>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of an IQ",
    label = "not a payload",
    note = "return a payload (`#[derive(xso::AsXml)]`), or `Empty` for the empty result"
)]
pub trait IntoResponse {
    /// Writes the child of the result, if it has one.
    ///
    /// # Errors
    ///
    /// The payload cannot be written as XML.
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error>;
}

impl<T: AsXml> IntoResponse for T {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        xml.payload(self)
    }
}

impl IntoResponse for Empty {
    fn write(&self, _xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        Ok(())
    }
}

/// A return value of a closure or an `async fn` that handles messages: `()`, a text, which becomes
/// the reply, `None` for no reply, the id of a sent stanza, or a `Result` of these with
/// [`StanzaError`]. `?` converts every error into a [`StanzaError`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Message, StanzaError};
///
/// async fn count(message: Incoming<Message>) -> Result<String, StanzaError> {
///     let number: u64 = message.text().parse()?;
///     Ok(format!("{} comes next", number + 1))
/// }
/// # let _component = couplet::Component::new(couplet::Config::new("bot.localhost", "secret")).on_chat(count);
/// ```
#[diagnostic::on_unimplemented(
    message = "a message handler cannot return `{Self}`",
    label = "not `()`, a text, or a `Result` of these with `StanzaError`",
    note = "return `Ok(())`, a `String` or `&str` as the reply, or `Result<_, StanzaError>`; `?` converts every error into a `StanzaError`"
)]
pub trait IntoReply {
    /// Whether a value may contain a reply.
    #[doc(hidden)]
    const MAY_REPLY: bool;

    /// Returns the text of the reply, if there is one.
    ///
    /// # Errors
    ///
    /// The error stanza that the sender gets.
    fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError>;
}

/// A return value of a closure or an `async fn` that handles presence: `()`, the id of a sent
/// stanza, or a `Result` of these with [`StanzaError`]. `?` converts every error into a
/// [`StanzaError`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Presence};
///
/// async fn log(presence: Incoming<Presence>) {
///     println!("{} is {:?}", presence.from(), presence.type_());
/// }
/// # let _component = couplet::Component::new(couplet::Config::new("bot.localhost", "secret")).on_presence(log);
/// ```
#[diagnostic::on_unimplemented(
    message = "a presence handler cannot return `{Self}`",
    label = "not `()` or a `Result` of it with `StanzaError`",
    note = "return `Ok(())` or `Result<(), StanzaError>`; `?` converts every error into a `StanzaError`"
)]
pub trait IntoOutcome {
    /// Returns `Ok` if the presence was handled.
    ///
    /// # Errors
    ///
    /// The error stanza that the sender gets.
    fn into_outcome(self) -> Result<(), StanzaError>;
}

macro_rules! without_reply {
    ($($type:ty),*) => {$(
        impl IntoReply for $type {
            const MAY_REPLY: bool = false;

            fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError> {
                Ok(None)
            }
        }

        impl IntoOutcome for $type {
            fn into_outcome(self) -> Result<(), StanzaError> {
                Ok(())
            }
        }
    )*};
}

without_reply!((), SentId);

macro_rules! text {
    ($($type:ty),*) => {$(
        impl IntoReply for $type {
            const MAY_REPLY: bool = true;

            fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError> {
                Ok(Some(self.into()))
            }
        }
    )*};
}

text!(String, &'static str, Cow<'static, str>);

impl<T: IntoReply> IntoReply for Option<T> {
    const MAY_REPLY: bool = T::MAY_REPLY;

    fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError> {
        self.map_or(Ok(None), IntoReply::into_reply)
    }
}

// Only one error type per value, so that the compiler infers it for a body that ends in `Ok(())`.
impl<T: IntoReply> IntoReply for Result<T, StanzaError> {
    const MAY_REPLY: bool = T::MAY_REPLY;

    fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError> {
        self.and_then(IntoReply::into_reply)
    }
}

impl IntoReply for Result<SentId, SendError> {
    const MAY_REPLY: bool = false;

    fn into_reply(self) -> Result<Option<Cow<'static, str>>, StanzaError> {
        self?;
        Ok(None)
    }
}

impl<T: IntoOutcome> IntoOutcome for Result<T, StanzaError> {
    fn into_outcome(self) -> Result<(), StanzaError> {
        self.and_then(IntoOutcome::into_outcome)
    }
}

impl IntoOutcome for Result<SentId, SendError> {
    fn into_outcome(self) -> Result<(), StanzaError> {
        self?;
        Ok(())
    }
}
