//! The payload of the requests and responses.

use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::{AsXml, FromXml};

/// A lamp: `<lamp xmlns='urn:example:lamps' room='kitchen' lit='true'/>`.
#[derive(AsXml, Debug, FromXml)]
#[xml(namespace = "urn:example:lamps", name = "lamp")]
pub struct Lamp {
    #[xml(attribute)]
    pub room: String,
    #[xml(attribute(default))]
    pub lit: Option<bool>,
}

impl IqGetPayload for Lamp {}
impl IqSetPayload for Lamp {}
