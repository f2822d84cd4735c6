//! Stanza error conditions and their types. (RFC 6120, 8.3.2 and 8.3.3)

/// The type of an error: what the sender should do about it. (RFC 6120, 8.3.2)
///
/// # Examples
///
/// ```
/// use couplet_core::stanza_error::{Condition, ErrorType};
///
/// assert_eq!(Condition::ResourceConstraint.default_type(), ErrorType::Wait);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Proceed: the condition was only a warning.
    Continue,
    /// Retry after changing the data sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// Returns the value of the attribute `type`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::stanza_error::ErrorType::Modify.as_str(), "modify");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }

    /// Parses the attribute; an unknown value is `cancel`, which suggests no retry.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::ErrorType;
    ///
    /// assert_eq!(ErrorType::from_wire("wait"), ErrorType::Wait);
    /// assert_eq!(ErrorType::from_wire("bogus"), ErrorType::Cancel);
    /// ```
    #[must_use]
    pub fn from_wire(word: &str) -> ErrorType {
        match word {
            "auth" => ErrorType::Auth,
            "continue" => ErrorType::Continue,
            "modify" => ErrorType::Modify,
            "wait" => ErrorType::Wait,
            _ => ErrorType::Cancel,
        }
    }
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $kind:ident;)*) => {
        /// A defined stanza error condition. (RFC 6120, 8.3.3)
        ///
        /// Choose the one that says what the peer should do next; it has a type of its own, see
        /// [`Condition::default_type`].
        ///
        /// # Examples
        ///
        /// ```
        /// use couplet_core::stanza_error::{Condition, StanzaError};
        ///
        /// let no = StanzaError::from(Condition::ItemNotFound);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Condition { $($(#[$doc])* $name,)* }

        impl Condition {
            /// All conditions, in the order of RFC 6120. Use it to prepare something for each, such
            /// as a counter. The index of a condition is its value `as usize`.
            ///
            /// # Examples
            ///
            /// ```
            /// use couplet_core::stanza_error::Condition;
            ///
            /// assert_eq!(Condition::ALL[Condition::Gone as usize], Condition::Gone);
            /// ```
            pub const ALL: &'static [Condition] = &[$(Condition::$name),*];

            /// Returns the name of the element.
            ///
            /// # Examples
            ///
            /// ```
            /// assert_eq!(couplet_core::stanza_error::Condition::Gone.as_str(), "gone");
            /// ```
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Condition::$name => $word,)* }
            }

            /// Returns the error type that RFC 6120, 8.3.3 associates with this condition.
            ///
            /// # Examples
            ///
            /// ```
            /// use couplet_core::stanza_error::{Condition, ErrorType};
            ///
            /// assert_eq!(Condition::Forbidden.default_type(), ErrorType::Auth);
            /// ```
            #[must_use]
            pub fn default_type(self) -> ErrorType {
                match self { $(Condition::$name => ErrorType::$kind,)* }
            }

            /// Parses an element name; a name that RFC 6120 does not define is
            /// `undefined-condition`.
            ///
            /// # Examples
            ///
            /// ```
            /// use couplet_core::stanza_error::Condition;
            ///
            /// assert_eq!(Condition::from_wire("gone"), Condition::Gone);
            /// assert_eq!(Condition::from_wire("bogus"), Condition::UndefinedCondition);
            /// ```
            #[must_use]
            pub fn from_wire(word: &str) -> Condition {
                match word { $($word => Condition::$name,)* _ => Condition::UndefinedCondition }
            }
        }
    };
}

conditions! {
    /// The XML is malformed or does not follow the schema.
    BadRequest = "bad-request", Modify;
    /// An item with that name or address exists already.
    Conflict = "conflict", Cancel;
    /// The recipient does not implement the feature.
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// The sender has no permission.
    Forbidden = "forbidden", Auth;
    /// The address is permanently gone.
    Gone = "gone", Cancel;
    /// An internal error of the recipient.
    InternalServerError = "internal-server-error", Cancel;
    /// The address or item does not exist.
    ItemNotFound = "item-not-found", Cancel;
    /// The address is not a valid JID.
    JidMalformed = "jid-malformed", Modify;
    /// The request does not meet the recipient's criteria.
    NotAcceptable = "not-acceptable", Modify;
    /// The action is not allowed for any entity.
    NotAllowed = "not-allowed", Cancel;
    /// The sender must authenticate first.
    NotAuthorized = "not-authorized", Auth;
    /// A local policy forbids the request, for example a size limit.
    PolicyViolation = "policy-violation", Modify;
    /// The recipient is temporarily unavailable.
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// Another entity serves this request, temporarily.
    Redirect = "redirect", Modify;
    /// The sender must register first.
    RegistrationRequired = "registration-required", Auth;
    /// A remote server does not exist.
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// A remote server did not answer in time.
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// The recipient lacks the resources at the moment.
    ResourceConstraint = "resource-constraint", Wait;
    /// The recipient does not provide the service.
    ServiceUnavailable = "service-unavailable", Cancel;
    /// The sender must subscribe first.
    SubscriptionRequired = "subscription-required", Auth;
    /// None of the other conditions; use it with an application-specific one.
    UndefinedCondition = "undefined-condition", Cancel;
    /// The request is out of order, unexpected at this time.
    UnexpectedRequest = "unexpected-request", Wait;
}
