//! Entity time: the wall clock, in UTC. (XEP-0202)
//!
//! Only this module reads the wall clock for peers.

use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use couplet_core::stanza_error::StanzaError;
use xmpp_parsers::time::{TimeQuery, TimeResult};

use crate::{handler::IqHandler, incoming::Incoming};

pub(crate) struct Clock;

#[async_trait]
impl IqHandler<TimeQuery> for Clock {
    type Response = TimeResult;

    async fn handle(&self, _request: Incoming<TimeQuery>) -> Result<TimeResult, StanzaError> {
        Ok(DateTime::<Utc>::from(now()).into())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "peers and dashboards ask for the wall clock"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
