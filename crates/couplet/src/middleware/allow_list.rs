//! [`AllowList`].

use std::collections::HashSet;

use async_trait::async_trait;
use couplet_core::{
    jid::Jid,
    stanza::Stanza,
    stanza_error::{Condition, StanzaError},
};

use super::{Handled, Middleware, Next};
use crate::incoming::Incoming;

/// Lets only some senders reach the handlers; the others get `forbidden`.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Incoming, Message, middleware::AllowList};
///
/// let allowed = AllowList::new().domain("example.org").address("bob@example.net")?;
/// let bot = Component::new(Config::new("bot.localhost", "secret"))
///     .layer(allowed)
///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Welcome").await });
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    domains: HashSet<String>,
    addresses: HashSet<String>,
}

impl AllowList {
    /// Creates a list that allows no sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::middleware::AllowList;
    ///
    /// assert!(!AllowList::new().allows(&"alice@example.org".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn new() -> AllowList {
        AllowList::default()
    }

    /// Allows every address of a domain, not those of its subdomains.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::middleware::AllowList;
    ///
    /// let ours = AllowList::new().domain("Example.org");
    /// assert!(ours.allows(&"alice@example.org/phone".parse().unwrap()));
    /// assert!(!ours.allows(&"alice@rooms.example.org".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn domain(mut self, domain: &str) -> AllowList {
        // An invalid domain matches no sender.
        if let Ok(domain) = Jid::new(domain) {
            self.domains.insert(domain.prepared().to_owned());
        }
        self
    }

    /// Allows one address, with every resource.
    ///
    /// # Errors
    ///
    /// The text is not an address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::middleware::AllowList;
    ///
    /// let alice = AllowList::new().address("alice@example.org")?;
    /// assert!(alice.allows(&"Alice@example.org/phone".parse()?));
    /// # Ok::<(), couplet::InvalidJid>(())
    /// ```
    pub fn address(mut self, address: &str) -> Result<AllowList, couplet_core::jid::InvalidJid> {
        let address = Jid::new(address)?.to_bare();
        self.addresses.insert(address.prepared().to_owned());
        Ok(self)
    }

    /// Returns whether stanzas of this sender reach the handlers.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::middleware::AllowList;
    ///
    /// let ours = AllowList::new().domain("example.org");
    /// assert!(ours.allows(&"example.org".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn allows(&self, sender: &Jid) -> bool {
        self.domains.contains(sender.to_domain().prepared())
            || self.addresses.contains(sender.to_bare().prepared())
    }
}

#[async_trait]
impl Middleware for AllowList {
    async fn handle(&self, stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError> {
        if !self.allows(stanza.from()) {
            return Err(Condition::Forbidden.into());
        }
        next.run(stanza).await
    }
}
