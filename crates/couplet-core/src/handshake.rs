//! The words a component says before its first stanza and after its last one.
//!
//! XEP-0114, section 3: a stream header, the digest of the server's stream id and the shared
//! secret, and in the end the closing tag. Absent: reading. What the server says is cut by the
//! framer; nothing here keeps the secret, and no type here could print it.

use sha1::{Digest, Sha1};

/// The stream header a component opens its session with, for the domain it serves.
///
/// Write it once per connection, before anything else. The domain is escaped and otherwise sent
/// exactly as given: Prosody compares the text and answers `ECHO.localhost` for `echo.localhost`
/// with `host-unknown` (servers.md, 2). It bears no `version`, as no server offers features here.
/// Source: XEP-0114, section 3, example 1.
///
/// # Examples
///
/// ```
/// assert_eq!(
///     couplet_core::handshake::opening("echo.localhost"),
///     "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
///      xmlns:stream='http://etherx.jabber.org/streams' to='echo.localhost'>",
/// );
/// ```
pub fn opening(domain: &str) -> String {
    let mut header = String::with_capacity(160);
    header.push_str(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' to='",
    );
    push_attribute(&mut header, domain);
    header.push_str("'>");
    header
}

/// The proof that a component knows the secret: SHA-1 of stream id and secret, in lower-case hex.
///
/// Use [`handshake`] for the whole element; this part is for a server in a test, which compares.
/// The stream id is the value of the `id` attribute after unescaping. Lower case, because ejabberd
/// refuses upper case (servers.md, 2). Source: XEP-0114, section 3.
///
/// # Examples
///
/// ```
/// let digest = couplet_core::handshake::digest("3BF96D32", "test");
/// assert_eq!(digest, "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e");
/// ```
pub fn digest(stream_id: &str, secret: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(stream_id);
    sha1.update(secret);
    let nibbles = sha1
        .finalize()
        .into_iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

/// The element that answers the server's stream header: `<handshake>` around [`digest`].
///
/// Write it when the framer has reported the server's header. It needs no namespace of its own:
/// the default one of the header from [`opening`] is in force. Source: XEP-0114, section 3,
/// example 3.
///
/// # Examples
///
/// ```
/// assert_eq!(
///     couplet_core::handshake::handshake("3BF96D32", "test"),
///     "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>",
/// );
/// ```
pub fn handshake(stream_id: &str, secret: &str) -> String {
    format!("<handshake>{}</handshake>", digest(stream_id, secret))
}

/// The last bytes of a session that ends politely.
///
/// Write it after the last stanza, then wait for the server's own (RFC 6120, 4.4).
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_core::handshake::closing(), "</stream:stream>");
/// ```
pub fn closing() -> &'static str {
    "</stream:stream>"
}

fn push_attribute(header: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => header.push_str("&amp;"),
            '<' => header.push_str("&lt;"),
            '>' => header.push_str("&gt;"),
            '\'' => header.push_str("&apos;"),
            '"' => header.push_str("&quot;"),
            // XML 1.0, 3.3.3: unescaped, the reader would take them for spaces.
            '\t' => header.push_str("&#9;"),
            '\n' => header.push_str("&#10;"),
            '\r' => header.push_str("&#13;"),
            _ => header.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{digest, opening};

    #[test]
    fn the_digest_is_forty_lower_case_hex_digits_with_leading_zeros() {
        // Its first byte is below 16 (checked with sha1sum).
        assert_eq!(
            digest("b2f1c1a2-6f0e", "secret 1"),
            "0f80f045d6bfbe3dad1abc9de1ea42392fd16cce"
        );
    }

    #[test]
    fn id_and_secret_may_hold_anything_but_ascii() {
        assert_eq!(
            digest("ï/+=", "пароль"),
            "1ad1a960966e7dcc57cb44012ed83f3ba2064bed"
        );
    }

    #[test]
    fn the_domain_keeps_its_case_and_its_letters() {
        assert!(opening("ECHO.Bücher.example").ends_with(" to='ECHO.Bücher.example'>"));
    }

    #[test]
    fn a_domain_cannot_break_out_of_its_attribute() {
        assert!(
            opening("a'b\"c<d>e&f\r\n\t")
                .ends_with(" to='a&apos;b&quot;c&lt;d&gt;e&amp;f&#13;&#10;&#9;'>")
        );
    }
}
