//! Ping: "are you there?" (XEP-0199)

use async_trait::async_trait;
use couplet_core::stanza_error::StanzaError;
use xmpp_parsers::ping::Ping;

use crate::{answer::Done, handler::IqHandler, incoming::Incoming};

pub(crate) struct Pong;

#[async_trait]
impl IqHandler for Pong {
    type Request = Ping;
    type Response = Done;

    async fn handle(&self, _ask: Incoming<Ping>) -> Result<Done, StanzaError> {
        Ok(Done)
    }

    fn handle_now(&self, _ask: &Incoming<Ping>) -> Option<Result<Done, StanzaError>> {
        Some(Ok(Done))
    }
}
