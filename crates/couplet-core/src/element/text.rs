//! Decodes character data: references, CDATA sections, line ends.
//!
//! Accepts and returns exactly what rxml 0.14 does, including its deviations from XML; each
//! deviation is marked here, because tests compare the two. Entities defined by a document type are
//! not supported (RFC 6120, 11.1).

use memchr::{memchr, memchr3, memmem};

use super::malformed::Malformed;
use crate::octets::{Octets, any, find};

/// A range of the source or, past the end of the source, of the annex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const EMPTY: Self = Self { start: 0, end: 0 };

    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    pub(super) fn of<'a>(self, source: &'a str, annex: &'a str) -> &'a str {
        let (start, end) = (self.start as usize, self.end as usize);
        match start.checked_sub(source.len()) {
            Some(past) => annex.get(past..end - source.len()).unwrap_or_default(),
            None => source.get(start..end).unwrap_or_default(),
        }
    }
}

/// Decodes character data of one source. Decoded text that differs from the source goes to the
/// annex.
pub(super) struct Decoder<'s> {
    source: &'s str,
    annex: String,
    survey: Survey,
}

impl<'s> Decoder<'s> {
    pub(super) fn new(source: &'s str, survey: Survey) -> Self {
        Self {
            source,
            annex: String::new(),
            survey,
        }
    }

    pub(super) fn annex(&self) -> &str {
        &self.annex
    }

    pub(super) fn into_annex(self) -> String {
        self.annex
    }

    /// Decodes the attribute value that begins at `at`, after `quote`. Returns it and the position
    /// after it.
    #[inline]
    pub(super) fn attribute(&mut self, at: usize, quote: u8) -> Result<(Span, usize), Malformed> {
        if self.survey.plain {
            let rest = self.source.as_bytes().get(at..).unwrap_or_default();
            let length = find(rest, [quote, b'<']).unwrap_or(rest.len());
            if rest.get(length) == Some(&quote) {
                return Ok((Span::new(at, at + length), at + length + 1));
            }
        }
        let mut from = at;
        loop {
            let (stop, byte) = self.attribute_stop(from)?;
            if byte == quote {
                return Ok((Span::new(at, stop), stop + 1));
            }
            if !is_quote(byte) {
                return self.rewritten_attribute(at, stop, quote);
            }
            from = stop + 1;
        }
    }

    fn rewritten_attribute(
        &mut self,
        at: usize,
        stop: usize,
        quote: u8,
    ) -> Result<(Span, usize), Malformed> {
        let begin = self.annex.len();
        let (mut copied, mut from) = (at, stop);
        loop {
            let (stop, byte) = self.attribute_stop(from)?;
            from = stop + 1;
            if is_quote(byte) && byte != quote {
                continue;
            }
            self.copy(copied, stop);
            match byte {
                b'&' => from = self.reference(from)?,
                b'\t' | b'\n' => self.annex.push(' '),
                // After a carriage return, rxml 0.14 turns the first of two into a space, drops it
                // before white space, a reference or the end of the value, and fails otherwise.
                b'\r' => match self.byte(from) {
                    Some(b'\r') => self.annex.push(' '),
                    Some(b'\n' | b'\t' | b'&') => {}
                    Some(next) if next == quote => {}
                    _ => {
                        return Err(Malformed::NotWellFormed(
                            "a carriage return in an attribute",
                        ));
                    }
                },
                b'<' => return Err(Malformed::NotWellFormed("'<' in an attribute")),
                _ => return Ok((self.annexed(begin), from)),
            }
            copied = from;
        }
    }

    /// Decodes the text that begins at `at`. Returns it and the position of the next `<` or of the
    /// end.
    #[inline]
    pub(super) fn text(&mut self, at: usize) -> Result<(Span, usize), Malformed> {
        let mut from = at;
        loop {
            let (stop, byte) = self.text_stop(from);
            match byte {
                b'<' => return Ok((Span::new(at, stop), stop)),
                b']' => from = self.bracket(stop)?,
                _ => return self.rewritten_text(at, stop),
            }
        }
    }

