//! Checks for characters that a file or a variable contains by mistake: byte order marks, quotation
//! marks and white space at the ends.

/// Decodes the text of a file, without a byte order mark at its start.
///
/// # Errors
///
/// The bytes are not UTF-8. The text is meant to follow the name of the file.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let text = String::from_utf8(bytes).map_err(|_| match is_utf16 {
        true => "is not UTF-8 but UTF-16: save it as UTF-8",
        false => "is not UTF-8",
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Describes unusual characters at the ends of a value; continues the sentence "`key` = value ...".
pub(crate) fn at_the_ends(text: &str) -> Option<&'static str> {
    let is_invisible = |c: char| matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}');
    let is_quote = |c: char| matches!(c, '"' | '\'' | '“' | '”' | '„' | '‘' | '’');
    let at_an_end = |is: &dyn Fn(char) -> bool| text.starts_with(is) || text.ends_with(is);
    if at_an_end(&is_invisible) {
        Some("begins or ends with an invisible character (a byte order mark or the like)")
    } else if at_an_end(&char::is_whitespace) {
        Some("begins or ends with white space")
    } else if at_an_end(&is_quote) {
        Some("begins or ends with a quotation mark")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{at_the_ends, decode};

    #[test]
    fn a_byte_order_mark_is_taken_off_and_another_encoding_is_named() {
        assert_eq!(decode(b"\xef\xbb\xbfa\n".to_vec()), Ok("a\n".to_owned()));
        assert_eq!(decode(b"a".to_vec()), Ok("a".to_owned()));
        let utf16 = Err("is not UTF-8 but UTF-16: save it as UTF-8");
        assert_eq!(decode(b"\xff\xfea\0".to_vec()), utf16);
        assert_eq!(decode(b"a\xff".to_vec()), Err("is not UTF-8"));
    }

    #[test]
    fn what_is_at_the_ends_of_a_value_is_named() {
        for (text, named) in [
            ("\"echo.example.org\"", "quotation mark"),
            ("'x", "quotation mark"),
            ("echo.example.org\r", "white space"),
            (" x", "white space"),
            ("\u{feff}x", "invisible"),
            ("x\u{200b}", "invisible"),
        ] {
            assert!(at_the_ends(text).unwrap().contains(named), "{text:?}");
        }
        for text in ["", "x", "a \"b\" c", "O'Hara x"] {
            assert_eq!(at_the_ends(text), None, "{text:?}");
        }
    }
}
