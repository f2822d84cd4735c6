//! Reads the stream header: an optional XML declaration and one start tag.
//!
//! rxml reads it, once per session. The only check of its content is that it is a stream header;
//! the handshake judges the rest.

use rxml::error::EndOrError;
use rxml::{Event, Parse, Parser, RawEvent, RawParser};

use super::Opened;
use crate::element::{Malformed, NS_STREAM, NS_XML, Scope};

/// Reads a header in pieces.
#[derive(Debug, Default)]
pub(super) struct Header {
    parser: Parser,
    // The parser does not expose namespace declarations, hence the second, raw one.
    raw: RawParser,
    spent: usize,
    tag: String,
    declared: Vec<(String, String)>,
}

/// A complete header.
pub(super) struct Started {
    pub(super) opened: Opened,
    pub(super) scope: Scope,
    /// The name of the stream element as written, which its end tag must repeat.
    pub(super) tag: String,
    /// Whether the start tag also closed the stream (`<stream/>`).
    pub(super) closed: bool,
}

impl Header {
    /// Reads more bytes. Returns how many were used, and the header if it is complete.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        limit: usize,
    ) -> Result<(usize, Option<Started>), Malformed> {
        let mut rest = bytes;
        let event = loop {
            match self.parser.parse(&mut rest, false) {
                Ok(Some(Event::StartElement(_, name, attrs))) => break Some((name, attrs)),
                Ok(Some(_)) => {}
                Err(EndOrError::NeedMoreData) => break None,
                Ok(None) => return Err(Malformed::NotWellFormed("no stream header")),
                Err(EndOrError::Error(error)) => return Err(refused(error)),
            }
        };
        let used = bytes.len() - rest.len();
        self.spent += used;
        if self.spent > limit {
            return Err(Malformed::PolicyViolation("the stream header is too long"));
        }
        self.declarations(bytes.get(..used).unwrap_or_default())?;
        let Some(((ns, name), attrs)) = event else {
            return Ok((used, None));
        };
        if ns != NS_STREAM {
            return Err(Malformed::InvalidNamespace);
        }
        if name != "stream" {
            return Err(Malformed::BadFormat);
        }
        let closed = matches!(self.parser.parse(&mut &b""[..], false), Ok(Some(_)));
        let declared = self
            .declared
            .iter()
            .map(|(prefix, uri)| (prefix.as_str(), uri.as_str()));
        let scope = Scope::bind(declared);
        let default = self.declared.iter().rfind(|(prefix, _)| prefix.is_empty());
        let attrs = attrs.into_iter().filter_map(|((ns, name), value)| {
            let name = if ns == NS_XML {
                format!("xml:{name}")
            } else {
                name.to_string()
            };
            (ns.is_none() || ns == NS_XML).then_some((name, value))
        });
        let xmlns = default.map(|(_, uri)| uri.clone()).unwrap_or_default();
        let opened = Opened {
            attrs: attrs.collect(),
            xmlns,
        };
        Ok((
            used,
            Some(Started {
                opened,
                scope,
                tag: std::mem::take(&mut self.tag),
                closed,
            }),
        ))
    }

    fn declarations(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        loop {
            match self.raw.parse(&mut bytes, false) {
                Ok(Some(RawEvent::ElementHeadOpen(_, (prefix, name)))) => {
                    self.tag = match prefix {
                        Some(prefix) => format!("{prefix}:{name}"),
                        None => name.to_string(),
                    };
                }
                Ok(Some(RawEvent::Attribute(_, (Some(prefix), name), uri)))
                    if prefix == "xmlns" =>
                {
                    self.declared.push((name.to_string(), uri));
                }
                Ok(Some(RawEvent::Attribute(_, (None, name), uri))) if name == "xmlns" => {
                    self.declared.push((String::new(), uri));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(()),
                Err(EndOrError::Error(error)) => return Err(refused(error)),
            }
        }
    }
}

fn refused(error: rxml::Error) -> Malformed {
    match error {
        rxml::Error::RestrictedXml(what) if what.contains("encoding") => {
            Malformed::UnsupportedEncoding
        }
        rxml::Error::RestrictedXml(what) => Malformed::RestrictedXml(what),
        _ => Malformed::NotWellFormed("a broken stream header"),
    }
}
