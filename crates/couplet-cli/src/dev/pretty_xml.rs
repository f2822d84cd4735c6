//! [`pretty`]: formats a stanza with one element per line, indented, and in colors if wanted. Prefixes,
//! quotes and escapes stay as they were sent.
//!
//! Text that is not XML is printed as text.

use super::screen::printable;

const NAME: &str = "\x1b[36m";
const ATTRIBUTE: &str = "\x1b[33m";
const VALUE: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// A tag or the text between tags.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Open(&'a str),
    Empty(&'a str),
    Close(&'a str),
    Text(&'a str),
}

/// Returns the indented lines of `xml`.
pub(super) fn pretty(xml: &str, has_colors: bool) -> String {
    let mut tokens = Tokens(xml).peekable();
    let (mut lines, mut depth) = (Vec::new(), 0_usize);
    while let Some(token) = tokens.next() {
        let mut line = colored(token, has_colors);
        match token {
            Token::Close(_) => depth = depth.saturating_sub(1),
            Token::Text(text) if text.trim().is_empty() => continue,
            _ => {}
        }
        let indentation = "  ".repeat(depth);
        if let Token::Open(_) = token {
            depth += 1;
            // An element that contains only text is printed on one line.
            let text = tokens.next_if(|next| matches!(next, Token::Text(_)));
            let close = tokens.next_if(|next| matches!(next, Token::Close(_)));
            let text_line = text.map(|text| colored(text, has_colors));
            match close {
                Some(close) => {
                    depth -= 1;
                    line.push_str(&text_line.unwrap_or_default());
                    line.push_str(&colored(close, has_colors));
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

/// Splits the text of an element into tokens.
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

/// Returns the position after the `>` that is outside of attribute values, or after a CDATA
/// section.
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

fn colored(token: Token<'_>, has_colors: bool) -> String {
    match token {
        Token::Open(tag) | Token::Empty(tag) | Token::Close(tag) if has_colors => {
            colored_tag(&printable(tag))
        }
        Token::Open(part) | Token::Empty(part) | Token::Close(part) => printable(part),
        Token::Text(text) => text.lines().map(printable).collect::<Vec<_>>().join("\n"),
    }
}

fn colored_tag(tag: &str) -> String {
    let mut colored = String::from(NAME);
    let mut quote = None;
    let mut is_in_name = true;
    for c in tag.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                colored.push_str(VALUE);
                colored.push(c);
            }
            (Some(open), c) if open == c => {
                quote = None;
                colored.push(c);
                colored.push_str(NAME);
            }
            (None, ' ') if is_in_name => {
                is_in_name = false;
                colored.push(c);
                colored.push_str(ATTRIBUTE);
            }
            (None, ' ') => {
                colored.push(c);
                colored.push_str(ATTRIBUTE);
            }
            _ => colored.push(c),
        }
    }
    colored.push_str(PLAIN);
    colored
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn every_element_has_its_own_line_and_text_stays_between_its_tags() {
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
    fn a_peer_cannot_send_control_sequences_with_or_without_colors() {
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
    fn text_that_is_not_xml_is_accepted() {
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
