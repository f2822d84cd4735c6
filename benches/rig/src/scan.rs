//! Scans the bytes that the component writes: the end of a stanza, and the fields of a response. It
//! is not a parser: the rig's own stanzas contain no `>` in a value, so neither does a correct
//! response, and anything that confuses the scan fails the run.

use memchr::{memchr, memmem};

use crate::fault::Fault;

/// What the available bytes begin with.
#[derive(Debug)]
pub(crate) enum Cut<'a> {
    /// One whole stanza.
    Stanza(Seen<'a>),
    /// White space between stanzas (RFC 6120, 4.6.1), and its length.
    Space(usize),
    /// The component's `</stream:stream>`.
    Closed,
    /// An incomplete stanza.
    Partial,
}

/// The fields of a stanza that the rig uses.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) whole: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) id: &'a [u8],
    pub(crate) type_: &'a [u8],
    pub(crate) body: Option<&'a [u8]>,
}

impl Seen<'_> {
    pub(crate) fn holds(&self, text: &str) -> bool {
        memmem::find(self.whole, text.as_bytes()).is_some()
    }
}

/// Returns the first stanza in `bytes`.
pub(crate) fn cut(bytes: &[u8]) -> Result<Cut<'_>, Fault> {
    let space = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    match bytes.get(space..space + 2) {
        _ if space > 0 => return Ok(Cut::Space(space)),
        Some(b"</") => return Ok(memchr(b'>', bytes).map_or(Cut::Partial, |_| Cut::Closed)),
        Some([b'<', _]) => {}
        Some(_) => return Err(Fault::quoting("text between stanzas", bytes)),
        None => return Ok(Cut::Partial),
    }
    walk(bytes)
}

/// Scans tag by tag until the depth is back at zero.
fn walk(bytes: &[u8]) -> Result<Cut<'_>, Fault> {
    let mut seen = Seen::default();
    let (mut depth, mut at) = (0_usize, 0_usize);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(open) = memchr(b'<', rest) else {
            return Ok(Cut::Partial);
        };
        let (text, rest) = rest.split_at(open);
        let Some(end) = memchr(b'>', rest) else {
            return Ok(Cut::Partial);
        };
        let tag = rest.get(1..end).unwrap_or_default();
        at += open + end + 1;
        match tag {
            [b'/', name @ ..] => {
                depth -= 1;
                if depth == 1 && name == b"body" {
                    seen.body = Some(text);
                }
            }
            [b'!' | b'?', ..] => return Err(Fault::quoting("no element", bytes)),
            _ => {
                if depth == 0 {
                    head(tag, &mut seen)?;
                }
                depth += usize::from(!tag.ends_with(b"/"));
            }
        }
        if depth == 0 {
            seen.whole = bytes.get(..at).unwrap_or_default();
            return Ok(Cut::Stanza(seen));
        }
    }
}

/// Reads the name and the four attributes of a start tag.
fn head<'a>(tag: &'a [u8], seen: &mut Seen<'a>) -> Result<(), Fault> {
    let garbled = || Fault::quoting("a start tag that cannot be read", tag);
    let (name, mut rest) = match memchr(b' ', tag) {
        Some(space) => tag.split_at(space),
        None => (tag.strip_suffix(b"/").unwrap_or(tag), &b""[..]),
    };
    seen.name = name;
    loop {
        rest = rest.trim_ascii_start();
        if matches!(rest, b"" | b"/") {
            return Ok(());
        }
        let (key, behind) = rest.split_at(memchr(b'=', rest).ok_or_else(garbled)?);
        let [b'=', quote @ (b'\'' | b'"'), behind @ ..] = behind else {
            return Err(garbled());
        };
        let (value, behind) = behind.split_at(memchr(*quote, behind).ok_or_else(garbled)?);
        match key {
            b"from" => seen.from = value,
            b"to" => seen.to = value,
            b"id" => seen.id = value,
            b"type" => seen.type_ = value,
            _ => {}
        }
        rest = behind.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "<message xmlns=\"jabber:component:accept\" to='a@b/c' from='d' \
        type='chat'  id=\"m1\" ><x><body>no</body></x><body>yes</body></message>";

    #[test]
    fn an_answer_is_read_whatever_its_quotes_order_and_spaces() {
        let Cut::Stanza(seen) = cut(ANSWER.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(
            (seen.name, seen.from, seen.to),
            (&b"message"[..], &b"d"[..], &b"a@b/c"[..])
        );
        assert_eq!(
            (seen.id, seen.type_, seen.body),
            (&b"m1"[..], &b"chat"[..], Some(&b"yes"[..]))
        );
        assert_eq!(seen.whole, ANSWER.as_bytes());
    }

    #[test]
    fn a_stanza_is_cut_at_its_own_end_and_no_sooner() {
        for end in 2..ANSWER.len() {
            assert!(
                matches!(cut(&ANSWER.as_bytes()[..end]).unwrap(), Cut::Partial),
                "{end}"
            );
        }
        let two = format!("<iq type='result'/>{ANSWER}");
        let Cut::Stanza(seen) = cut(two.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(seen.whole, b"<iq type='result'/>");
        assert_eq!(seen.name, b"iq");
    }

    #[test]
    fn data_between_stanzas_is_classified() {
        assert!(matches!(cut(b" \n<iq/>").unwrap(), Cut::Space(2)));
        assert!(matches!(cut(b"</stream:stream>").unwrap(), Cut::Closed));
        assert!(cut(b"hello").is_err());
        assert!(cut(b"<!-- x --><iq/>").is_err());
        assert!(cut(b"<iq type=result/>").is_err());
    }
}
