//! Writes elements.

use couplet_core::xml_writer::XmlWriter;

/// Returns what `content` writes as a string.
pub(super) fn to_string(content: impl FnOnce(&mut XmlWriter<'_>)) -> String {
    let mut out = Vec::new();
    content(&mut XmlWriter::new(&mut out));
    String::from_utf8(out).unwrap_or_default()
}

/// Writes `<pubsub/>` around `content`.
pub(super) fn within(ns: &str, xml: &mut XmlWriter<'_>, content: impl FnOnce(&mut XmlWriter<'_>)) {
    xml.raw("<pubsub xmlns='");
    xml.raw(ns);
    xml.raw("'>");
    content(xml);
    xml.raw("</pubsub>");
}

/// Writes an element with content; attributes without a value are left out.
pub(super) fn tag(
    name: &str,
    attributes: &[(&str, Option<&str>)],
    xml: &mut XmlWriter<'_>,
    content: impl FnOnce(&mut XmlWriter<'_>),
) {
    start(name, attributes, xml);
    xml.raw(">");
    content(xml);
    xml.raw("</");
    xml.raw(name);
    xml.raw(">");
}

/// Writes an empty element.
pub(super) fn empty(name: &str, attributes: &[(&str, Option<&str>)], xml: &mut XmlWriter<'_>) {
    start(name, attributes, xml);
    xml.raw("/>");
}

fn start(name: &str, attributes: &[(&str, Option<&str>)], xml: &mut XmlWriter<'_>) {
    xml.raw("<");
    xml.raw(name);
    for (name, value) in attributes {
        if let Some(value) = value {
            xml.attribute(name, value);
        }
    }
}
