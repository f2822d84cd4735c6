//! [`Handler`]: what authors write.

use std::{future::Future, pin::Pin};

use crate::{context::Context, result::BotResult};

/// A handler of commands, forms, jobs or texts: an `async fn` or a closure that takes one [`Context`].
///
/// For a handler with state see [`with`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{T}`",
    label = "not a handler",
    note = "write `async fn name(ctx: Context<{T}>) -> BotResult`"
)]
pub trait Handler<T>: Send + Sync + 'static {
    /// Handles one.
    fn handle(&self, ctx: Context<T>) -> Handling;
}

/// The future of a handler.
pub type Handling = Pin<Box<dyn Future<Output = BotResult> + Send>>;

impl<T, F, Fut> Handler<T> for F
where
    F: Fn(Context<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = BotResult> + Send + 'static,
{
    fn handle(&self, ctx: Context<T>) -> Handling {
        Box::pin(self(ctx))
    }
}

/// Gives a handler a clone of a value, such as an `Arc`, as its second argument.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use couplet_bot::{Bot, BotResult, Context, Text, reply, with};
///
/// struct Menu(Vec<String>);
///
/// async fn on_text(ctx: Context<Text>, menu: Arc<Menu>) -> BotResult {
///     match menu.0.contains(&ctx.text().to_owned()) {
///         true => reply("Here it is"),
///         false => reply(format!("We have {}", menu.0.join(", "))),
///     }
/// }
///
/// let menu = Arc::new(Menu(vec!["tea".to_owned(), "cake".to_owned()]));
/// let bot = Bot::new("waiter").text(with(menu, on_text));
/// ```
pub fn with<S, T, Fut>(
    state: S,
    handler: impl Fn(Context<T>, S) -> Fut + Send + Sync + 'static,
) -> impl Fn(Context<T>) -> Fut + Send + Sync + 'static
where
    S: Clone + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    move |ctx| handler(ctx, state.clone())
}
