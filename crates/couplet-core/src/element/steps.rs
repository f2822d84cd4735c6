//! Walks a tree in document order, and converts it to minidom elements and typed payloads.
//!
//! The walk is iterative. The converted values may be recursive, hence the limit on depth.

use std::borrow::Cow;
use std::fmt;

use rxml::parser::EventMetrics;
use rxml::xml_lang::XmlLangStack;
use rxml::{AttrMap, Event, Namespace, NcName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::XmlNameMatcher;
use xso::{Context, FromEventsBuilder, FromXml};

use super::node::Node;
use super::scope::NS_XML;
use super::{Element, Tree};

/// Maximum depth of an element that is converted to a minidom element or a typed payload. Both
/// recurse, and a few thousand levels overflow a thread's stack, which aborts the process.
///
/// # Examples
///
/// ```
/// // What the framer lets through by default can always be parsed.
/// assert!(couplet_core::framer::Limits::default().depth <= couplet_core::element::DEEPEST);
/// ```
pub const DEEPEST: usize = 256;

/// One step of a walk over an element. `Debug` does not show the text.
///
/// # Examples
///
/// ```
/// use couplet_core::element::{Scope, Step, Tree};
///
/// let tree = Tree::parse(b"<a>b</a>", &Scope::client())?;
/// let steps: Vec<_> = tree.root().steps().collect();
/// assert!(matches!(steps[..], [Step::Open(_), Step::Text("b"), Step::Close]));
/// # Ok::<(), couplet_core::element::Malformed>(())
/// ```
#[derive(Clone, Copy)]
pub enum Step<'a> {
    /// The start of an element, with its attributes.
    Open(Element<'a>),
    /// Unescaped characters. One text may be split into several steps.
    Text(&'a str),
    /// The end of the innermost open element.
    Close,
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(element) => write!(f, "Open({element:?})"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// An iterator over the steps of an element, created by [`Element::steps`].
///
/// # Examples
///
/// See [`Step`].
#[derive(Debug)]
pub struct Steps<'a> {
    tree: &'a Tree,
    at: usize,
    /// The end of the innermost open element.
    innermost: Option<usize>,
    /// The ends of the elements around it, outermost first.
    around: Vec<usize>,
    end: usize,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if self.innermost == Some(self.at) {
            self.innermost = self.around.pop();
            return Some(Step::Close);
        }
        while self.at < self.end {
            let index = self.at;
            self.at += 1;
            match self.tree.node(index)? {
                Node::Element { next, .. } => {
                    if let Some(outer) = self.innermost.replace(next as usize) {
                        self.around.push(outer);
                    }
                    self.skip_head();
                    return Some(Step::Open(Element {
                        tree: self.tree,
                        index,
                    }));
                }
                Node::Text(span) => return Some(Step::Text(self.tree.slice(span))),
                Node::Attribute { .. } | Node::Declaration { .. } => {}
            }
        }
        None
    }
}

impl Steps<'_> {
    fn skip_head(&mut self) {
        while let Some(Node::Attribute { .. } | Node::Declaration { .. }) = self.tree.node(self.at)
        {
            self.at += 1;
        }
    }
}

impl<'a> Element<'a> {
    /// Returns an iterator over the element and its content, in document order.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a><b/></a>", &Scope::client())?;
    /// assert_eq!(tree.root().steps().count(), 4);
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn steps(self) -> Steps<'a> {
        Steps {
            tree: self.tree,
            at: self.index,
            innermost: None,
            around: Vec::new(),
            end: self.end(),
        }
    }

    /// Converts the element to a minidom element. Use it to edit the element or to call code that
    /// takes one.
    ///
    /// # Errors
    ///
    /// The element is nested deeper than [`DEEPEST`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a><b/></a>", &Scope::client())?;
    /// let element = tree.root().to_minidom().expect("it is not deep");
    /// assert!(element.is("a", "jabber:client"));
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    pub fn to_minidom(self) -> Result<minidom::Element, Error> {
        let mut open: Vec<minidom::Element> = Vec::new();
        for step in self.steps() {
            match step {
                Step::Open(_) if open.len() >= DEEPEST => return Err(TOO_DEEP),
                Step::Open(element) => open.push(bare(element)?),
                Step::Text(text) => {
                    if let Some(parent) = open.last_mut() {
                        parent.append_text(text);
                    }
                }
                Step::Close => match (open.pop(), open.last_mut()) {
                    (Some(done), Some(parent)) => {
                        parent.append_child(done);
                    }
                    (Some(done), None) => return Ok(done),
                    (None, _) => break,
                },
            }
        }
        Err(UNFINISHED)
    }

    /// Parses the element as a typed payload, such as those of xmpp-parsers.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` if this type has another name or namespace; any other error if the content
    /// does not follow its XEP or the element is nested deeper than [`DEEPEST`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    /// use xmpp_parsers::ping::Ping;
    ///
    /// let ping = b"<iq><ping xmlns='urn:xmpp:ping'/></iq>";
    /// let tree = Tree::parse(ping, &Scope::client())?;
    /// let payload = tree.root().children().next().expect("a payload");
    /// assert!(payload.parse::<Ping>().is_ok());
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    pub fn parse<T: FromXml>(self) -> Result<T, Error> {
        let mut languages = self.tree.languages.then(XmlLangStack::new);
        if let Some(languages) = &mut languages
            && let Some(inherited) = self.inherited_language()
        {
            let mut attrs = AttrMap::new();
            attrs.insert(
                Namespace::xml().clone(),
                NcName::try_from("lang")?,
                inherited.to_owned(),
            );
            languages.push_from_attrs(&attrs);
        }
        let ns = self.namespace_for::<T>();
        let (name, attrs) = head(self, &ns)?;
        if let Some(languages) = &mut languages {
            languages.push_from_attrs(&attrs);
        }
        let context =
            Context::empty().with_language(languages.as_ref().and_then(XmlLangStack::current));
        let mut builder = T::from_events(name, attrs, &context).map_err(|error| match error {
            FromEventsError::Mismatch { .. } => Error::TypeMismatch,
            FromEventsError::Invalid(error) => error,
        })?;
        let mut depth = 1;
        let mut steps = self.steps();
        let _this_element = steps.next();
        for step in steps {
            let event = match step {
                Step::Open(_) if depth >= DEEPEST => return Err(TOO_DEEP),
                Step::Open(element) => {
                    depth += 1;
                    let (name, attrs) = head(element, &ns)?;
                    if let Some(languages) = &mut languages {
                        languages.push_from_attrs(&attrs);
                    }
                    Event::StartElement(EventMetrics::zero(), name, attrs)
                }
                Step::Text(text) => Event::Text(EventMetrics::zero(), text.to_owned()),
                Step::Close => {
                    depth -= 1;
                    if let Some(languages) = &mut languages {
                        languages.pop();
                    }
                    Event::EndElement(EventMetrics::zero())
                }
            };
            let context =
                Context::empty().with_language(languages.as_ref().and_then(XmlLangStack::current));
            if let Some(payload) = builder.feed(event, &context)? {
                return Ok(payload);
            }
        }
        Err(UNFINISHED)
    }

    /// Returns the namespace of the element, without a copy if the type knows it.
    fn namespace_for<T: FromXml>(self) -> Namespace<'static> {
        match T::xml_name_matcher() {
            XmlNameMatcher::Specific(ns, _) | XmlNameMatcher::InNamespace(ns)
                if ns == self.ns() =>
            {
                Namespace::from_str(ns)
            }
            _ => namespace(self.ns()),
        }
    }

    /// Returns the `xml:lang` of the innermost element around this one that has one (XML 1.0,
    /// 2.12).
    pub(super) fn inherited_language(self) -> Option<&'a str> {
        let mut language = None;
        for outer in self.around() {
            let own = outer
                .attrs()
                .find(|(ns, name, _)| *name == "lang" && *ns == NS_XML);
            if let Some((_, _, Cow::Borrowed(own))) = own {
                language = Some(own);
            }
        }
        language
    }

    /// Returns the elements around this one, outermost first.
    pub(super) fn around(self) -> impl Iterator<Item = Element<'a>> {
        let inside = move |outer: &Element<'a>| outer.index != self.index;
        let mut at = Some(self.tree.root()).filter(inside);
        std::iter::from_fn(move || {
            let outer = at?;
            let next = outer.children().find(|child| child.end() > self.index);
            at = next.filter(inside);
            Some(outer)
        })
    }
}

const TOO_DEEP: Error = Error::Other("nested too deep");
const UNFINISHED: Error = Error::Other("the payload wants more than there is");

fn bare(element: Element<'_>) -> Result<minidom::Element, Error> {
    let mut bare = minidom::Element::bare(element.name(), element.ns());
    for (ns, name, value) in element.attrs() {
        bare.set_attr(namespace(ns), NcName::try_from(name)?, value.into_owned());
    }
    Ok(bare)
}

/// Returns the name and attributes of an element. Shares `ns` if it is the namespace of the element.
fn head(element: Element<'_>, ns: &Namespace<'static>) -> Result<(rxml::QName, AttrMap), Error> {
    let mut attrs = AttrMap::new();
    for (ns, name, value) in element.attrs() {
        attrs.insert(namespace(ns), NcName::try_from(name)?, value.into_owned());
    }
    let ns = if *ns == element.ns() {
        ns.clone()
    } else {
        namespace(element.ns())
    };
    Ok(((ns, NcName::try_from(element.name())?), attrs))
}

fn namespace(uri: &str) -> Namespace<'static> {
    Namespace::try_share_static(uri).unwrap_or_else(|| uri.to_owned().into())
}
