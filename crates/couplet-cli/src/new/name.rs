//! A name that is good as a package, a folder, a unit and a label of a domain at once.

/// Cargo's own, and the packages that a new project depends on.
const TAKEN: [&str; 14] = [
    "alloc",
    "build",
    "core",
    "couplet",
    "couplet-test",
    "debug",
    "deps",
    "examples",
    "proc-macro",
    "serde",
    "std",
    "test",
    "tokio",
    "xso",
];
/// What is no name in Rust. (The Rust reference, "Keywords")
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while",
];

/// Takes a name, or says what is wrong with it.
pub(super) fn check(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let why = if name.is_empty() {
        "it is empty"
    } else if !name.chars().all(plain) {
        "only small letters, digits and hyphens can stand in it"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it has to begin with a letter"
    } else if name.ends_with('-') || name.contains("--") {
        "a hyphen has to stand between two others"
    } else if name.len() > 63 {
        // RFC 1035, 2.3.4.
        "a label of a domain has at most 63 letters"
    } else if KEYWORDS.contains(&name) || name == "yield" {
        "it is a word of Rust"
    } else if TAKEN.contains(&name) || name == "xmpp-parsers" {
        "it is the name of something that is needed"
    } else {
        return Ok(name.to_owned());
    };
    Err(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_has_to_be_good_everywhere() {
        for good in ["bot", "weather-bot", "a1"] {
            assert_eq!(check(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", "empty"),
            ("Bot", "small letters"),
            ("a_b", "small letters"),
            ("../x", "small letters"),
            ("1a", "begin with a letter"),
            ("-a", "begin with a letter"),
            ("a-", "hyphen"),
            ("a--b", "hyphen"),
            ("match", "word of Rust"),
            ("tokio", "needed"),
            (&"a".repeat(64), "63"),
        ] {
            assert!(check(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
