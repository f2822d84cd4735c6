//! Handles contact requests. (RFC 6121, 3.1)

use async_trait::async_trait;
use couplet::{Incoming, Outgoing, Presence, PresenceHandler, PresenceType, StanzaError};

/// Declines contact requests: the service has no presence to share, and an unanswered request stays
/// pending and is sent again at each login.
pub(super) struct DeclineContacts;

#[async_trait]
impl PresenceHandler for DeclineContacts {
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        let declined = Outgoing::presence(PresenceType::Unsubscribed, presence.from());
        presence.handle().send(declined).await?;
        Ok(())
    }
}
