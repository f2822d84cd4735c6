//! Payloads as clients of newer XEPs publish them, with pictures.

use super::*;

const ATOM: &str = "http://www.w3.org/2005/Atom";

fn submitted(fields: &[(&str, &str)]) -> String {
    let field =
        |(var, value): &(&str, &str)| format!("<field var='{var}'><value>{value}</value></field>");
    let fields: String = fields.iter().map(field).collect();
    format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
}

/// The types that XEP-0472, 0501, 0503 and 0473 give to their nodes; the payloads are Atom's.
#[tokio::test(start_paused = true)]
async fn a_node_takes_payloads_of_another_namespace_than_its_type() {
    let (_server, mut alice, mut bob) = serving().await;
    let entry = format!("<entry xmlns='{ATOM}'><title>t</title></entry>");
    for (number, type_) in [
        "urn:xmpp:pubsub-social-feed:1",
        "urn:xmpp:pubsub-social-feed:stories:0",
        "urn:xmpp:spaces:0",
        "urn:xmpp:openpgp:pubsub:0",
    ]
    .into_iter()
    .enumerate()
    {
        let node = format!("family{number}");
        let config = submitted(&[("pubsub#type", type_)]);
        let create = format!("<create node='{node}'/><configure>{config}</configure>");
        assert!(is_good(&set(&mut alice, &create).await));
        let subscribe = format!("<subscribe node='{node}' jid='bob@example.org/desk'/>");
        assert!(is_good(&set(&mut bob, &subscribe).await));
        let publish = format!("<publish node='{node}'><item id='1'>{entry}</item></publish>");
        let options = format!("<publish-options>{config}</publish-options>");
        for publish in [
            publish.clone(),
            format!("{publish}{options}"),
            format!("{}{options}", publish.replace("family", "friends")),
        ] {
            let published = set(&mut alice, &publish).await;
            assert!(is_good(&published), "{publish}: {published}");
        }
        for _ in 0..2 {
            let event = bob.next().await.to_string();
            assert!(event.contains(&entry), "{event}");
        }
        let info = format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>");
        let info = bob.ask("get", HERE, &info).await.to_string();
        let (_, announced) = info.split_once("var='pubsub#type'").unwrap();
        let value = format!("<value>{type_}</value>");
        assert!(announced.contains(&value), "{info}");
    }
}

/// `pubsub#max_payload_size` is 250,000 bytes: no other limit may be lower.
#[tokio::test(start_paused = true)]
async fn a_post_is_taken_up_to_the_announced_size_whatever_its_shape() {
    let (_server, mut alice, mut bob) = serving().await;
    set(&mut alice, "<create node='n'/>").await;
    set(&mut bob, "<subscribe node='n' jid='bob@example.org/desk'/>").await;
    let picture = format!(
        "<img alt='x' src='data:image/jpeg;base64,{}'/>",
        "A".repeat(100_000)
    );
    let quotations = "<blockquote>".repeat(60) + "deep" + &"</blockquote>".repeat(60);
    let attributes: String = (0..129).map(|n| format!(" a{n}='{n}'")).collect();
    for inside in [picture, quotations, format!("<hr{attributes}/>")] {
        let payload = format!(
            "<entry xmlns='{ATOM}'><title>t</title><content type='xhtml'>\
             <div xmlns='http://www.w3.org/1999/xhtml'>{inside}</div></content></entry>"
        );
        let publish = format!("<publish node='n'><item>{payload}</item></publish>");
        let published = set(&mut alice, &publish).await;
        assert!(is_good(&published), "{published}");
        let event = bob.next().await.to_string();
        assert!(event.contains(&payload), "it came changed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_pages_reads_the_newest_of_large_items() {
    let (_server, mut alice, mut bob) = serving().await;
    set(&mut alice, "<create node='n'/>").await;
    let text = "x".repeat(200_000);
    for id in ["old", "newer", "newest"] {
        let publish =
            format!("<publish node='n'><item id='{id}'><a xmlns='b'>{text}</a></item></publish>");
        assert!(is_good(&set(&mut alice, &publish).await));
    }
    for query in ["<items node='n'/>", "<items node='n' max_items='300'/>"] {
        let read = set_get(&mut bob, query).await.to_string();
        assert_eq!(read.matches("<item ").count(), 1);
        assert!(read.contains("id='newest'"), "{query}");
        assert!(read.contains("<count>3</count>"), "{query}");
    }
}
