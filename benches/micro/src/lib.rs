//! The stanzas that the micro benchmarks read, the same as those of the rig.
//!
//! The measurements are in `benches/`, and the assertions in `tests/`.

/// A component's stream header as the server sends it (XEP-0114, 3).
pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' from='echo.localhost' id='3BF96D32'>";

/// A chat message with a body of 64 bytes; 175 bytes.
pub const PLAIN: &str = "<message from='u0000007@localhost/laptop' to='echo.localhost' \
    id='m0000042' type='chat'><body>\
    0000042 says what users say, more or less ----------------------</body></message>";

/// A ping (XEP-0199); 111 bytes.
pub const PING: &str = "<iq from='u0000007@localhost/x' to='echo.localhost' id='m0000042' \
    type='get'><ping xmlns='urn:xmpp:ping'/></iq>";

/// A disco#info request (XEP-0030).
pub const DISCO: &str = "<iq from='u0000007@localhost/x' to='echo.localhost' id='m0000042' \
    type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";

/// A delayed message in another language (XEP-0203).
pub const DELAYED: &str = "<message from='u0000007@localhost/x' to='echo.localhost' xml:lang='de'>\
    <delay xmlns='urn:xmpp:delay' from='localhost' stamp='2026-01-02T03:04:05Z'/></message>";

/// A chat message with ten payload elements, as current clients send them; 538 bytes.
pub const RICH: &str = "<message from='u0000007@localhost/laptop' to='echo.localhost' \
    id='m0000042' type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/>\
    <request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>\
    <origin-id xmlns='urn:xmpp:sid:0' id='o'/><store xmlns='urn:xmpp:hints'/>\
    <reply xmlns='urn:xmpp:reply:0' id='q'/><private xmlns='urn:xmpp:carbons:2'/>\
    <thread>t</thread><body>0000042 says what users say, more or less ----------------------\
    </body><nick xmlns='http://jabber.org/protocol/nick'>nnnnnnnn</nick></message>";

const _: () = assert!(PLAIN.len() == 175 && PING.len() == 111 && RICH.len() == 538);
