//! [`Text`]: a message to read.

/// A text that a person wrote, or that the bot writes.
///
/// # Examples
///
/// ```
/// use couplet_bot::Text;
///
/// let alert = Text::new("The kettle is on fire").important();
/// assert_eq!(alert.text(), "The kettle is on fire");
/// assert!(Text::new("/me waves").is_action());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    is_important: bool,
}

impl Text {
    /// Creates a text that is sent as it is written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Text {
        Text {
            text: text.into(),
            is_important: false,
        }
    }

    /// Asks for a receipt and a displayed marker when the text is sent. (XEP-0184, XEP-0333)
    #[must_use]
    pub fn important(self) -> Text {
        Text {
            is_important: true,
            ..self
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the text describes an action of its writer: it begins with `/me `. (XEP-0245)
    #[must_use]
    pub fn is_action(&self) -> bool {
        self.text.starts_with("/me ")
    }

    pub(crate) fn is_important(&self) -> bool {
        self.is_important
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::new(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::new(text)
    }
}
