//! A component as a contact: what people see in their contact lists, and what their clients ask for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use couplet::{
    BareJid, Component, Config, Contact, Feature, Handle, Incoming, Jid, Message, Outgoing,
    Presence, PresenceType, SendError, SentId, StanzaError, Subscribers, async_trait,
    middleware::AllowList,
};
use couplet_core::element::Element;
use couplet_test::{Heard, TestServer, TestUser};

use crate::apps::{BOT, DOMAIN, echo, is_offline};

/// The address that presence comes from.
const FULL: &str = "bot@echo.localhost/bot";

const PNG: &[u8] = include_bytes!("../../crates/couplet/src/contact/avatar.png");
/// The SHA-1 of that image.
const HASH: &str = "8fc632c0dabbe26a91eb4e5c0ed407ea990fd93a";

const INFO: &str = "http://jabber.org/protocol/disco#info";
const CAPS: &str = "http://jabber.org/protocol/caps";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const EVENT: &str = "http://jabber.org/protocol/pubsub#event";
const METADATA: &str = "urn:xmpp:avatar:metadata";
const DATA: &str = "urn:xmpp:avatar:data";
const NICK: &str = "http://jabber.org/protocol/nick";
const VCARD: &str = "vcard-temp";

/// An echo that is a contact with everything.
fn contact(config: Config) -> Component {
    echo_or_correct(config).contact(
        Contact::new("bot")
            .name("Echo & co")
            .about("Sends back what you write")
            .url("https://echo.example.org")
            .avatar(PNG),
    )
}

fn echo_or_correct(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .on_chat(|chat: Incoming<Message>| async move { chat.reply_or_correct(chat.text()).await })
}

/// XEP-0030; XEP-0115, 5: the hash in its presence is that of what its full address says.
pub async fn service_discovery_says_that_it_is_a_bot(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    let domain = info(&mut alice, DOMAIN, "").await;
    assert_eq!(identities(&domain), ["component/generic Echo"]);
    assert!(!features(&domain).contains(&VCARD.to_owned()), "{domain}");
    let bare = info(&mut alice, BOT, "").await;
    assert_eq!(identities(&bare), ["client/bot Echo & co", "pubsub/pep "]);
    let full = info(&mut alice, FULL, "").await;
    assert_eq!(identities(&full), ["client/bot Echo & co"]);
    for feature in [
        CAPS,
        INFO,
        VCARD,
        "urn:ietf:params:xml:ns:vcard-4.0",
        "urn:xmpp:chat-markers:0",
        "urn:xmpp:message-correct:0",
        "urn:xmpp:ping",
        "urn:xmpp:receipts",
    ] {
        assert!(features(&full).contains(&feature.to_owned()), "{full}");
    }
    let presence = probed(&mut alice).await;
    let caps = presence.root().child("c", CAPS).unwrap();
    let attribute = |name| caps.attr(name).unwrap().into_owned();
    let node = [attribute("node"), attribute("ver")].join("#");
    assert_eq!(attribute("hash"), "sha-1");
    let versioned = info(&mut alice, FULL, &node).await;
    let query = versioned.root().child("query", INFO).unwrap();
    assert_eq!(query.attr("node").as_deref(), Some(&*node));
    assert_eq!(identities(&versioned), identities(&full));
    assert_eq!(features(&versioned), features(&full));
    let other = info(&mut alice, FULL, "https://example.org#other").await;
    assert_eq!(other.condition(), "item-not-found");
    component.stop().await.unwrap();
}

/// RFC 6121, 3.1: also when the request is repeated, as Prosody does at each login.
pub async fn a_subscription_is_accepted_with_presence_avatar_and_nickname(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    alice.send_raw("<presence/>").await;
    for _ in 0..2 {
        subscribe(&mut alice).await;
        let presence = next_from_bot(&mut alice).await;
        is_presence_with_all(&presence);
        is_avatar_event(&next_from_bot(&mut alice).await);
        let nickname = next_from_bot(&mut alice).await;
        assert_eq!((nickname.from(), nickname.type_()), (BOT, "headline"));
        let item = event_item(&nickname, NICK);
        assert_eq!(item.child("nick", NICK).unwrap().text(), "Echo & co");
    }
    component.stop().await.unwrap();
}

