//! A stanza: kind, type, from, to, id, language and payloads, read from its bytes on demand.
//!
//! Payloads are not validated: the sender of a stanza with an invalid payload can still be
//! answered.

use std::{borrow::Cow, fmt, sync::Arc};

use xso::{FromXml, fromxml::XmlNameMatcher};

use crate::{
    address::Address,
    element::{Element, NS_XML, Tree},
    jid::Jid,
    xml_writer::NS_CLIENT,
};

mod attributes;
mod kind;
mod unreadable;

pub use kind::{IqType, Kind};
pub use unreadable::NotAStanza;

use attributes::{Type, Value};

/// A received stanza. Cheap to clone: clones share the bytes. (RFC 6120, 8)
///
/// `Debug` shows the addresses, never the payload, because message bodies do not belong in logs.
///
/// # Examples
///
/// ```
/// use couplet_core::{element::{Scope, Tree}, stanza::{Kind, Stanza}};
///
/// let bytes = "<message from='a@example.org/x' to='bot@echo.test' type='chat'><body>hi</body></message>";
/// let tree = Tree::parse(bytes, &Scope::component()).unwrap();
/// let stanza = Stanza::read(tree).unwrap();
/// assert_eq!(stanza.kind(), Kind::Message);
/// assert_eq!(stanza.from().as_str(), "a@example.org/x");
/// assert_eq!(stanza.payloads().next().unwrap().text(), "hi");
/// ```
#[derive(Clone)]
pub struct Stanza(Arc<Inner>);

struct Inner {
    tree: Tree,
    kind: Kind,
    type_: Type,
    from: Address,
    to: Address,
    id: Value,
    lang: Value,
}

impl Stanza {
    /// Converts a top-level element of the stream to a stanza.
    ///
    /// # Errors
    ///
    /// [`NotAStanza`] describes what the element is instead, or which address is invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{element::{Scope, Tree}, stanza::{NotAStanza, Stanza}};
    ///
    /// let tree = Tree::parse("<iq from='a@b' to='@@'/>", &Scope::component()).unwrap();
    /// assert!(matches!(Stanza::read(tree), Err(NotAStanza::BadTo { .. })));
    /// ```
    pub fn read(tree: Tree) -> Result<Stanza, NotAStanza> {
        let root = tree.root();
        let Some(kind) = Kind::of(root) else {
            return Err(NotAStanza::Other(Box::new(tree)));
        };
        let (mut from, mut to, mut type_) = (None, None, Type::Missing);
        let (mut id, mut lang) = (Value::Missing, Value::Missing);
        let xml = tree.as_str();
        for attribute in root.attributes() {
            let (ns, value) = (attribute.ns(), attribute.value());
            match attribute.name() {
                b"from" if ns.is_empty() => from = Address::read(xml, value),
                b"to" if ns.is_empty() => to = Some(Address::read(xml, value)),
                b"type" if ns.is_empty() => type_ = Type::of(value),
                b"id" if ns.is_empty() => id = Value::of(xml, value),
                b"lang" if ns == NS_XML => lang = Value::of(xml, value),
                _ => {}
            }
        }
        match (from, to) {
            (Some(from), Some(Some(to))) => Ok(Stanza(Arc::new(Inner {
                tree,
                kind,
                type_,
                from,
                to,
                id,
                lang,
            }))),
            (Some(from), to) => Err(NotAStanza::BadTo {
                kind,
                type_: root.attr("type").map(Cow::into_owned),
                id: root.attr("id").map(Cow::into_owned),
                from: Box::new(from.jid(tree.as_str()).clone()),
                absent: to.is_none(),
            }),
            (None, _) => Err(NotAStanza::BadFrom(kind)),
        }
    }

