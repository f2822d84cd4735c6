//! [`State`] and [`Job`]: values that a bot stores.

use serde::{Serialize, de::DeserializeOwned};

/// A value that a bot stores per conversation, as JSON.
///
/// Derive it. [`Context::state`](crate::Context::state) reads it, [`Context::update`](crate::Context::update)
/// changes it. The type may get further fields later, with `#[serde(default)]`.
///
/// # Examples
///
/// ```
/// use couplet_bot::State;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(State, Default, Serialize, Deserialize)]
/// struct Pending(Vec<String>);
///
/// assert_eq!(Pending::NAME, "pending");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `State`",
    label = "not stored per conversation",
    note = "add `#[derive(State, Serialize, Deserialize)]`"
)]
pub trait State: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the store, which must not change when the type is renamed.
    const NAME: &'static str;
}

/// What a bot does later: a value that is stored until its handler has run.
///
/// Derive it. [`Context::after`](crate::Context::after) and [`Context::at`](crate::Context::at) schedule it, the
/// handler of [`Bot::job`](crate::Bot::job) runs it.
///
/// # Examples
///
/// ```
/// use couplet_bot::Job;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Job, Serialize, Deserialize)]
/// struct Due(String);
///
/// assert_eq!(Due::NAME, "due");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Job`",
    label = "cannot be scheduled",
    note = "add `#[derive(Job, Serialize, Deserialize)]`"
)]
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the store, which must not change when the type is renamed.
    const NAME: &'static str;
}
