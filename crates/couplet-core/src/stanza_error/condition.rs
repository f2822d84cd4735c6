//! The defined conditions of a stanza error, and what each asks the sender to do.
//! (RFC 6120, 8.3.2 and 8.3.3)

/// What a peer is to do about an error. (RFC 6120, 8.3.2)
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
    /// The word on the wire.
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

    /// Reads the word; an unknown one is `cancel`, the type that promises nothing.
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
        /// Choose the one that tells the peer what to do next; [`Condition::default_type`] goes
        /// with it.
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
            /// Every condition, in the order of RFC 6120; use it to prepare something for each,
            /// such as a counter. A condition stands at the index that `as usize` gives.
            ///
            /// # Examples
            ///
            /// ```
            /// use couplet_core::stanza_error::Condition;
            ///
            /// assert_eq!(Condition::ALL[Condition::Gone as usize], Condition::Gone);
            /// ```
            pub const ALL: &'static [Condition] = &[$(Condition::$name),*];

            /// The element name on the wire.
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

            /// The error type that RFC 6120, 8.3.3 associates with this condition.
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

            /// Reads an element name; one that RFC 6120 does not define is
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
    /// Something with that name or address exists already.
    Conflict = "conflict", Cancel;
    /// The feature is not implemented by the one it was asked of.
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// The sender has no permission.
    Forbidden = "forbidden", Auth;
    /// The address is gone for good.
    Gone = "gone", Cancel;
    /// Something failed inside.
    InternalServerError = "internal-server-error", Cancel;
    /// No such address or item.
    ItemNotFound = "item-not-found", Cancel;
    /// The address is not a valid JID.
    JidMalformed = "jid-malformed", Modify;
    /// The request does not meet criteria of the recipient.
    NotAcceptable = "not-acceptable", Modify;
    /// No one may do this.
    NotAllowed = "not-allowed", Cancel;
    /// The sender must authenticate first.
    NotAuthorized = "not-authorized", Auth;
    /// A local policy forbids it, for example a limit of size.
    PolicyViolation = "policy-violation", Modify;
    /// The recipient is away for now.
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// Somebody else serves this, for now.
    Redirect = "redirect", Modify;
    /// Register first.
    RegistrationRequired = "registration-required", Auth;
    /// A remote server does not exist.
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// Somebody needed for the answer did not answer in time.
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// There is no room for this now.
    ResourceConstraint = "resource-constraint", Wait;
    /// Nobody serves this here.
    ServiceUnavailable = "service-unavailable", Cancel;
    /// Subscribe first.
    SubscriptionRequired = "subscription-required", Auth;
    /// None of the others; an application-specific condition says more.
    UndefinedCondition = "undefined-condition", Cancel;
    /// The request is out of order.
    UnexpectedRequest = "unexpected-request", Wait;
}