/// RFC 6121, 4.3: a server probes when a device of a subscriber comes online.
pub async fn a_probe_is_answered_to_the_device_that_came(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    alice.send_raw("<presence/>").await;
    subscribe(&mut alice).await;
    for _ in 0..3 {
        next_from_bot(&mut alice).await;
    }
    let mut phone = server.user("alice/phone").await;
    phone.send_raw("<presence/>").await;
    let presence = next_from_bot(&mut phone).await;
    is_presence_with_all(&presence);
    assert_eq!(presence.to(), phone.address());
    is_avatar_event(&next_from_bot(&mut phone).await);
    event_item(&next_from_bot(&mut phone).await, NICK);
    // What went to the other device would have come before.
    alice.chat(BOT, "hi").await;
    assert_eq!(next_from_bot(&mut alice).await.text(), "hi");
    component.stop().await.unwrap();
}

/// Subscribers that only the store knows; nobody else gets presence.
pub async fn a_store_of_subscribers_outlives_the_program(server: &mut TestServer) {
    let table = Table::default();
    let kept = |config| contact(config).subscribers(table.clone());
    let component = server.run(kept).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    for user in [&mut alice, &mut bob] {
        user.send_raw("<presence/>").await;
        subscribe(user).await;
    }
    is_presence_with_all(&next_from_bot(&mut alice).await);
    for _ in 0..2 {
        next_from_bot(&mut alice).await;
    }
    // Declined, and so no subscriber: its probe is not answered.
    bob.send_raw(format!("<presence type='probe' to='{BOT}'/>"))
        .await;
    bob.chat(BOT, "hi").await;
    loop {
        let heard = next_from_bot(&mut bob).await;
        if heard.text() == "hi" {
            break;
        }
        assert_eq!(heard.type_(), "unsubscribed", "{heard}");
    }
    component.stop().await.unwrap();
    assert_eq!(next_from_bot(&mut alice).await.type_(), "unavailable");
    let component = server.run(kept).await;
    is_presence_with_all(&next_from_bot(&mut alice).await);
    alice
        .send_raw(format!("<presence type='unsubscribe' to='{BOT}'/>"))
        .await;
    alice.ping(BOT).await;
    assert!(table.0.lock().unwrap().is_empty());
    component.stop().await.unwrap();
}

/// Subscribers that outlive a component; only alice is accepted.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<BTreeSet<(BareJid, BareJid)>>>);

#[async_trait]
impl Subscribers for Table {
    async fn add(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
        let is_accepted = subscriber.node() == Some("alice");
        if is_accepted {
            let entry = (contact.clone(), subscriber.clone());
            self.0.lock().unwrap().insert(entry);
        }
        Ok(is_accepted)
    }

    async fn remove(&self, contact: &BareJid, subscriber: &BareJid) -> Result<(), StanzaError> {
        let entry = (contact.clone(), subscriber.clone());
        self.0.lock().unwrap().remove(&entry);
        Ok(())
    }

    async fn contains(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
        let entry = (contact.clone(), subscriber.clone());
        Ok(self.0.lock().unwrap().contains(&entry))
    }

    async fn all(&self) -> Result<Vec<(BareJid, BareJid)>, StanzaError> {
        Ok(self.0.lock().unwrap().iter().cloned().collect())
    }
}

/// RFC 6121, 3.3; Prosody does it from the full address where a contact is removed.
pub async fn who_unsubscribes_gets_no_presence_any_more(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    alice.send_raw("<presence/>").await;
    subscribe(&mut alice).await;
    for _ in 0..3 {
        next_from_bot(&mut alice).await;
    }
    alice
        .send_raw(format!("<presence type='unsubscribe' to='{BOT}'/>"))
        .await;
    alice.ping(BOT).await;
    component.stop().await.unwrap();
    let mut bob = server.user("bob").await;
    bob.send_raw(format!(
        "<message to='{}' type='chat'><body>end</body></message>",
        alice.address()
    ))
    .await;
    loop {
        let heard = alice.next().await;
        if heard.text() == "end" {
            break;
        }
        let is_presence = heard.name() == "presence" && heard.from().starts_with(BOT);
        assert!(!is_presence || heard.type_() == "unsubscribed", "{heard}");
    }
}