    /// Returns the kind: message, presence or IQ.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::stanza::Kind;
    ///
    /// assert_eq!(stanza.kind(), Kind::Iq);
    /// ```
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the attribute `type` as written.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq type='get' from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.type_().as_deref(), Some("get"));
    /// ```
    #[must_use]
    pub fn type_(&self) -> Option<Cow<'_, str>> {
        match self.0.type_ {
            Type::Missing => None,
            Type::Known(word) => Some(Cow::Borrowed(word)),
            Type::Unknown => self.root().attr("type"),
        }
    }

    /// Returns the sender. The server sets it, so a peer cannot forge it. (RFC 6120, 8.1.2)
    ///
    /// It has exactly the characters that the server wrote, and responses go to these characters.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b/x' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.from().as_str(), "a@b/x");
    /// ```
    #[must_use]
    pub fn from(&self) -> &Jid {
        self.0.from.jid(self.as_xml())
    }

    /// Returns the characters of [`Stanza::from`] without parsing them.
    #[must_use]
    pub fn from_text(&self) -> &str {
        self.0.from.as_str(self.as_xml())
    }

    /// Returns the address of the component that it was sent to. (RFC 6120, 8.1.1)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b/x' to='bot@c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.to().as_str(), "bot@c");
    /// ```
    #[must_use]
    pub fn to(&self) -> &Jid {
        self.0.to.jid(self.as_xml())
    }

    /// Returns the characters of [`Stanza::to`] without parsing them.
    #[must_use]
    pub fn to_text(&self) -> &str {
        self.0.to.as_str(self.as_xml())
    }

    /// Returns the prepared form of [`Stanza::from`], for comparisons. (RFC 7622)
    #[must_use]
    pub fn from_prepared(&self) -> &str {
        self.0.from.prepared(self.as_xml())
    }

    /// Returns the prepared form of [`Stanza::to`], for comparisons. (RFC 7622)
    #[must_use]
    pub fn to_prepared(&self) -> &str {
        self.0.to.prepared(self.as_xml())
    }

    /// Returns the domain it was sent to, in prepared form.
    #[must_use]
    pub fn to_domain(&self) -> &str {
        self.0.to.prepared_domain(self.as_xml())
    }

    /// Returns whether it was sent from an address of the domain it was sent to: by the component
    /// itself.
    #[must_use]
    pub fn is_from_own_domain(&self) -> bool {
        let xml = self.as_xml();
        self.0.from.prepared_domain(xml) == self.0.to.prepared_domain(xml)
    }

    /// Returns the unescaped attribute `id`. (RFC 6120, 8.1.3)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq id='1&amp;2' from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.id().as_deref(), Some("1&2"));
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.value(self.0.id, "", "id")
    }

    /// Returns the language of its human-readable text. (RFC 6120, 8.1.5)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message xml:lang='de' from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.lang().as_deref(), Some("de"));
    /// ```
    #[must_use]
    pub fn lang(&self) -> Option<Cow<'_, str>> {
        self.value(self.0.lang, NS_XML, "lang")
    }

    /// Returns the element of the stanza.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert!(stanza.root().is("message", "jabber:client"));
    /// ```
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        self.0.tree.root()
    }

    /// Returns the child elements, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'><ping xmlns='urn:xmpp:ping'/></iq>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.payloads().map(|payload| payload.name()).collect::<Vec<_>>(), ["ping"]);
    /// ```
    pub fn payloads(&self) -> impl Iterator<Item = Element<'_>> {
        self.root().children()
    }

    /// Returns the first child with this name and namespace.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'><ping xmlns='urn:xmpp:ping'/></iq>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert!(stanza.payload("ping", "urn:xmpp:ping").is_some());
    /// assert!(stanza.payload("ping", "jabber:client").is_none());
    /// ```
    #[must_use]
    pub fn payload(&self, name: &str, ns: &str) -> Option<Element<'_>> {
        self.root().child(name, ns)
    }

    /// Returns the first child element of the payload type `T`, parsed; `None` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'><ping xmlns='urn:xmpp:ping'/></iq>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert!(matches!(stanza.payload_as::<xmpp_parsers::ping::Ping>(), Some(Ok(_))));
    /// ```
    #[must_use]
    pub fn payload_as<T: FromXml>(&self) -> Option<Result<T, xso::error::Error>> {
        let wanted = T::xml_name_matcher();
        self.payloads()
            .find(|payload| match wanted {
                XmlNameMatcher::Any => true,
                XmlNameMatcher::InNamespace(ns) => payload.ns() == ns,
                XmlNameMatcher::Specific(ns, name) => payload.is(name, ns),
            })
            .map(|payload| payload.parse::<T>())
    }

    /// Returns the text of the first child with this name in the stanza's own namespace.
    pub(crate) fn text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        self.payload(name, NS_CLIENT).map(|element| element.text())
    }

    fn value(&self, value: Value, ns: &str, name: &str) -> Option<Cow<'_, str>> {
        match value {
            Value::Missing => None,
            Value::At(start, end) => self.as_xml().get(start..end).map(Cow::Borrowed),
            Value::Unescaped => self.root().attr_ns(ns, name),
        }
    }

    /// Returns the XML as received.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert_eq!(stanza.as_xml(), "<iq from='a@b' to='c'/>");
    /// ```
    #[must_use]
    pub fn as_xml(&self) -> &str {
        self.0.tree.as_str()
    }

    /// Returns the memory that the stanza holds, in bytes. Use it to bound the memory of queued
    /// stanzas.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert!(stanza.memory() > stanza.as_xml().len());
    /// ```
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0.tree.memory() + size_of::<Inner>()
    }

    /// Returns whether another clone exists, which keeps the tree alive when this one is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// let kept = stanza.clone();
    /// assert!(stanza.is_shared());
    /// drop(kept);
    /// assert!(!stanza.is_shared());
    /// ```
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Returns the buffer of its bytes for reuse, or `None` if a clone still exists.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// let kept = stanza.clone();
    /// assert!(stanza.into_memory().is_none());
    /// assert!(kept.into_memory().is_some());
    /// ```
    #[must_use]
    pub fn into_memory(self) -> Option<Vec<u8>> {
        Some(Arc::into_inner(self.0)?.tree.into_memory())
    }

    /// Returns whether it is a response: an IQ result or any error. Responses are never answered.
    /// (RFC 6120, 8.3.1: "MUST NOT respond to an error stanza with a further error")
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq type='result' from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// assert!(stanza.is_answer());
    /// ```
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self.type_().as_deref() {
            Some("error") => true,
            Some("result") => self.kind() == Kind::Iq,
            _ => false,
        }
    }
}

