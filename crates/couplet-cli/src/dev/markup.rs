//! A stanza as a person reads it: one element a line, indented, in colors where there are any. What
//! stands in it stays as it went over the wire: prefixes, quotes, escapes.
//!
//! Deliberately absent: checking. It was cut out of a stream that is checked elsewhere; what is no
//! XML comes out as text.

use super::screen::printable;

const NAME: &str = "\x1b[36m";
const ATTRIBUTE: &str = "\x1b[33m";
const VALUE: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// A part of the text of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Open(&'a str),
    Empty(&'a str),
    Close(&'a str),
    Text(&'a str),
}

/// The lines of `xml`, each with its indentation.
pub(super) fn pretty(xml: &str, has_colors: bool) -> String {
    let mut tokens = Tokens(xml).peekable();
    let (mut lines, mut depth) = (Vec::new(), 0_usize);
    while let Some(token) = tokens.next() {
        let mut line = painted(token, has_colors);
        match token {
            Token::Close(_) => depth = depth.saturating_sub(1),
            Token::Text(text) if text.trim().is_empty() => continue,
            _ => {}
        }
        let indentation = "  ".repeat(depth);
        if let Token::Open(_) = token {
            depth += 1;
            // An element that holds nothing but text stands on one line.
            let text = tokens.next_if(|next| matches!(next, Token::Text(_)));
            let close = tokens.next_if(|next| matches!(next, Token::Close(_)));
            let text_line = text.map(|text| painted(text, has_colors));
            match close {
                Some(close) => {
                    depth -= 1;
                    line.push_str(&text_line.unwrap_or_default());
                    line.push_str(&painted(close, has_colors));
                }
                None => {
                    let text_line = text_line.filter(|text| !text.trim().is_empty());
                    lines.push(format!("{indentation}{line}"));
                    lines.extend(text_line.map(|text| format!("{indentation}  {text}")));
                    continue;
                }
            }
        }
        lines.push(format!("{indentation}{line}"));
    }
    lines.join("\n")
}

/// From the text of an element to its parts.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let end = match self.0.starts_with('<') {
            true => end_of_tag(self.0),
            false => self.0.find('<').unwrap_or(self.0.len()),
        };
        let (part, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(if part.starts_with("</") {
            Token::Close(part)
        } else if part.starts_with("<!") || !part.starts_with('<') {
            Token::Text(part)
        } else if part.ends_with("/>") {
            Token::Empty(part)
        } else {
            Token::Open(part)
        })
    }
}

/// Behind the `>` that is in no value, or behind a CDATA section.
fn end_of_tag(xml: &str) -> usize {
    if xml.starts_with("<![CDATA[") {
        return xml.find("]]>").map_or(xml.len(), |end| end + "]]>".len());
    }
    let mut quote = None;
    for (at, c) in xml.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    xml.len()
}

fn painted(token: Token<'_>, has_colors: bool) -> String {
    match token {
        Token::Open(tag) | Token::Empty(tag) | Token::Close(tag) if has_colors => {
            painted_tag(&printable(tag))
        }
        Token::Open(part) | Token::Empty(part) | Token::Close(part) => printable(part),
        Token::Text(text) => text.lines().map(printable).collect::<Vec<_>>().join("\n"),
    }
}

fn painted_tag(tag: &str) -> String {
    let mut painted = String::from(NAME);
    let mut quote = None;
    let mut is_in_name = true;
    for c in tag.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                painted.push_str(VALUE);
                painted.push(c);
            }
            (Some(open), c) if open == c => {
                quote = None;
                painted.push(c);
                painted.push_str(NAME);
            }
            (None, ' ') if is_in_name => {
                is_in_name = false;
                painted.push(c);
                painted.push_str(ATTRIBUTE);
            }
            (None, ' ') => {
                painted.push(c);
                painted.push_str(ATTRIBUTE);
            }
            _ => painted.push(c),
        }
    }
    painted.push_str(PLAIN);
    painted
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn every_element_has_its_line_and_text_stays_beside_its_tags() {
        let xml = "<message to='a@b' id=\"x>y\"><body>1 &lt; 2</body><x xmlns='urn:x'><y/></x>\
                   <thread></thread></message>";
        assert_eq!(
            pretty(xml, false),
            "<message to='a@b' id=\"x>y\">\n  <body>1 &lt; 2</body>\n  <x xmlns='urn:x'>\n    \
             <y/>\n  </x>\n  <thread></thread>\n</message>"
        );
        assert_eq!(pretty("<presence/>", false), "<presence/>");
    }

    #[test]
    fn text_between_elements_is_kept() {
        assert_eq!(
            pretty("<a>one<b/>two <![CDATA[<3>]]></a>", false),
            "<a>\n  one\n  <b/>\n  two \n  <![CDATA[<3>]]>\n</a>"
        );
    }

    #[test]
    fn colors_come_only_where_they_are_wanted_and_a_peer_has_none() {
        let xml = "<body x='\u{9b}2J'>\u{9b}2J</body>";
        assert_eq!(pretty(xml, false), "<body x='2J'>2J</body>");
        let colored = pretty(xml, true);
        assert!(
            colored.starts_with("\x1b[36m<body \x1b[33mx="),
            "{colored:?}"
        );
        assert!(!colored.contains('\u{9b}'), "{colored:?}");
    }

    #[test]
    fn what_is_no_xml_ends_too() {
        for text in [
            "",
            "<",
            "<a",
            "<a b='",
            "a > b",
            "</a></b>",
            "\u{e9}<\u{e9}",
        ] {
            pretty(text, true);
        }
    }
}
