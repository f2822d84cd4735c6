//! The requests, serialised before the measurement: a ring of stanzas that differ in sender and id.

use std::ops::Range;

use clap::ValueEnum;
use serde::Serialize;

/// Number of digits of a slot's number.
const DIGITS: usize = 7;
/// Bytes of a message's body.
const BODY: usize = 64;
/// Bytes of a rich message, the size with which the recorded figures were measured.
const RICH: usize = 538;

/// The kind of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Chat messages of a 64-byte body, 175 bytes in all.
    Messages,
    /// XEP-0199 pings, 111 bytes.
    Pings,
    /// XEP-0030 disco#info requests.
    Disco,
    /// Chat messages of 538 bytes: the same body among ten payload elements.
    Rich,
}

impl Kind {
    pub(crate) fn is_message(self) -> bool {
        matches!(self, Kind::Messages | Kind::Rich)
    }
}

/// Stanzas of equal length, one after the other, so that several of them are one slice to write.
pub(crate) struct Ring {
    pub(crate) kind: Kind,
    pub(crate) domain: String,
    bytes: Vec<u8>,
    /// Bytes of one stanza.
    each: usize,
    slots: usize,
    sender: Range<usize>,
    body: Option<Range<usize>>,
}

impl Ring {
    /// Creates `slots` stanzas to `domain`, from `senders` addresses in turn.
    pub(crate) fn new(kind: Kind, slots: usize, senders: usize, domain: &str) -> Ring {
        let first = stanza(kind, 0, 0, domain);
        let sender = after(&first, "from='", "'").unwrap_or_default();
        let body = after(&first, "<body>", "</body>");
        let mut bytes = Vec::with_capacity(first.len() * slots);
        for slot in 0..slots {
            bytes.extend_from_slice(stanza(kind, slot, slot % senders.max(1), domain).as_bytes());
        }
        Ring {
            kind,
            domain: domain.to_owned(),
            bytes,
            each: first.len(),
            slots,
            sender,
            body,
        }
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the stanzas of `count` slots from `first` on, at most up to the end of the ring.
    pub(crate) fn run(&self, first: usize, count: usize) -> &[u8] {
        let start = first * self.each;
        let end = (first + count).min(self.slots) * self.each;
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Returns the sender of the request in this slot.
    pub(crate) fn sender(&self, slot: usize) -> &[u8] {
        self.run(slot, 1)
            .get(self.sender.clone())
            .unwrap_or_default()
    }

    /// Returns the body of the message in this slot; `None` for an IQ.
    pub(crate) fn body(&self, slot: usize) -> Option<&[u8]> {
        self.run(slot, 1).get(self.body.clone()?)
    }

    /// Returns the slot whose number these bytes begin with: a body, or an id after its first
    /// letter.
    pub(crate) fn slot(&self, text: &[u8]) -> Option<usize> {
        let digits = std::str::from_utf8(text.get(..DIGITS)?).ok()?;
        digits.parse().ok().filter(|slot| *slot < self.slots)
    }
}

fn after(text: &str, before: &str, behind: &str) -> Option<Range<usize>> {
    let start = text.find(before)? + before.len();
    let length = text.get(start..)?.find(behind)?;
    Some(start..start + length)
}

fn stanza(kind: Kind, slot: usize, sender: usize, domain: &str) -> String {
    let body = format!(
        "{:-<BODY$}",
        format!("{slot:07} says what users say, more or less ")
    );
    let user = format!("u{sender:07}@localhost");
    let iq = format!("<iq from='{user}/x' to='{domain}' id='m{slot:07}' type='get'>");
    match kind {
        Kind::Messages => format!(
            "<message from='{user}/laptop' to='{domain}' id='m{slot:07}' type='chat'>\
             <body>{body}</body></message>"
        ),
        Kind::Pings => format!("{iq}<ping xmlns='urn:xmpp:ping'/></iq>"),
        Kind::Disco => {
            format!("{iq}<query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        }
        Kind::Rich => rich(&user, slot, &body, domain),
    }
}

/// Returns ten payload elements as current clients add them; the nickname fills up to 538 bytes.
/// There is no delay element, because a component may ignore delayed messages.
fn rich(user: &str, slot: usize, body: &str, domain: &str) -> String {
    let before = format!(
        "<message from='{user}/laptop' to='{domain}' id='m{slot:07}' type='chat'>\
         <active xmlns='http://jabber.org/protocol/chatstates'/>\
         <request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>\
         <origin-id xmlns='urn:xmpp:sid:0' id='o'/>\
         <store xmlns='urn:xmpp:hints'/><reply xmlns='urn:xmpp:reply:0' id='q'/>\
         <private xmlns='urn:xmpp:carbons:2'/><thread>t</thread>\
         <body>{body}</body><nick xmlns='http://jabber.org/protocol/nick'>"
    );
    let behind = "</nick></message>";
    let room = RICH.saturating_sub(before.len() + behind.len());
    format!("{before}{:n<room$}{behind}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_have_the_sizes_that_the_recorded_figures_were_taken_with() {
        let each = |kind| Ring::new(kind, 4, 2, "echo.localhost").run(1, 1).len();
        assert_eq!(each(Kind::Messages), 175);
        assert_eq!(each(Kind::Pings), 111);
        assert_eq!(each(Kind::Rich), 538);
    }

    #[test]
    fn every_slot_differs_and_is_as_long_as_the_first() {
        for kind in [Kind::Messages, Kind::Pings, Kind::Disco, Kind::Rich] {
            let ring = Ring::new(kind, 100, 7, "echo.localhost");
            for slot in 0..100 {
                let text = std::str::from_utf8(ring.run(slot, 1)).unwrap();
                assert!(text.starts_with('<') && text.ends_with('>'), "{text}");
                assert!(text.contains(&format!("id='m{slot:07}'")), "{text}");
                assert!(
                    ring.sender(slot)
                        .starts_with(format!("u{:07}@", slot % 7).as_bytes())
                );
                if kind.is_message() {
                    assert_eq!(ring.slot(ring.body(slot).unwrap()), Some(slot));
                }
            }
            assert_eq!(ring.run(98, 10).len(), 2 * ring.each);
        }
    }

    #[test]
    fn a_rich_message_has_ten_payload_elements() {
        let ring = Ring::new(Kind::Rich, 1, 1, "echo.localhost");
        let text = std::str::from_utf8(ring.run(0, 1)).unwrap();
        let ends = text.matches("/>").count() + text.matches("</").count() - 1;
        assert_eq!(ends, 10);
    }
}
