//! Handles messages to the service: bounced notifications, and owners' answers to approval forms.

use std::sync::Arc;

use async_trait::async_trait;
use couplet::{Condition, ErrorType, Incoming, Message, MessageHandler, RemoteError, StanzaError};

use crate::{clock, codec, node::NodeId, service_context::ServiceContext};

/// Handles bounced notifications. (XEP-0060, 12.4)
pub(super) struct Bounces(pub(super) Arc<ServiceContext>);

#[async_trait]
impl MessageHandler for Bounces {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        let node = message.id().and_then(|id| sent_as(&id));
        let (Some(error), Some(node)) = (message.error(), node) else {
            return Ok(());
        };
        let (from, permanent) = (message.from().clone(), is_permanent(&error));
        drop((message, error));
        let named = self.0.store.node_named(node).await;
        let Ok(Some(name)) = named else {
            return Ok(());
        };
        let now = clock::now();
        self.0.engine.bounced(&from, &name, permanent, now).await;
        Ok(())
    }
}

/// Handles owners' answers to approval forms. (XEP-0060, 8.6)
pub(super) struct Approvals(pub(super) Arc<ServiceContext>);

#[async_trait]
impl MessageHandler for Approvals {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        let Some(approval) = codec::approval(&message) else {
            return Ok(());
        };
        let from = message.from().clone();
        drop(message);
        let approved = self.0.engine.approve(&from, approval, clock::now()).await;
        if let Err(why) = approved {
            tracing::debug!(%from, error = ?why, "answer to an approval form ignored");
        }
        Ok(())
    }
}

/// Returns the node from the id of a notification.
fn sent_as(id: &str) -> Option<NodeId> {
    let mut parts = id.split('-');
    let node = i64::from_str_radix(parts.next()?, 16).ok()?;
    for _seq_and_hash in 0..2 {
        u64::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(NodeId(node))
}

/// Returns whether the error is permanent. An unreachable server or an offline user is reported
/// with `cancel` too, and is temporary. (RFC 6121, 8.5)
fn is_permanent(error: &RemoteError) -> bool {
    let is_away = matches!(
        error.condition,
        Condition::RecipientUnavailable
            | Condition::RemoteServerNotFound
            | Condition::RemoteServerTimeout
            | Condition::ServiceUnavailable
    );
    matches!(error.error_type, ErrorType::Cancel | ErrorType::Auth) && !is_away
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::message_id;

    #[test]
    fn the_id_of_a_notification_leads_back_to_its_node() {
        let id = message_id(NodeId(0xBEEF), 300, "alice@example.org", "a");
        assert_eq!(sent_as(&id), Some(NodeId(0xBEEF)));
        for foreign in ["", "x", "12", "12-zz-1", "1-2", "1-2-3-4", "purple47"] {
            assert_eq!(sent_as(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn every_subscriber_gets_an_id_of_its_own() {
        let id = |to| message_id(NodeId(1), 2, to, "a");
        assert_ne!(id("alice@example.org"), id("alice@example.org/phone"));
        assert_eq!(id("alice@example.org"), id("alice@example.org"));
    }
}