    fn rewritten_text(&mut self, at: usize, stop: usize) -> Result<(Span, usize), Malformed> {
        let begin = self.annex.len();
        let (mut copied, mut from) = (at, stop);
        loop {
            let (stop, byte) = self.text_stop(from);
            match byte {
                b'<' => {
                    self.copy(copied, stop);
                    return Ok((self.annexed(begin), stop));
                }
                b']' => {
                    from = self.bracket(stop)?;
                    continue;
                }
                b'&' => {
                    self.copy(copied, stop);
                    from = self.reference(stop + 1)?;
                }
                _ => {
                    self.copy(copied, stop);
                    from = self.line_end(stop);
                }
            }
            copied = from;
        }
    }

    /// Decodes the CDATA section whose content begins at `at`. Returns it and the position after
    /// the section.
    pub(super) fn cdata(&mut self, at: usize) -> Result<(Span, usize), Malformed> {
        let rest = self.source.as_bytes().get(at..).unwrap_or_default();
        let length = memmem::find(rest, b"]]>")
            .ok_or(Malformed::NotWellFormed("an unfinished CDATA section"))?;
        let end = at + length;
        if !self.survey.returns {
            return Ok((Span::new(at, end), end + 3));
        }
        let begin = self.annex.len();
        let (mut copied, mut from) = (at, at);
        while let Some(found) = memchr(
            b'\r',
            self.source.as_bytes().get(from..end).unwrap_or_default(),
        ) {
            let stop = from + found;
            from = stop + 1;
            // rxml 0.14 keeps a carriage return that follows a bracket.
            if stop == at || self.byte(stop - 1) != Some(b']') {
                self.copy(copied, stop);
                from = self.line_end(stop);
                copied = from;
            }
        }
        self.copy(copied, end);
        Ok((self.annexed(begin), end + 3))
    }

    /// Appends the decoded reference that begins at `at`, after the `&`.
    fn reference(&mut self, at: usize) -> Result<usize, Malformed> {
        let rest = self.source.as_bytes().get(at..).unwrap_or_default();
        // rxml 0.14 reads at most eight characters between `&`, `&#` or `&#x` and the `;`.
        let window = rest.get(..rest.len().min(11)).unwrap_or_default();
        let length =
            memchr(b';', window).ok_or(Malformed::NotWellFormed("an unfinished reference"))?;
        let character = match window.get(..length).unwrap_or_default() {
            b"amp" => '&',
            b"lt" => '<',
            b"gt" => '>',
            b"apos" => '\'',
            b"quot" => '"',
            [b'#', b'x', digits @ ..] => number(digits, 16)?,
            [b'#', digits @ ..] => number(digits, 10)?,
            _ => return Err(Malformed::NotWellFormed("an undefined entity")),
        };
        self.annex.push(character);
        Ok(at + length + 1)
    }

    /// Turns any line end into one line feed (XML 1.0, 2.11).
    fn line_end(&mut self, at: usize) -> usize {
        self.annex.push('\n');
        if self.byte(at + 1) == Some(b'\n') {
            at + 2
        } else {
            at + 1
        }
    }

    /// Rejects `]]>` in text (XML 1.0, 2.4).
    fn bracket(&self, at: usize) -> Result<usize, Malformed> {
        let rest = self.source.as_bytes().get(at..).unwrap_or_default();
        if rest.starts_with(b"]]>") {
            return Err(Malformed::NotWellFormed("']]>' in text"));
        }
        Ok(at + 1)
    }

    #[inline]
    fn attribute_stop(&self, from: usize) -> Result<(usize, u8), Malformed> {
        let rest = self.source.as_bytes().get(from..).unwrap_or_default();
        let offset = ATTRIBUTE_STOPS.find(rest);
        match rest.get(offset) {
            Some(&byte) => Ok((from + offset, byte)),
            None => Err(Malformed::NotWellFormed("an unfinished attribute")),
        }
    }

