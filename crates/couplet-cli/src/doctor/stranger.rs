//! Who is at a port that does not speak XMPP, by its first words or by its number.
//!
//! Deliberately absent: knowing them all. What nobody knows is quoted.

/// What somebody is who answers like this.
pub(super) fn by_words(words: &[u8]) -> String {
    let words = words.trim_ascii_start();
    let begins = |start: &str| words.starts_with(start.as_bytes());
    let who = match words {
        // RFC 8446, 5.1: an alert record.
        [0x15, 0x03, ..] => Some("it speaks TLS from the first byte"),
        _ if begins("HTTP/") || begins("<!DOCTYPE") || begins("<!doctype") || begins("<html") => {
            Some("it is a web server")
        }
        _ if begins("SSH-") => Some("it is an SSH server"),
        _ if begins("220 ") || begins("220-") => Some("it is a mail or FTP server"),
        _ if begins("* OK") => Some("it is an IMAP server"),
        _ if begins("-ERR") => Some("it is a Redis or POP3 server"),
        _ => None,
    };
    let text = String::from_utf8_lossy(words);
    let line: String = text
        .chars()
        .take_while(|c| !matches!(c, '\r' | '\n'))
        .filter(|c| !c.is_control())
        .take(60)
        .collect();
    match who {
        Some(who) => who.to_owned(),
        None => format!("it says {line:?}"),
    }
}

/// What listens at a port by convention, where that is no component port.
pub(super) fn by_port(port: Option<u16>) -> &'static str {
    match port {
        Some(5222 | 5223) => {
            "By convention this is the port for clients; components connect to 5347."
        }
        Some(5269 | 5270) => {
            "By convention this is the port for other servers; components connect to 5347."
        }
        Some(80 | 443 | 5280 | 5281 | 5443 | 8080) => {
            "By convention this is a port for HTTP; components connect to 5347."
        }
        Some(5582) => "By convention this is Prosody's console; components connect to 5347.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::by_words;

    #[test]
    fn known_servers_are_named_and_others_quoted_without_what_a_terminal_obeys() {
        assert_eq!(
            by_words(b"HTTP/1.1 400 Bad Request\r\n"),
            "it is a web server"
        );
        assert_eq!(
            by_words(&[0x15, 3, 3, 0, 2]),
            "it speaks TLS from the first byte"
        );
        assert_eq!(by_words(b"\x1b[2Jhello\nworld"), "it says \"[2Jhello\"");
    }
}
