//! Last activity: the uptime of the component; its bots count as online. (XEP-0012)

use async_trait::async_trait;
use couplet_core::stanza_error::{Condition, StanzaError};
use tokio::time::Instant;
use xmpp_parsers::iq::IqGetPayload;
use xso::{AsXml, FromXml};

use crate::{handler::IqHandler, incoming::Incoming};

/// The request and its response in seconds; xmpp-parsers has no type for it.
#[derive(Debug, FromXml, AsXml)]
#[xml(namespace = "jabber:iq:last", name = "query")]
pub(crate) struct Query {
    #[xml(attribute(default))]
    seconds: Option<u64>,
}

impl IqGetPayload for Query {}

/// Answers for the domain with its uptime (XEP-0012, 5), for another address that handles chats
/// with zero, which means online now (XEP-0012, 4).
pub(crate) struct Activity {
    since: Instant,
    takes_chats: bool,
}

impl Activity {
    pub(crate) fn starting_now(takes_chats: bool) -> Activity {
        Activity {
            since: Instant::now(),
            takes_chats,
        }
    }
}

#[async_trait]
impl IqHandler<Query> for Activity {
    type Response = Query;

    async fn handle(&self, request: Incoming<Query>) -> Result<Query, StanzaError> {
        let seconds = if request.stanza().to_text() == request.stanza().to_domain() {
            self.since.elapsed().as_secs()
        } else if self.takes_chats {
            0
        } else {
            return Err(Condition::ServiceUnavailable.into());
        };
        Ok(Query {
            seconds: Some(seconds),
        })
    }
}
