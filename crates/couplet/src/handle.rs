//! [`Handle`]: sends stanzas and requests as any address of the domain.
//!
//! A [`Handle`] is cheap to clone and outlives sessions. Stanzas that are sent while the component is
//! offline wait in the outbox.

use std::{fmt, sync::Arc, time::Duration};

use couplet_core::{jid::Jid, outgoing::Outgoing, stanza::IqType, stanza_writer::InvalidStanza};
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::AsXml;

#[cfg(all(unix, feature = "app"))]
use crate::bounces::Bounces;
use crate::{
    broadcast::BroadcastSender,
    response::{FromResponse, RequestError},
    send_error::SendError,
    sent_id::SentId,
    shared::Shared,
};

/// Sends stanzas and requests from one address of the component's domain.
///
/// [`Incoming::handle`](crate::Incoming::handle) returns a handle for the address that the stanza was
/// sent to, [`Component::handle`](crate::Component::handle) one for the domain, and
/// [`Handle::with_from`] one for any other address. A handle is an address and a pointer, so a program
/// may have very many.
///
/// # Examples
///
/// ```
/// use couplet::{Handle, Outgoing, PresenceType, SentId};
///
/// async fn welcome(handle: &Handle, user: &couplet::Jid) -> Result<SentId, couplet::SendError> {
///     let bot = handle.with_from(&"bot@echo.localhost".parse().unwrap()).unwrap();
///     bot.send(Outgoing::presence(PresenceType::Available, user)).await?;
///     bot.send(Outgoing::chat(user, "Welcome")).await
/// }
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    from: Jid,
    response_timeout: Duration,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, from: Jid) -> Handle {
        let response_timeout = shared.response_timeout();
        Handle {
            shared,
            from,
            response_timeout,
        }
    }

    /// Returns the address of this handle.
    ///
    /// It is the `from` of stanzas sent by the handle, and responses to its requests go there.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let handle = Component::new(Config::new("bot.localhost", "secret")).handle();
    /// assert_eq!(handle.address().as_str(), "bot.localhost");
    /// ```
    #[must_use]
    pub fn address(&self) -> &Jid {
        &self.from
    }

    /// Returns a handle for another address of the component's domain. (XEP-0114, 3)
    ///
    /// # Errors
    ///
    /// [`InvalidStanza::ForeignFrom`] for an address of another domain.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let handle = Component::new(Config::new("bot.localhost", "secret")).handle();
    /// let oslo = handle.with_from(&"oslo@bot.localhost".parse()?)?;
    /// assert_eq!(oslo.address().as_str(), "oslo@bot.localhost");
    /// assert!(handle.with_from(&"oslo@example.org".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_from(&self, address: &Jid) -> Result<Handle, InvalidStanza> {
        if !self.shared.outbox.stanza_writer().owns(address.as_str()) {
            return Err(InvalidStanza::ForeignFrom);
        }
        Ok(Handle {
            from: address.clone(),
            ..self.clone()
        })
    }

    /// Returns a handle with another response timeout for its requests. Without it the timeout is the
    /// setting `timing.request`, 30 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let handle = Component::new(Config::new("bot.localhost", "secret")).handle();
    /// let hasty = handle.within(std::time::Duration::from_secs(2));
    /// ```
    #[must_use]
    pub fn within(&self, response_timeout: Duration) -> Handle {
        Handle {
            response_timeout,
            ..self.clone()
        }
    }

    #[cfg(all(unix, feature = "app"))]
    pub(crate) fn fresh_id(&self) -> String {
        self.shared.fresh_id()
    }

    #[cfg(all(unix, feature = "app"))]
    pub(crate) fn bounces(&self) -> &Bounces {
        &self.shared.bounces
    }

    /// Returns whether the component is online now.
    ///
    /// Use it for health checks. Do not check before sending: the connection may be lost in
    /// between.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let handle = Component::new(Config::new("bot.localhost", "secret")).handle();
    /// assert!(!handle.is_online());
    /// ```
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.shared.is_online()
    }

    /// Waits until the component is online; returns at once if it is.
    ///
    /// Use it before requests that would fail with
    /// [`RequestError::Disconnected`](crate::RequestError::Disconnected). Messages and presence that are sent
    /// earlier wait in the outbox.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Empty, Jid};
    /// use xmpp_parsers::ping::Ping;
    ///
    /// let watch = Component::new(Config::new("watch.localhost", "secret")).background_task(
    ///     |handle, _shutdown| async move {
    ///         handle.online().await;
    ///         let server = Jid::new("localhost").unwrap();
    ///         println!("{:?}", handle.get::<Empty>(&server, Ping).await);
    ///     },
    /// );
    /// ```
    pub async fn online(&self) {
        self.shared.online().await;
    }

    /// Sends a message or presence and returns its id, which is a new UUID unless the stanza has one.
    ///
    /// It returns when the stanza is in the outbox, which is at once unless the outbox is full. Stanzas
    /// that were not written to the socket when a session ended are sent in the next session.
    ///
    /// # Errors
    ///
    /// [`SendError`], which contains the stanza, if the stanza is invalid or if the outbox stays full for
    /// `timing.send`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready sends nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Handle, SendErrorKind, Outgoing};
    ///
    /// async fn announce(handle: &Handle, to: &couplet::Jid) {
    ///     if let Err(unsent) = handle.send(Outgoing::chat(to, "It rains")).await {
    ///         match unsent.why() {
    ///             SendErrorKind::Full => eprintln!("later: {:?}", unsent.into_stanza()),
    ///             why => eprintln!("{why}"),
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn send(&self, stanza: Outgoing) -> Result<SentId, SendError> {
        self.shared.send(&self.from, stanza).await
    }

    /// Returns a sender of one message to very many recipients, from the address of this handle. Waits
    /// until the component is online.
    ///
    /// Copies are sent after all other stanzas, at the pace of the server: see [`BroadcastSender`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, Handle, RequestError};
    ///
    /// async fn announce(handle: &Handle, news: &Broadcast, readers: &[&str]) -> Result<(), RequestError> {
    ///     let sender = handle.broadcast().await;
    ///     sender.send(readers, |to, writer| writer.copy(news, to).unwrap_or_default()).await
    /// }
    /// ```
    pub async fn broadcast(&self) -> BroadcastSender {
        BroadcastSender::open(Arc::clone(&self.shared), self.from.clone()).await
    }

    /// Sends an IQ of type `get` and returns the parsed result. (RFC 6120, 8.2.3)
    ///
    /// Expect [`Empty`](crate::Empty) for an empty result. Only a response from `to`, to the address of
    /// this handle, with the id of the request resolves it.
    ///
    /// # Errors
    ///
    /// [`RequestError`] by cause: refused, malformed, timed out, disconnected, not sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the request; a late response is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Handle, RequestError};
    /// use xmpp_parsers::version::{VersionQuery, VersionResult};
    ///
    /// async fn software(handle: &Handle, of: &couplet::Jid) -> Result<String, RequestError> {
    ///     let version: VersionResult = handle.get(of, VersionQuery).await?;
    ///     Ok(version.name)
    /// }
    /// ```
    pub async fn get<R: FromResponse>(
        &self,
        to: &Jid,
        payload: impl IqGetPayload + AsXml,
    ) -> Result<R, RequestError> {
        let pending = self.shared.request(&self.from, IqType::Get, to, &payload)?;
        drop(payload);
        pending.answer(self.response_timeout).await
    }

    /// Sends an IQ of type `set` and returns the parsed result. (RFC 6120, 8.2.3)
    ///
    /// Otherwise like [`Handle::get`].
    ///
    /// # Errors
    ///
    /// [`RequestError`] by cause. After `TimedOut` or `Disconnected` the change may or may not
    /// have happened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the request; the peer may still apply the change.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Empty, Jid, Handle, RequestError};
    /// use xmpp_parsers::blocking::Block;
    ///
    /// async fn block(handle: &Handle, server: &Jid, whom: xmpp_parsers::jid::Jid) -> Result<(), RequestError> {
    ///     let Empty = handle.set(server, Block { items: vec![whom] }).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn set<R: FromResponse>(
        &self,
        to: &Jid,
        payload: impl IqSetPayload + AsXml,
    ) -> Result<R, RequestError> {
        let pending = self.shared.request(&self.from, IqType::Set, to, &payload)?;
        drop(payload);
        pending.answer(self.response_timeout).await
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("address", &self.from.as_str())
            .finish_non_exhaustive()
    }
}