/// No server does it for a component (servers.md, 8).
pub async fn subscribers_see_it_leave(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    alice.send_raw("<presence/>").await;
    subscribe(&mut alice).await;
    for _ in 0..3 {
        next_from_bot(&mut alice).await;
    }
    component.stop().await.unwrap();
    let unavailable = next_from_bot(&mut alice).await;
    assert_eq!(
        (unavailable.from(), unavailable.type_()),
        (FULL, "unavailable")
    );
}

/// No server does it for a component (servers.md, 8).
pub async fn subscribers_see_it_again_after_a_reconnect(server: &mut TestServer) {
    let mut component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    subscribe(&mut alice).await;
    for _ in 0..3 {
        next_from_bot(&mut alice).await;
    }
    server.kill().await;
    is_offline(&component).await;
    server.restart().await;
    component.online().await;
    let presence = next_from_bot(&mut alice).await;
    is_presence_with_all(&presence);
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// XEP-0054, XEP-0084, XEP-0172, XEP-0292: with the same bytes everywhere, whose hash names them.
pub async fn vcard_avatar_and_nickname_are_answered_on_request(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    for address in [BOT, FULL] {
        let vcard = alice
            .ask("get", address, "<vCard xmlns='vcard-temp'/>")
            .await;
        let card = vcard.root().child("vCard", VCARD).unwrap();
        for (name, text) in [
            ("FN", "Echo & co"),
            ("NICKNAME", "Echo & co"),
            ("URL", "https://echo.example.org"),
            ("DESC", "Sends back what you write"),
        ] {
            assert_eq!(card.child(name, VCARD).unwrap().text(), text);
        }
        let photo = card.child("PHOTO", VCARD).unwrap();
        assert_eq!(photo.child("TYPE", VCARD).unwrap().text(), "image/png");
        let binval = photo.child("BINVAL", VCARD).unwrap().text().into_owned();
        let ids = [String::new(), format!("<item id='{HASH}'/>")];
        for id in &ids {
            let data = items(&mut alice, address, DATA, "", id).await;
            let item = item(&data);
            assert_eq!(item.attr("id").as_deref(), Some(HASH));
            assert_eq!(item.child("data", DATA).unwrap().text(), binval);
        }
        let metadata = items(&mut alice, address, METADATA, "max_items='1'", "").await;
        is_metadata(item(&metadata));
        let nickname = items(&mut alice, address, NICK, "max_items='1'", "").await;
        let nick = item(&nickname).child("nick", NICK).unwrap();
        assert_eq!(nick.text(), "Echo & co");
        let ns = "urn:ietf:params:xml:ns:vcard-4.0";
        let node = items(
            &mut alice,
            address,
            "urn:xmpp:vcard4",
            "",
            "<item id='current'/>",
        )
        .await;
        let plain = alice
            .ask("get", address, &format!("<vcard xmlns='{ns}'/>"))
            .await;
        for vcard in [
            item(&node).child("vcard", ns),
            plain.root().child("vcard", ns),
        ] {
            let name = vcard.unwrap().child("fn", ns).unwrap();
            assert_eq!(name.child("text", ns).unwrap().text(), "Echo & co");
        }
    }
    let other = items(&mut alice, BOT, DATA, "", "<item id='0123'/>").await;
    assert_eq!(other.condition(), "item-not-found");
    component.stop().await.unwrap();
}

/// Clients that ask for keys then know at once that there are none. (XEP-0384)
pub async fn its_nodes_can_only_be_read(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    let node = "eu.siacs.conversations.axolotl.devicelist";
    let keys = items(&mut alice, BOT, node, "", "").await;
    assert_eq!(
        (keys.condition(), &*keys.error_type()),
        ("item-not-found", "cancel")
    );
    let address = alice.bare().to_owned();
    for request in [
        format!("<publish node='{NICK}'><item><nick xmlns='{NICK}'>x</nick></item></publish>"),
        format!("<subscribe node='{NICK}' jid='{address}'/>"),
        "<create/>".to_owned(),
    ] {
        let payload = format!("<pubsub xmlns='{PUBSUB}'>{request}</pubsub>");
        let refused = alice.ask("set", BOT, &payload).await;
        assert_eq!(refused.condition(), "forbidden", "{request}");
    }
    component.stop().await.unwrap();
}

/// XEP-0184, XEP-0333.
pub async fn a_receipt_and_a_marker_come_before_the_reply(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    let receipt = "<request xmlns='urn:xmpp:receipts'/>";
    let marker = "<markable xmlns='urn:xmpp:chat-markers:0'/>";
    for type_ in ["chat", "normal"] {
        for asked in [
            [receipt, marker].concat(),
            receipt.to_owned(),
            marker.to_owned(),
        ] {
            alice
                .send_raw(format!(
                    "<message type='{type_}' to='{BOT}' id='a&amp;b'><thread>t</thread>\
                     <body>hi</body>{asked}</message>"
                ))
                .await;
            for (name, ns, element) in [
                ("received", "urn:xmpp:receipts", receipt),
                ("displayed", "urn:xmpp:chat-markers:0", marker),
            ] {
                if !asked.contains(element) {
                    continue;
                }
                let heard = alice.next().await;
                let told = heard.root().child(name, ns).unwrap();
                assert_eq!(told.attr("id").as_deref(), Some("a&b"));
                assert_eq!((heard.from(), &*heard.text_of("thread")), (BOT, "t"));
                assert!([type_, ""].contains(&heard.type_()), "{heard}");
                assert!(!heard.id().is_empty(), "{heard}");
            }
            assert_eq!(alice.next().await.text(), "hi");
        }
    }
    // Without an id, to the domain, from a room, and without a text.
    for message in [
        format!("<message type='chat' to='{BOT}'><body>hi</body>{receipt}{marker}</message>"),
        format!("<message type='chat' to='{DOMAIN}' id='1'><body>hi</body>{receipt}</message>"),
        format!("<message type='chat' to='{BOT}' id='1'><body>hi</body></message>"),
    ] {
        alice.send_raw(message).await;
        assert_eq!(alice.next().await.text(), "hi");
    }
    for message in [
        format!("<message type='groupchat' to='{BOT}' id='1'><body>hi</body>{receipt}</message>"),
        format!("<message type='chat' to='{BOT}' id='1'>{receipt}</message>"),
    ] {
        alice.send_raw(message).await;
        alice.hears_only_a_pong_from(BOT).await;
    }
    component.stop().await.unwrap();
}

/// A stranger does not learn whether a message was read.
pub async fn what_middleware_rejects_gets_no_receipt(server: &mut TestServer) {
    let closed = |config| contact(config).layer(AllowList::new().domain("elsewhere.example"));
    let component = server.run(closed).await;
    let mut alice = server.user("alice").await;
    alice
        .send_raw(format!(
            "<message type='chat' to='{BOT}' id='1'><body>hi</body>\
             <request xmlns='urn:xmpp:receipts'/></message>"
        ))
        .await;
    let refused = alice.next().await;
    assert_eq!((refused.type_(), refused.id()), ("error", "1"));
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// XEP-0308: the second correction names the first version too.
pub async fn a_reply_to_a_correction_corrects_the_earlier_reply(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    let message = |id: &str, text: &str, replaced: Option<&str>| {
        let replace = replaced.map_or(String::new(), |id| {
            format!("<replace xmlns='urn:xmpp:message-correct:0' id='{id}'/>")
        });
        format!("<message type='chat' to='{BOT}' id='{id}'><body>{text}</body>{replace}</message>")
    };
    alice.send_raw(message("1", "tae", None)).await;
    let first = alice.next_chat().await;
    assert_eq!((first.text(), replaced_by(&first)), ("tae", String::new()));
    for (id, text, earlier) in [("2", "te", "1"), ("3", "tea", "1"), ("4", "Tea", "3")] {
        alice.send_raw(message(id, text, Some(earlier))).await;
        let corrected = alice.next_chat().await;
        assert_eq!(corrected.text(), text);
        assert_eq!(replaced_by(&corrected), first.id(), "{corrected}");
        assert_ne!(corrected.id(), first.id());
    }
    let mut bob = server.user("bob").await;
    bob.send_raw(message("5", "tea", Some("1"))).await;
    assert_eq!(replaced_by(&bob.next_chat().await), "");
    component.stop().await.unwrap();
}

/// Others decline subscriptions, so that they do not stay pending.
pub async fn only_addresses_that_the_program_names_are_contacts(server: &mut TestServer) {
    let component = server.run(contact).await;
    let mut alice = server.user("alice").await;
    let other = "other@echo.localhost";
    let refused = alice.ask("get", other, "<vCard xmlns='vcard-temp'/>").await;
    assert_eq!(refused.condition(), "service-unavailable");
    let other = info(&mut alice, other, "").await;
    assert_eq!(identities(&other), ["component/generic Echo"]);
    component.stop().await.unwrap();
    let component = server.run(echo).await;
    for address in [BOT, "other@echo.localhost/x"] {
        let any = info(&mut alice, address, "").await;
        assert_eq!(identities(&any).first().unwrap(), "client/bot Echo");
    }
    let vcard = alice.ask("get", BOT, "<vCard xmlns='vcard-temp'/>").await;
    let card = vcard.root().child("vCard", VCARD).unwrap();
    assert_eq!(card.child("FN", VCARD).unwrap().text(), "Echo");
    assert!(card.child("PHOTO", VCARD).is_none(), "{vcard}");
    component.stop().await.unwrap();
}

/// Handlers of one type, and the one for all presence.
pub async fn handlers_of_the_program_win_over_the_contact(server: &mut TestServer) {
    async fn noted(presence: Incoming<Presence>) -> Result<SentId, SendError> {
        let type_ = presence.type_().and_then(PresenceType::as_str);
        say(
            &presence.handle(),
            presence.from(),
            type_.unwrap_or("available"),
        )
        .await
    }
    let one = |config| contact(config).on_presence_type(PresenceType::Subscribe, noted);
    let all = |config| contact(config).on_presence(noted);
    let mut alice = server.user("alice").await;
    alice.send_raw("<presence/>").await;
    let component = server.run(one).await;
    alice
        .send_raw(format!("<presence type='subscribe' to='{BOT}'/>"))
        .await;
    assert_eq!(next_from_bot(&mut alice).await.text(), "subscribe");
    probed(&mut alice).await;
    component.stop().await.unwrap();
    let component = server.run(all).await;
    alice
        .send_raw(format!("<presence type='probe' to='{BOT}'/>"))
        .await;
    loop {
        let heard = next_from_bot(&mut alice).await;
        if heard.text() == "probe" {
            break;
        }
        assert!(
            heard.type_() == "unavailable" || heard.name() == "message",
            "{heard}"
        );
    }
    component.stop().await.unwrap();
}

/// What is off is not there.
pub async fn contacts_can_be_switched_off(server: &mut TestServer) {
    let off = |config| contact(config).without(Feature::Contact);
    let component = server.run(off).await;
    let mut alice = server.user("alice").await;
    let bot = info(&mut alice, BOT, "").await;
    assert_eq!(identities(&bot), ["component/generic Echo"]);
    let refused = alice.ask("get", BOT, "<vCard xmlns='vcard-temp'/>").await;
    assert_eq!(refused.condition(), "service-unavailable");
    alice
        .send_raw(format!("<presence type='probe' to='{BOT}'/>"))
        .await;
    let asks = "<request xmlns='urn:xmpp:receipts'/>";
    let message = format!("<message type='chat' to='{BOT}' id='1'><body>hi</body>{asks}</message>");
    alice.send_raw(&message).await;
    assert_eq!(alice.next().await.text(), "hi");
    component.stop().await.unwrap();
    let quiet = |config| contact(config).without(Feature::Receipts);
    let component = server.run(quiet).await;
    alice.send_raw(message).await;
    assert_eq!(alice.next().await.text(), "hi");
    let bot = info(&mut alice, BOT, "").await;
    assert!(
        !features(&bot).contains(&"urn:xmpp:receipts".to_owned()),
        "{bot}"
    );
    component.stop().await.unwrap();
}

async fn say(handle: &Handle, to: &Jid, text: &str) -> Result<SentId, SendError> {
    handle.send(Outgoing::chat(to, text)).await
}

async fn subscribe(user: &mut TestUser) {
    user.send_raw(format!("<presence type='subscribe' to='{BOT}'/>"))
        .await;
}

/// The presence that answers a probe; what comes along with it is left out.
async fn probed(user: &mut TestUser) -> Heard {
    user.send_raw(format!("<presence type='probe' to='{BOT}'/>"))
        .await;
    let presence = next_from_bot(user).await;
    assert_eq!((presence.name(), presence.from()), ("presence", FULL));
    for _ in 0..2 {
        assert_eq!(next_from_bot(user).await.type_(), "headline");
    }
    presence
}

/// The next stanza of the bot, apart from what servers do with the consent to a subscription.
async fn next_from_bot(user: &mut TestUser) -> Heard {
    loop {
        let heard = user.next().await;
        let is_consent = heard.type_() == "subscribed" && heard.from() == BOT;
        if heard.from().starts_with(BOT) && !is_consent {
            return heard;
        }
    }
}

fn is_presence_with_all(presence: &Heard) {
    assert_eq!(
        (presence.name(), presence.type_(), presence.from()),
        ("presence", "", FULL)
    );
    assert_eq!(presence.text_of("status"), "Sends back what you write");
    assert!(presence.root().child("c", CAPS).is_some(), "{presence}");
    let ns = "vcard-temp:x:update";
    let update = presence.root().child("x", ns).unwrap();
    assert_eq!(update.child("photo", ns).unwrap().text(), HASH);
}

fn is_avatar_event(heard: &Heard) {
    assert_eq!((heard.from(), heard.type_()), (BOT, "headline"));
    is_metadata(event_item(heard, METADATA));
}

fn is_metadata(item: Element<'_>) {
    assert_eq!(item.attr("id").as_deref(), Some(HASH));
    let metadata = item.child("metadata", METADATA).unwrap();
    let info = metadata.child("info", METADATA).unwrap();
    let bytes = PNG.len().to_string();
    for (name, value) in [
        ("id", HASH),
        ("type", "image/png"),
        ("bytes", &bytes),
        ("width", "16"),
        ("height", "16"),
    ] {
        assert_eq!(info.attr(name).as_deref(), Some(value), "{name}");
    }
}

fn event_item<'a>(heard: &'a Heard, node: &str) -> Element<'a> {
    let event = heard.root().child("event", EVENT).unwrap();
    let items = event.child("items", EVENT).unwrap();
    assert_eq!(items.attr("node").as_deref(), Some(node), "{heard}");
    items.child("item", EVENT).unwrap()
}

