//! Any element as a stanza: no accessor panics. An error response has the addresses swapped and the
//! id of the stanza, and is itself never answered.

#![no_main]

use std::hint::black_box;

use couplet_core::{
    element::{Scope, Tree},
    jid::Jid,
    message::Message,
    presence::Presence,
    remote_error::RemoteError,
    reply::ReplyToRef,
    stanza::Stanza,
    stanza_error::{Condition, StanzaError},
    stanza_writer::StanzaWriter,
};
use libfuzzer_sys::fuzz_target;

/// Larger than a response that repeats its request.
const ROOM: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(tree) = Tree::parse(data, &Scope::component()) else {
        return;
    };
    let Ok(stanza) = Stanza::read(tree) else {
        return;
    };
    look(&stanza);
    let domain = Jid::new(stanza.to().domain()).unwrap();
    let stanza_writer = StanzaWriter::new(domain, ROOM);
    let no = StanzaError::new(Condition::BadRequest).text(stanza.as_xml());
    let mut out = Vec::new();
    let refused = ReplyToRef::of(&stanza, |reply_to| {
        reply_to.refuse(&stanza_writer, &mut out, &no)
    });
    assert_eq!(refused, Ok(!out.is_empty()), "{stanza:?}");
    if out.is_empty() {
        return;
    }
    let answer = Tree::parse(out, &Scope::component()).unwrap();
    let answer = Stanza::read(answer).unwrap();
    assert_eq!(answer.kind(), stanza.kind());
    let addresses = (answer.from_text(), answer.to_text());
    assert_eq!(addresses, (stanza.to_text(), stanza.from_text()));
    assert_eq!(answer.id(), stanza.id());
    let error = RemoteError::of(&answer).unwrap();
    assert_eq!(error.condition, Condition::BadRequest);
    assert!(ReplyToRef::of(&answer, |reply_to| !reply_to.may_be_refused()));
});

fn look(stanza: &Stanza) {
    black_box((stanza.type_(), stanza.lang(), stanza.is_answer()));
    black_box((stanza.is_from_own_domain(), RemoteError::of(stanza)));
    let message = Message::from(stanza.clone());
    black_box((
        message.type_(),
        message.text(),
        message.subject(),
        message.thread(),
    ));
    let presence = Presence::from(stanza.clone());
    black_box((presence.type_(), presence.show(), presence.status()));
    black_box((presence.priority(), presence.check().is_ok()));
    for payload in stanza.payloads() {
        black_box((payload.name(), payload.text()));
    }
}
