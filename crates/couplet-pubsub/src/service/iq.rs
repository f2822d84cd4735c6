//! Handles IQ requests.

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use couplet::{Condition, Incoming, IntoResponse, IqHandler, IqType, StanzaError};
use couplet_core::xml_writer::XmlWriter;
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::FromXml;

use crate::{
    codec, in_flight::InFlightGuard, payload_type::payload_type, reply::Reply,
    service_context::ServiceContext,
};

payload_type! {
    /// Any `<pubsub/>` of an entity; the codec parses it, because typed payloads are too strict.
    pub(super) struct Entity = "http://jabber.org/protocol/pubsub", "pubsub";

    /// Any `<pubsub/>` of an owner.
    pub(super) struct Owner = "http://jabber.org/protocol/pubsub#owner", "pubsub";

    /// Any data form. (XEP-0004)
    pub(super) struct Form = "jabber:x:data", "x";
}

impl IqGetPayload for Entity {}
impl IqSetPayload for Entity {}
impl IqGetPayload for Owner {}
impl IqSetPayload for Owner {}

/// Handles one kind of request.
pub(super) struct Handler<T> {
    service: Arc<ServiceContext>,
    type_: IqType,
    request: PhantomData<fn(T)>,
}

impl<T> Handler<T> {
    pub(super) fn new(service: &Arc<ServiceContext>, type_: IqType) -> Handler<T> {
        Handler {
            service: Arc::clone(service),
            type_,
            request: PhantomData,
        }
    }
}

#[async_trait]
impl<T: FromXml + Send + 'static> IqHandler<T> for Handler<T> {
    type Response = Answer;

    async fn handle(&self, incoming: Incoming<T>) -> Result<Answer, StanzaError> {
        let asker = self.service.in_flight.begin();
        let payload = incoming.stanza().payloads().next();
        let payload = payload.ok_or(Condition::BadRequest)?;
        let request =
            codec::read(payload, self.type_, incoming.from()).map_err(codec::stanza_error)?;
        let from = incoming.from().clone();
        // Frees the tree before waiting: it may take several times the memory of the values parsed
        // from it.
        drop(incoming);
        let reply = self.service.answer(&from, request).await?;
        match codec::unchanged(&reply) {
            Some(error) => Err(error),
            None => Ok(Answer {
                reply,
                _until_written: asker,
            }),
        }
    }
}

/// A reply that is being sent; dropped when it is written.
pub(super) struct Answer {
    reply: Reply,
    _until_written: InFlightGuard,
}

impl IntoResponse for Answer {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        codec::write(&self.reply, xml);
        Ok(())
    }
}
