//! [`CrashTest`]: the subscribers and the control of processes that case 100 needs.
//!
//! The operator implements how a process is found, killed and started.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

/// The process to kill in case 100.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::CrashTarget;
///
/// assert_ne!(CrashTarget::Service, CrashTarget::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashTarget {
    /// The pubsub service.
    Service,
    /// The server that it is part of or connected to, which is also the accounts' server.
    Server,
}

/// Kills and starts a service and its server.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::{ProcessControl, CrashTarget};
///
/// struct Pretend;
///
/// #[async_trait::async_trait]
/// impl ProcessControl for Pretend {
///     async fn kill(&self, _victim: CrashTarget) -> std::io::Result<()> {
///         Ok(())
///     }
///     async fn start(&self, _victim: CrashTarget) -> std::io::Result<()> {
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait ProcessControl: Send + Sync {
    /// Kills the process as a power failure would; it is gone when this returns.
    ///
    /// # Errors
    ///
    /// The process cannot be killed; the case fails with this error.
    ///
    /// # Cancel safety
    ///
    /// The future is only dropped together with the whole run.
    async fn kill(&self, target: CrashTarget) -> io::Result<()>;

    /// Starts the process again, without waiting until it is ready.
    ///
    /// # Errors
    ///
    /// The process cannot be started; the case fails with this error.
    ///
    /// # Cancel safety
    ///
    /// The future is only dropped together with the whole run.
    async fn start(&self, target: CrashTarget) -> io::Result<()>;
}

/// The settings of case 100.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use pubsub_conformance::{ProcessControl, CrashTest, CrashTarget};
///
/// # struct Pretend;
/// # #[async_trait::async_trait]
/// # impl ProcessControl for Pretend {
/// #     async fn kill(&self, _victim: CrashTarget) -> std::io::Result<()> { Ok(()) }
/// #     async fn start(&self, _victim: CrashTarget) -> std::io::Result<()> { Ok(()) }
/// # }
/// let crash_test = CrashTest {
///     sink: "sink.localhost:secret@127.0.0.1:5347".parse()?,
///     control: Arc::new(Pretend),
///     subscribers: 10_000,
///     rounds: 10,
/// };
/// assert_eq!(crash_test.sink.domain, "sink.localhost");
/// # Ok::<(), pubsub_conformance::BadSink>(())
/// ```
#[derive(Clone)]
pub struct CrashTest {
    /// The component of the subscribers.
    pub sink: Sink,
    /// Controls the processes.
    pub control: Arc<dyn ProcessControl>,
    /// The number of subscribers of a node.
    pub subscribers: usize,
    /// The number of times that each of the two processes is killed.
    pub rounds: usize,
}

impl fmt::Debug for CrashTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ordeal")
            .field("sink", &self.sink)
            .field("subscribers", &self.subscribers)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}

/// A component for the runner itself (XEP-0114), whose addresses are the many subscribers.
///
/// `Debug` does not show the secret.
///
/// # Examples
///
/// ```
/// let sink: pubsub_conformance::Sink = "sink.localhost:s3cret@127.0.0.1:5347".parse()?;
/// assert_eq!(sink.address, "127.0.0.1:5347");
/// # Ok::<(), pubsub_conformance::BadSink>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Sink {
    /// Its domain.
    pub domain: String,
    /// Its secret.
    pub secret: String,
    /// Host and port of the server for components.
    pub address: String,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("domain", &self.domain)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl FromStr for Sink {
    type Err = BadSink;

    fn from_str(text: &str) -> Result<Sink, BadSink> {
        let (domain, rest) = text.split_once(':').ok_or(BadSink)?;
        let (secret, address) = rest.rsplit_once('@').ok_or(BadSink)?;
        if domain.is_empty() || !address.contains(':') {
            return Err(BadSink);
        }
        Ok(Sink {
            domain: domain.to_owned(),
            secret: secret.to_owned(),
            address: address.to_owned(),
        })
    }
}

/// The error of a text that is not a component.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::Sink;
///
/// let error = "sink.localhost".parse::<Sink>().unwrap_err();
/// assert_eq!(error.to_string(), "write a component as domain:secret@host:port");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSink;

impl fmt::Display for BadSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a component as domain:secret@host:port")
    }
}

impl std::error::Error for BadSink {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_hold_what_separates_the_rest() {
        let sink: Sink = "sink.localhost:a@b:c@127.0.0.1:5347".parse().unwrap();
        assert_eq!((&*sink.secret, &*sink.address), ("a@b:c", "127.0.0.1:5347"));
        assert!(!format!("{sink:?}").contains("a@b:c"));
    }
}
