//! Builds requests as XML, so that a case reads like the examples of the XEP.
//!
//! There are no types for requests, because half of the cases send invalid ones.

pub(crate) const NS_PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub(crate) const NS_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
pub(crate) const NS_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
pub(crate) const NS_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
pub(crate) const NS_DATA: &str = "jabber:x:data";
pub(crate) const NS_RSM: &str = "http://jabber.org/protocol/rsm";
pub(crate) const NS_INFO: &str = "http://jabber.org/protocol/disco#info";
pub(crate) const NS_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(crate) const NS_COMMANDS: &str = "http://jabber.org/protocol/commands";
pub(crate) const NS_STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
pub(crate) const NS_ATOM: &str = "http://www.w3.org/2005/Atom";
pub(crate) const NS_SHIM: &str = "http://jabber.org/protocol/shim";
pub(crate) const NS_DELAY: &str = "urn:xmpp:delay";

/// Escapes a text for content and attributes.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('\'', "&apos;")
}

/// Wraps a request of an entity or a publisher.
pub(crate) fn pubsub(inner: &str) -> String {
    format!("<pubsub xmlns='{NS_PUBSUB}'>{inner}</pubsub>")
}

/// Wraps a request of an owner.
pub(crate) fn owner(inner: &str) -> String {
    format!("<pubsub xmlns='{NS_OWNER}'>{inner}</pubsub>")
}

/// Returns an element of a request with a node and further attributes, in this order.
pub(crate) fn element(name: &str, attributes: &[(&str, &str)], inner: &str) -> String {
    let mut xml = format!("<{name}");
    for (attribute, value) in attributes {
        xml.push_str(&format!(" {attribute}='{}'", escaped(value)));
    }
    if inner.is_empty() {
        return xml + "/>";
    }
    format!("{xml}>{inner}</{name}>")
}

/// Returns a submitted form of this FORM_TYPE; the names of the fields are without `pubsub#`.
pub(crate) fn form(form_type: &str, fields: &[(&str, &str)]) -> String {
    let mut xml = format!(
        "<x xmlns='{NS_DATA}' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>http://jabber.org/protocol/pubsub#{form_type}</value></field>"
    );
    for (field, value) in fields {
        let value = escaped(value);
        xml.push_str(&format!(
            "<field var='pubsub#{field}'><value>{value}</value></field>"
        ));
    }
    xml + "</x>"
}

/// Returns a form of a node configuration.
pub(crate) fn config(fields: &[(&str, &str)]) -> String {
    form("node_config", fields)
}

/// Returns a form of subscription options.
pub(crate) fn options(fields: &[(&str, &str)]) -> String {
    form("subscribe_options", fields)
}

/// Returns an item with this id, if it is not empty, and this payload.
pub(crate) fn item(id: &str, payload: &str) -> String {
    match id {
        "" => element("item", &[], payload),
        id => element("item", &[("id", id)], payload),
    }
}

/// Returns a payload with a recognisable title.
pub(crate) fn entry(title: &str) -> String {
    let title = escaped(title);
    format!("<entry xmlns='{NS_ATOM}'><title>{title}</title></entry>")
}

/// Returns the `<set/>` of a page (XEP-0059).
pub(crate) fn page(inner: &str) -> String {
    format!("<set xmlns='{NS_RSM}'>{inner}</set>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_escaped() {
        assert_eq!(
            element("create", &[("node", "a'<&>")], ""),
            "<create node='a&apos;&lt;&amp;&gt;'/>"
        );
    }
}
