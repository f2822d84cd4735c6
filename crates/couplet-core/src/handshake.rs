//! Writes what a component sends before its first stanza and after its last one.
//!
//! By XEP-0114, section 3: a stream header, the digest of the server's stream id and the shared
//! secret, and at the end the closing tag. The framer reads what the server sends. No type here
//! stores the secret, so none can print it.

use sha1::{Digest, Sha1};

/// Returns the stream header with which a component opens a stream for the domain it serves.
///
/// Write it first on each connection. The domain is escaped and otherwise sent exactly as given:
/// Prosody compares the text and answers `ECHO.localhost` for `echo.localhost` with `host-unknown`
/// (servers.md, 2). It has no `version`, because servers offer components no stream features.
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

/// Returns the SHA-1 of stream id and secret, in lower-case hex, which proves knowledge of the
/// secret.
///
/// Components use [`handshake`] for the whole element; a server in a test compares the digest. The
/// stream id is the unescaped value of the attribute `id`. Lower case, because ejabberd rejects
/// upper case (servers.md, 2). Source: XEP-0114, section 3.
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

/// Returns the element that answers the server's stream header: `<handshake>` around [`digest`].
///
/// Write it after the framer has returned the server's header. It declares no namespace: the
/// default namespace of the header from [`opening`] applies. Source: XEP-0114, section 3, example
/// 3.
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

/// Returns the closing tag of a stream.
///
/// Write it after the last stanza, then wait for the server's closing tag (RFC 6120, 4.4).
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
            // XML 1.0, 3.3.3: a reader turns unescaped white space in a value into spaces.
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
        // The first byte of the digest is below 16 (checked with sha1sum).
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
