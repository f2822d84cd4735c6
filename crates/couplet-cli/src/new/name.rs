//! [`check`]: validates a name as a package, a folder, a systemd unit and a label of a domain.

/// Names that cargo reserves, and the packages on which a new project depends.
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
/// Keywords cannot be names of packages. (The Rust reference, "Keywords")
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while",
];

/// Returns a valid name, or what is wrong with it.
pub(super) fn check(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let why = if name.is_empty() {
        "it is empty"
    } else if !name.chars().all(plain) {
        "it may contain only lower case letters, digits and hyphens"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it must begin with a letter"
    } else if name.ends_with('-') || name.contains("--") {
        "a hyphen must be between two letters or digits"
    } else if name.len() > 63 {
        // RFC 1035, 2.3.4.
        "a label of a domain has at most 63 characters"
    } else if KEYWORDS.contains(&name) || name == "yield" {
        "it is a keyword of Rust"
    } else if TAKEN.contains(&name) || name == "xmpp-parsers" {
        "cargo or a dependency uses this name"
    } else {
        return Ok(name.to_owned());
    };
    Err(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_must_be_valid_everywhere() {
        for name in ["bot", "weather-bot", "a1"] {
            assert_eq!(check(name).as_deref(), Ok(name));
        }
        for (name, why) in [
            ("", "empty"),
            ("Bot", "lower case letters"),
            ("a_b", "lower case letters"),
            ("../x", "lower case letters"),
            ("1a", "begin with a letter"),
            ("-a", "begin with a letter"),
            ("a-", "hyphen"),
            ("a--b", "hyphen"),
            ("match", "keyword of Rust"),
            ("tokio", "dependency"),
            (&"a".repeat(64), "63"),
        ] {
            assert!(check(name).unwrap_err().contains(why), "{name}");
        }
    }
}
