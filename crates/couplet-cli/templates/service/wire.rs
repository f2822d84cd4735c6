//! What is said on the wire.

use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::{AsXml, FromXml};

/// A lamp, in a question, an order or an answer.
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
