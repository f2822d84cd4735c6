//! Last activity: for a component, how long it has been up. (XEP-0012, 5)

use async_trait::async_trait;
use couplet_core::refusal::Refusal;
use tokio::time::Instant;
use xmpp_parsers::iq::IqGetPayload;
use xso::{AsXml, FromXml};

use crate::{handler::IqHandler, incoming::Incoming};

/// Asks, and answers with seconds: xmpp-parsers has no type for it.
#[derive(Debug, FromXml, AsXml)]
#[xml(namespace = "jabber:iq:last", name = "query")]
pub(crate) struct Query {
    #[xml(attribute(default))]
    seconds: Option<u64>,
}

impl IqGetPayload for Query {}

pub(crate) struct Uptime(Instant);

impl Uptime {
    pub(crate) fn starting_now() -> Uptime {
        Uptime(Instant::now())
    }
}

#[async_trait]
impl IqHandler for Uptime {
    type Request = Query;
    type Response = Query;

    async fn handle(&self, _ask: Incoming<Query>) -> Result<Query, Refusal> {
        Ok(Query {
            seconds: Some(self.0.elapsed().as_secs()),
        })
    }
}
