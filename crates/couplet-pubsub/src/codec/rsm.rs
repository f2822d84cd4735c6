//! Parses and writes result sets. (XEP-0059)

use std::borrow::Cow;

use couplet_core::{element::Element, xml_writer::XmlWriter};

use crate::{
    page::{Page, Paged, Start},
    pubsub_error::PubsubError,
};

/// The namespace of result sets.
pub(super) const NS_RSM: &str = "http://jabber.org/protocol/rsm";

/// Parses the requested page, if any.
///
/// # Errors
///
/// `bad-request` for an invalid number and for two start points.
pub(super) fn read(parent: Element<'_>) -> Result<Option<Page>, PubsubError> {
    let Some(set) = parent.child("set", NS_RSM) else {
        return Ok(None);
    };
    let mut page = Page::default();
    let mut begun = false;
    for child in set.children().filter(|child| child.ns() == NS_RSM) {
        let text = child.text();
        let from = match child.name() {
            "max" => {
                page.max = Some(number(&text)?.try_into().unwrap_or(u32::MAX));
                continue;
            }
            "after" if text.is_empty() => Start::First,
            "after" => Start::After(text.into_owned()),
            "before" if text.is_empty() => Start::Last,
            "before" => Start::Before(text.into_owned()),
            "index" => Start::Index(number(&text)?),
            _ => continue,
        };
        if std::mem::replace(&mut begun, true) {
            return Err(PubsubError::bad_request("A page has one start point"));
        }
        page.from = from;
    }
    Ok(Some(page))
}

/// Parses a number without sign; a larger one is clamped.
pub(super) fn number(text: &str) -> Result<u64, PubsubError> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(PubsubError::bad_request("This is not a number"));
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// Writes the `<set/>` of a page; `cursor` returns the cursor of an entry.
pub(super) fn write<'a, T>(
    paged: &'a Paged<T>,
    cursor: impl Fn(&'a T) -> Cow<'a, str>,
    xml: &mut XmlWriter<'_>,
) {
    xml.raw("<set xmlns='");
    xml.raw(NS_RSM);
    xml.raw("'>");
    if let (Some(first), Some(last)) = (paged.entries.first(), paged.entries.last()) {
        xml.raw("<first");
        if let Some(index) = paged.index {
            xml.attribute("index", &index.to_string());
        }
        xml.raw(">");
        xml.text(&cursor(first));
        xml.raw("</first>");
        xml.element("last", &cursor(last));
    }
    xml.element("count", &paged.count.to_string());
    xml.raw("</set>");
}

#[cfg(test)]
mod tests {
    use couplet::Condition;
    use couplet_core::element::{Scope, Tree};

    use super::*;

    fn page(set: &str) -> Result<Option<Page>, PubsubError> {
        let text = format!("<a><set xmlns='{NS_RSM}'>{set}</set></a>");
        read(Tree::parse(text, &Scope::client()).unwrap().root())
    }

    fn from(set: &str) -> Start {
        page(set).unwrap().unwrap().from
    }

    #[test]
    fn a_page_begins_at_the_requested_position() {
        assert_eq!(from(""), Start::First);
        assert_eq!(from("<after/>"), Start::First);
        assert_eq!(from("<after>a&amp;b</after>"), Start::After("a&b".into()));
        assert_eq!(from("<before/>"), Start::Last);
        assert_eq!(from("<before>b</before>"), Start::Before("b".into()));
        assert_eq!(from("<index>7</index>"), Start::Index(7));
        assert_eq!(page("<max>0</max>").unwrap().unwrap().max, Some(0));
        assert_eq!(
            page("<max>99999999999999999999</max>")
                .unwrap()
                .unwrap()
                .max,
            Some(u32::MAX)
        );
    }

    #[test]
    fn without_a_set_no_page_is_requested() {
        let tree = Tree::parse(b"<a/>", &Scope::client()).unwrap();
        assert_eq!(read(tree.root()), Ok(None));
    }

    #[test]
    fn garbage_is_a_bad_request() {
        for set in [
            "<max>many</max>",
            "<max>-1</max>",
            "<max/>",
            "<index>+1</index>",
            "<after>a</after><before>b</before>",
            "<index>1</index><before/>",
        ] {
            assert_eq!(
                page(set).unwrap_err().condition,
                Condition::BadRequest,
                "{set}"
            );
        }
    }

    #[test]
    fn a_page_has_its_edges_and_an_empty_one_only_the_count() {
        let written = |entries: Vec<String>| {
            let paged = Paged {
                entries,
                index: Some(3),
                count: 9,
            };
            let mut out = Vec::new();
            write(
                &paged,
                |entry: &String| entry.into(),
                &mut XmlWriter::new(&mut out),
            );
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(vec!["<a>".into(), "b".into(), "c".into()]),
            "<set xmlns='http://jabber.org/protocol/rsm'><first index='3'>&lt;a&gt;</first><last>c</last><count>9</count></set>"
        );
        assert_eq!(
            written(vec![]),
            "<set xmlns='http://jabber.org/protocol/rsm'><count>9</count></set>"
        );
    }
}
