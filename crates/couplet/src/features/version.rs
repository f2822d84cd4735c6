//! Software version: name and version, but not the operating system. (XEP-0092)

use async_trait::async_trait;
use couplet_core::stanza_error::StanzaError;
use xmpp_parsers::version::{VersionQuery, VersionResult};

use super::About;
use crate::{handler::IqHandler, incoming::Incoming};

pub(crate) struct Version(VersionResult);

impl Version {
    pub(crate) fn of(about: &About) -> Version {
        Version(VersionResult {
            name: about.name.clone(),
            version: about.version.clone(),
            os: None,
        })
    }
}

#[async_trait]
impl IqHandler<VersionQuery> for Version {
    type Response = VersionResult;

    async fn handle(&self, _request: Incoming<VersionQuery>) -> Result<VersionResult, StanzaError> {
        Ok(self.0.clone())
    }
}
