//! The XEP-0030 and XEP-0092 queries that several steps use.

use couplet::Stanza;

use super::probe::Probe;

pub(super) const NS_INFO: &str = "http://jabber.org/protocol/disco#info";
pub(super) const NS_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(super) const NS_VERSION: &str = "jabber:iq:version";

/// Returns queries with these namespaces, each `times` times: if another instance is online, a response
/// may be routed to that one.
pub(super) fn queries<'a>(
    namespaces: &'a [&'static str],
    from: &'a str,
    to: &'a str,
    times: usize,
) -> impl Iterator<Item = Probe<'a, &'static str>> {
    let all = std::iter::repeat_n(namespaces, times).flatten();
    all.map(move |ns| Probe {
        label: *ns,
        from,
        to,
        payload: format!("<query xmlns='{ns}'/>"),
    })
}

/// Returns `category/type` of the first identity in a result of service discovery.
pub(super) fn identity(stanza: &Stanza) -> Option<String> {
    let info = stanza.payload("query", NS_INFO)?;
    let identity = info.child("identity", NS_INFO)?;
    let value = |name| identity.attr(name).map(|value| printable(&value));
    let [category, type_] = ["category", "type"].map(|name| value(name).unwrap_or_default());
    Some(format!("{category}/{type_}"))
}

/// Returns the name and the version in a result of a version query.
pub(super) fn software(stanza: &Stanza) -> Option<String> {
    let version = stanza.payload("query", NS_VERSION)?;
    let text = |name| version.child(name, NS_VERSION);
    let parts = ["name", "version"].into_iter().filter_map(text);
    let parts: Vec<String> = parts.map(|part| printable(&part.text())).collect();
    Some(parts.join(" "))
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
