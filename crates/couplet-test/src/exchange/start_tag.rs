//! Edits the start tag of a stanza as text. The stanza must be well-formed.

use couplet_core::xml_writer::XmlWriter;

/// Returns the stanza with this `from`, which replaces any other. (RFC 6120, 8.1.2.1)
pub(super) fn stamped(stanza: &str, from: &str) -> String {
    let name_end = stanza
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
        .unwrap_or(stanza.len());
    let (name, rest) = stanza.split_at(name_end);
    let mut out = Vec::with_capacity(stanza.len() + from.len() + 8);
    let mut xml = XmlWriter::new(&mut out);
    xml.raw(name);
    xml.attribute("from", from);
    match attribute(rest, "from") {
        Some((start, end)) => {
            xml.raw(rest.get(..start).unwrap_or_default());
            xml.raw(rest.get(end..).unwrap_or_default());
        }
        None => xml.raw(rest),
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns whether the start tag itself has an `xmlns`.
pub(super) fn declares_namespace(stanza: &str) -> bool {
    let name_end = stanza.find(|c: char| c.is_ascii_whitespace());
    let rest = name_end.and_then(|end| stanza.get(end..));
    rest.is_some_and(|rest| attribute(rest, "xmlns").is_some())
}

/// Returns the range of an attribute and the white space before it; `rest` begins after the element
/// name.
fn attribute(rest: &str, wanted: &str) -> Option<(usize, usize)> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    loop {
        let start = at;
        while bytes.get(at)?.is_ascii_whitespace() {
            at += 1;
        }
        if matches!(bytes.get(at)?, b'>' | b'/') {
            return None;
        }
        let name_start = at;
        while !matches!(bytes.get(at)?, b'=' | b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
        }
        let name = rest.get(name_start..at)?;
        while !matches!(bytes.get(at)?, b'\'' | b'"') {
            at += 1;
        }
        let quote = *bytes.get(at)?;
        at += 1;
        while *bytes.get(at)? != quote {
            at += 1;
        }
        at += 1;
        if name == wanted {
            return Some((start, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{declares_namespace, stamped};

    #[test]
    fn the_from_of_a_stanza_is_replaced_by_its_sender() {
        assert_eq!(stamped("<iq/>", "a@b"), "<iq from='a@b'/>");
        assert_eq!(
            stamped("<iq to='c' from = \"x'y\"\n id='/>'>from='z'</iq>", "a@b/'"),
            "<iq from='a@b/&apos;' to='c'\n id='/>'>from='z'</iq>"
        );
    }

    #[test]
    fn a_namespace_counts_only_on_the_stanza_itself() {
        assert!(declares_namespace("<iq to='a' xmlns='jabber:client'/>"));
        assert!(!declares_namespace("<iq to='xmlns'><a xmlns='x'/></iq>"));
        assert!(!declares_namespace("<iq/>"));
    }
}
