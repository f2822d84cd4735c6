//! [`with`]: shared state for closures and functions.

use std::future::Future;

use crate::incoming::Incoming;

/// Creates a handler that calls `handler` with a clone of `state` each time.
///
/// Use it to pass state to an `async fn` or a closure; wrap the state in an `Arc` to make the clone
/// cheap. A type with fields that implements a handler trait needs no clones.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use couplet::{Component, Config, Incoming, Message, with};
///
/// async fn count(seen: Arc<AtomicU64>, _chat: Incoming<Message>) -> String {
///     format!("You are number {}", seen.fetch_add(1, Ordering::Relaxed) + 1)
/// }
///
/// let counter = Component::new(Config::new("count.localhost", "secret"))
///     .on_chat(with(Arc::default(), count));
/// ```
pub fn with<S, T, Fut>(
    state: S,
    handler: impl Fn(S, Incoming<T>) -> Fut + Send + Sync + 'static,
) -> impl Fn(Incoming<T>) -> Fut + Send + Sync + 'static
where
    S: Clone + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    move |incoming| handler(state.clone(), incoming)
}