impl fmt::Debug for Stanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stanza")
            .field("kind", &self.kind())
            .field("type", &self.type_())
            .field("from", &self.from_text())
            .field("to", &self.to_text())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Scope;
    use crate::xml_writer::NS_CLIENT;

    fn read(xml: &str) -> Result<Stanza, NotAStanza> {
        Stanza::read(Tree::parse(xml, &Scope::component()).unwrap())
    }

    #[test]
    fn a_stanza_is_namespace_neutral() {
        let stanza =
            read("<iq type='get' from='a@b' to='c'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
        assert_eq!(stanza.root().ns(), NS_CLIENT);
        assert_eq!(IqType::of(&stanza), Some(IqType::Get));
    }

    #[test]
    fn the_own_domain_is_known_in_every_form_and_another_is_another() {
        let own = |from: &str, to: &str| {
            let stanza = read(&format!("<message from='{from}' to='{to}'/>"));
            stanza.unwrap().is_from_own_domain()
        };
        assert!(own("a@bot.example/r", "b@bot.example"));
        assert!(own("a@BOT.example.", "bot.example"));
        assert!(own("a@\u{30c4}.example", "xn--bdk.example"));
        // IDNA2008: these are two domains with different owners.
        assert!(!own("a@stra\u{df}e.example", "b@strasse.example"));
        assert!(!own("a@bot.example", "b@x.bot.example"));
    }

    #[test]
    fn debug_shows_addresses_and_hides_the_body() {
        let stanza = read("<message from='a@b' to='c'><body>secret</body></message>").unwrap();
        let shown = format!("{stanza:?}");
        assert!(
            shown.contains("a@b") && !shown.contains("secret"),
            "{shown}"
        );
    }

    #[test]
    fn an_id_is_unescaped_and_must_not_be_of_another_namespace() {
        let stanza = read("<iq from='a@b' to='c' id='1&amp;2' xml:lang='de'/>").unwrap();
        assert_eq!(stanza.id().as_deref(), Some("1&2"));
        assert_eq!(stanza.lang().as_deref(), Some("de"));
        let other = read("<iq from='a@b' to='c' x:id='1' xmlns:x='u:x' lang='de'/>").unwrap();
        assert_eq!((other.id(), other.lang()), (None, None));
        assert_eq!(
            read("<iq from='a@b' to='c' id=''/>")
                .unwrap()
                .id()
                .as_deref(),
            Some("")
        );
    }

    #[test]
    fn an_element_that_is_no_stanza_is_handed_back() {
        assert!(matches!(read("<handshake/>"), Err(NotAStanza::Other(_))));
        assert!(matches!(
            read("<iq xmlns='x' from='a@b' to='c'/>"),
            Err(NotAStanza::Other(_))
        ));
    }

    #[test]
    fn a_missing_and_an_invalid_address_are_distinguished() {
        assert!(matches!(
            read("<iq from='@@' to='c'/>"),
            Err(NotAStanza::BadFrom(Kind::Iq))
        ));
        assert!(matches!(
            read("<iq to='c'/>"),
            Err(NotAStanza::BadFrom(Kind::Iq))
        ));
        assert!(matches!(
            read("<iq from='a@b' to='@@'/>"),
            Err(NotAStanza::BadTo { absent: false, .. })
        ));
        assert!(matches!(
            read("<iq from='a@b'/>"),
            Err(NotAStanza::BadTo { absent: true, .. })
        ));
    }

    #[test]
    fn results_and_errors_are_answers() {
        assert!(
            read("<iq type='result' from='a@b' to='c'/>")
                .unwrap()
                .is_answer()
        );
        assert!(
            read("<message type='error' from='a@b' to='c'/>")
                .unwrap()
                .is_answer()
        );
        assert!(
            !read("<message type='result' from='a@b' to='c'/>")
                .unwrap()
                .is_answer()
        );
        assert!(!read("<presence from='a@b' to='c'/>").unwrap().is_answer());
    }
}
