//! Ping. (XEP-0199)

use async_trait::async_trait;
use couplet_core::stanza_error::StanzaError;
use xmpp_parsers::ping::Ping;

use crate::{handler::IqHandler, incoming::Incoming, response::Empty};

pub(crate) struct Pong;

#[async_trait]
impl IqHandler<Ping> for Pong {
    type Response = Empty;

    async fn handle(&self, _request: Incoming<Ping>) -> Result<Empty, StanzaError> {
        Ok(Empty)
    }

    fn handle_now(&self, _request: &Incoming<Ping>) -> Option<Result<Empty, StanzaError>> {
        Some(Ok(Empty))
    }
}
