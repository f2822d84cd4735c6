use couplet::{Incoming, IqHandler, StanzaError, async_trait};
use xmpp_parsers::ping::Ping;

struct Pong;

#[async_trait]
impl IqHandler for Pong {
    type Request = Ping;
    type Response = ();

    async fn handle(&self, _ask: Incoming<Ping>) -> Result<(), StanzaError> {
        Ok(())
    }
}

fn main() {}
