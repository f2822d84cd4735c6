//! [`Extension`]: a plug-in of a component.

use super::Component;
use crate::error::Error;

/// A plug-in of a component: handlers, discovery, hooks, background tasks and middleware under one name.
///
/// Install it with [`Component::extend`](crate::Component::extend). Crates that add a service to
/// components offer an extension; `couplet_pubsub::Pubsub` is one.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Error, Extension, Incoming};
/// use xmpp_parsers::version::{VersionQuery, VersionResult};
///
/// struct Branded(&'static str);
///
/// impl Extension for Branded {
///     fn name(&self) -> &str {
///         "branded"
///     }
///
///     fn install(self, component: Component) -> Result<Component, Error> {
///         let name = self.0;
///         Ok(component.named(name).on_get(move |_: Incoming<VersionQuery>| async move {
///             Ok(VersionResult { name: name.into(), version: "1".into(), os: None })
///         }))
///     }
/// }
///
/// let weather = Component::new(Config::new("weather.localhost", "secret")).extend(Branded("Weather"));
/// ```
pub trait Extension {
    /// Returns the name for error messages and the log.
    fn name(&self) -> &str;

    /// Adds the handlers and other parts of the extension to the component.
    ///
    /// # Errors
    ///
    /// The extension cannot work, for example [`Error::App`]. [`Component::run`] returns the error
    /// and does not connect.
    fn install(self, component: Component) -> Result<Component, Error>;
}
