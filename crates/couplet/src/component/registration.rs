//! Options of registered handlers: deadlines, replacement, middleware, extensions.

use std::{sync::Arc, time::Duration};

use super::{Component, Extension};
use crate::route::{Middleware, Registration, Scope};

impl Component {
    /// Sets the deadline of the handlers that `register` adds, instead of `timing.handler`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let slow = Component::new(Config::new("slow.localhost", "secret"))
    ///     .within(Duration::from_secs(120), |component| {
    ///         component.on_chat(|chat: Incoming<Message>| async move { chat.reply("At last").await })
    ///     });
    /// ```
    pub fn within(
        self,
        limit: Duration,
        register: impl FnOnce(Component) -> Component,
    ) -> Component {
        self.scoped(|scope| scope.limit = Some(limit), register)
    }

    /// Lets the handlers that `register` adds replace earlier handlers of the same route. Without it,
    /// registering a second handler for a route panics.
    ///
    /// Use it to override a handler of an [`Extension`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Yes").await })
    ///     .replace(|bot| bot.on_chat(|chat: Incoming<Message>| async move { chat.reply("No").await }));
    /// ```
    pub fn replace(self, register: impl FnOnce(Component) -> Component) -> Component {
        self.scoped(|scope| scope.replaces = true, register)
    }

    /// Adds middleware around every handler of the component, before or after this call. The first
    /// layer is the outermost. The built-in [features](crate::Feature) run without middleware.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, middleware::AllowList};
    ///
    /// let internal = Component::new(Config::new("bot.localhost", "secret"))
    ///     .layer(AllowList::new().domain("localhost"));
    /// ```
    pub fn layer(mut self, middleware: impl Middleware) -> Component {
        self.layers.push(Arc::new(middleware));
        self
    }

    /// Installs an extension: its handlers, discovery, hooks, background tasks and middleware.
    ///
    /// If the installation fails, [`Component::run`] returns its error. If two extensions register a
    /// handler for the same route, the panic names both.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Extension};
    ///
    /// fn with(extension: impl Extension) -> Component {
    ///     Component::new(Config::new("news.localhost", "secret")).extend(extension)
    /// }
    /// ```
    pub fn extend(self, extension: impl Extension) -> Component {
        if self.failed.is_some() {
            return self;
        }
        let config = self.config.clone();
        let name = extension.name().into();
        self.scoped(
            |scope| scope.extension = Some(name),
            |component| {
                extension.install(component).unwrap_or_else(|error| {
                    let mut component = Component::new(config);
                    component.failed = Some(error);
                    component
                })
            },
        )
    }

    /// Changes the scope for the handlers that `register` adds.
    fn scoped(
        mut self,
        change: impl FnOnce(&mut Scope),
        register: impl FnOnce(Component) -> Component,
    ) -> Component {
        let outer = self.scope.clone();
        change(&mut self.scope);
        let mut component = register(self);
        component.scope = outer;
        component
    }

    /// Returns the registration of a handler by the caller.
    #[track_caller]
    pub(super) fn registration(&self) -> Registration {
        Registration::in_scope(self.scope.clone())
    }
}