    #[inline]
    fn text_stop(&self, from: usize) -> (usize, u8) {
        let rest = self.source.as_bytes().get(from..).unwrap_or_default();
        let found = if self.survey.returns {
            rest.iter()
                .position(|&byte| matches!(byte, b'<' | b'&' | b']' | b'\r'))
        } else {
            memchr3(b'<', b'&', b']', rest)
        };
        match found.and_then(|offset| Some((offset, *rest.get(offset)?))) {
            Some((offset, byte)) => (from + offset, byte),
            None => (self.source.len(), b'<'),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn copy(&mut self, start: usize, end: usize) {
        if self.annex.capacity() == 0 {
            self.annex
                .reserve((end - start + 128).min(self.source.len()));
        }
        self.annex
            .push_str(self.source.get(start..end).unwrap_or_default());
    }

    fn annexed(&self, begin: usize) -> Span {
        Span::new(
            self.source.len() + begin,
            self.source.len() + self.annex.len(),
        )
    }
}

/// Checks the character data between two stanzas, which is otherwise ignored: either text without
/// `<`, or one CDATA section.
pub(crate) fn check_between(bytes: &[u8]) -> Result<(), Malformed> {
    let source = check_characters(bytes)?;
    let mut decoder = Decoder::new(source, Survey::CAREFUL);
    match bytes.strip_prefix(b"<![CDATA[") {
        Some(_) => decoder.cdata(9)?,
        None => decoder.text(0)?,
    };
    Ok(())
}

/// Checks that the bytes are UTF-8 and contain only characters that XML allows (XML 1.0, 2.2).
pub(crate) fn check_characters(bytes: &[u8]) -> Result<&str, Malformed> {
    survey(bytes)?;
    std::str::from_utf8(bytes).map_err(|_| Malformed::NotWellFormed("broken UTF-8"))
}

/// Facts about all bytes of a source, collected before decoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    /// Whether there is a carriage return. Text without one is searched with vector instructions.
    returns: bool,
    /// Whether there are no references and no white space except spaces, so that values need no
    /// decoding.
    plain: bool,
}

impl Survey {
    const CAREFUL: Self = Self {
        returns: true,
        plain: false,
    };
}

/// Surveys the bytes. Fails if one of the characters is forbidden.
pub(super) fn survey(bytes: &[u8]) -> Result<Survey, Malformed> {
    if !any(bytes, |byte| {
        (byte < 0x20) | (byte == b'&') | (byte == 0xEF)
    }) {
        return Ok(Survey {
            returns: false,
            plain: true,
        });
    }
    let controls = any(bytes, |byte| {
        (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
    });
    // The search is for U+FFFE and U+FFFF; UTF-8 validation covers all other multi-byte characters.
    let outlaw = memmem::find_iter(bytes, b"\xEF\xBF")
        .any(|at| matches!(bytes.get(at + 2), Some(0xBE | 0xBF)));
    if controls || outlaw {
        return Err(Malformed::NotWellFormed("a character that XML forbids"));
    }
    Ok(Survey {
        returns: any(bytes, |byte| byte == b'\r'),
        plain: false,
    })
}

/// Decodes an attribute value leniently, for reports about skipped stanzas.
pub(crate) fn lenient_value(bytes: &[u8], quote: u8) -> Option<String> {
    let source = check_characters(bytes).ok()?;
    let mut decoder = Decoder::new(source, Survey::CAREFUL);
    let (span, _) = decoder.attribute(0, quote).ok()?;
    Some(span.of(source, decoder.annex()).to_owned())
}

const ATTRIBUTE_STOPS: Octets = Octets::new(b"\t\n\r\"'&<");

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'\'' | b'"')
}

fn number(digits: &[u8], radix: u32) -> Result<char, Malformed> {
    const REFUSED: Malformed = Malformed::NotWellFormed("an undefined character reference");
    if digits.is_empty() || digits.len() > 8 {
        return Err(REFUSED);
    }
    let mut code = 0_u32;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix).ok_or(REFUSED)?;
        code = code.wrapping_mul(radix).wrapping_add(digit);
    }
    match char::from_u32(code).ok_or(REFUSED)? {
        '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => Err(REFUSED),
        character => Ok(character),
    }
}