async fn items(user: &mut TestUser, to: &str, node: &str, attributes: &str, id: &str) -> Heard {
    let items = format!("<items node='{node}' {attributes}>{id}</items>");
    let request = format!("<pubsub xmlns='{PUBSUB}'>{items}</pubsub>");
    user.ask("get", to, &request).await
}

/// The item in the result of a request for items.
fn item(result: &Heard) -> Element<'_> {
    let pubsub = result.root().child("pubsub", PUBSUB).unwrap();
    let items = pubsub.child("items", PUBSUB).unwrap();
    items.child("item", PUBSUB).unwrap()
}

async fn info(user: &mut TestUser, to: &str, node: &str) -> Heard {
    let node = match node {
        "" => String::new(),
        node => format!("node='{node}'"),
    };
    user.ask("get", to, &format!("<query xmlns='{INFO}' {node}/>"))
        .await
}

fn identities(info: &Heard) -> Vec<String> {
    let query = info.root().child("query", INFO).unwrap();
    let identities = query.children().filter(|child| child.name() == "identity");
    identities
        .map(|identity| {
            let attribute = |name| identity.attr(name).unwrap_or_default().into_owned();
            let (category, type_) = (attribute("category"), attribute("type"));
            format!("{category}/{type_} {}", attribute("name"))
        })
        .collect()
}

fn features(info: &Heard) -> Vec<String> {
    let query = info.root().child("query", INFO).unwrap();
    let features = query.children().filter(|child| child.name() == "feature");
    features
        .map(|feature| feature.attr("var").unwrap_or_default().into_owned())
        .collect()
}

/// The id of the message that this one corrects.
fn replaced_by(heard: &Heard) -> String {
    let replace = heard.root().child("replace", "urn:xmpp:message-correct:0");
    let id = replace.and_then(|replace| replace.attr("id"));
    id.unwrap_or_default().into_owned()
}
