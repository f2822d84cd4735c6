//! Reads one stream twice: with rxml, and with the framer and the tree. Also used by a fuzz target.

use std::collections::BTreeMap;

use couplet_core::element::{NS_CLIENT, NS_COMPONENT, Step, Tree};
use couplet_core::framer::{Frame, Framer, Limits};
use rxml::error::EndOrError;
use rxml::parser::{Options, WithOptions};
use rxml::{Event, Parse, Parser};

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' id='1'>";
const FOOTER: &[u8] = b"</stream:stream>";
const WIDE: Limits = Limits {
    stanza_bytes: 1 << 30,
    elements: 1 << 30,
    depth: 1 << 30,
    attributes: 1 << 30,
};

#[derive(Debug, PartialEq)]
enum Content {
    Open(String, String, BTreeMap<(String, String), String>),
    Text(String),
    Close,
}

#[derive(Debug, PartialEq)]
struct Stanza {
    bytes: Vec<u8>,
    content: Vec<Content>,
}

/// The content of a stream, as far as it was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    stanzas: Vec<Stanza>,
    /// Whether the stream was read to its end.
    pub(crate) closed: bool,
}

fn neutral(ns: &str) -> String {
    if ns == NS_COMPONENT {
        NS_CLIENT.to_owned()
    } else {
        ns.to_owned()
    }
}

fn add_text(content: &mut Vec<Content>, more: &str) {
    if let Some(Content::Text(text)) = content.last_mut() {
        text.push_str(more);
    } else if !more.is_empty() {
        content.push(Content::Text(more.to_owned()));
    }
}

fn read_by_rxml(document: &[u8]) -> Reading {
    let mut parser = Parser::with_options(Options {
        max_token_length: 1 << 13,
        ..Options::default()
    });
    let mut reading = Reading {
        stanzas: Vec::new(),
        closed: false,
    };
    let (mut rest, mut start, mut depth) = (document, 0, 0);
    let mut content = Vec::new();
    loop {
        let event = match parser.parse(&mut rest, false) {
            Ok(Some(event)) => event,
            Ok(None) | Err(EndOrError::NeedMoreData | EndOrError::Error(_)) => return reading,
        };
        // Not the sum of all lengths, because rxml 0.14 leaves out empty CDATA sections.
        let position = document.len() - rest.len();
        let begin = position - event.metrics().len();
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, (ns, name), attrs) => {
                depth += 1;
                if depth == 2 {
                    (start, content) = (begin, Vec::new());
                }
                let attrs = attrs
                    .into_iter()
                    .map(|((ns, name), value)| ((neutral(&ns), name.to_string()), value));
                content.push(Content::Open(
                    neutral(&ns),
                    name.to_string(),
                    attrs.collect(),
                ));
            }
            Event::Text(_, text) => add_text(&mut content, &text),
            Event::EndElement(_) => {
                depth -= 1;
                content.push(Content::Close);
                assert_eq!(
                    position,
                    document.len() - rest.len(),
                    "rxml counts what it reads"
                );
                match depth {
                    0 => {
                        reading.closed = true;
                        return reading;
                    }
                    1 => reading.stanzas.push(Stanza {
                        bytes: document.get(start..position).unwrap_or_default().to_vec(),
                        content: std::mem::take(&mut content),
                    }),
                    _ => {}
                }
            }
        }
    }
}

fn read_by_us(document: &[u8], chunks: &[usize]) -> Reading {
    let mut reading = Reading {
        stanzas: Vec::new(),
        closed: false,
    };
    let mut framer = Framer::new(WIDE);
    let (mut rest, mut sizes) = (document, chunks.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().map_or(0, |size| rest.len().min(*size)));
        rest = after;
        framer.push(chunk);
        loop {
            match framer.next() {
                Ok(Some(Frame::Stanza(bytes))) => match read_stanza(&bytes, &framer) {
                    Some(stanza) => reading.stanzas.push(stanza),
                    None => return reading,
                },
                Ok(Some(Frame::Closed)) => {
                    reading.closed = true;
                    return reading;
                }
                Ok(Some(Frame::Opened(_))) => {}
                Ok(None) => break,
                Ok(Some(other)) => unreachable!("nothing is over a limit: {other:?}"),
                Err(_) => return reading,
            }
        }
    }
    reading
}

fn read_stanza(bytes: &[u8], framer: &Framer) -> Option<Stanza> {
    let tree = Tree::parse(bytes, framer.scope()).ok()?;
    assert_eq!(tree.as_str().as_bytes(), bytes);
    let mut content = Vec::new();
    for step in tree.root().steps() {
        match step {
            Step::Open(element) => {
                let attrs = element.attrs().map(|(ns, name, value)| {
                    ((ns.to_owned(), name.to_owned()), value.into_owned())
                });
                let (ns, name) = (element.ns().to_owned(), element.name().to_owned());
                content.push(Content::Open(ns, name, attrs.collect()));
            }
            Step::Text(text) => add_text(&mut content, text),
            Step::Close => content.push(Content::Close),
        }
    }
    Some(Stanza {
        bytes: bytes.to_vec(),
        content,
    })
}

/// Reads a stream with this content in both ways, ours in pieces of these sizes, and compares.
pub(crate) fn compare(inside: &[u8], chunks: &[usize]) -> Reading {
    let document = [HEADER, inside, FOOTER].concat();
    let theirs = read_by_rxml(&document);
    let ours = read_by_us(&document, chunks);
    assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(inside));
    ours
}
