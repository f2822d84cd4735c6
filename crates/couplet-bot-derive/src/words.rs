//! Names as users type them: kebab-case, and what a name may contain.

use proc_macro2::Span;
use syn::{Error, Ident, Result, ext::IdentExt};

/// Returns an identifier of Rust in kebab-case: `ClearAll` becomes `clear-all`.
pub(crate) fn kebab(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let mut kebab = String::with_capacity(name.len() + 2);
    let mut before = None;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_some_and(|c: char| !c.is_uppercase());
        if begins && before != Some('_') {
            kebab.push('-');
        }
        match letter {
            '_' => kebab.push('-'),
            _ => kebab.extend(letter.to_lowercase()),
        }
        before = Some(letter);
    }
    kebab
}

/// Checks a name that users type.
///
/// # Errors
///
/// It is empty, or has other characters than lower case letters, digits, `-` and `_`.
pub(crate) fn check_name(name: &str, span: Span) -> Result<()> {
    let fits = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let text = format!("{name:?} is not a name: use lower case letters, digits, `-` and `_`");
    Err(Error::new(span, text))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use syn::Ident;

    use super::{check_name, kebab};

    #[test]
    fn identifiers_become_kebab_case() {
        for (ident, name) in [
            ("Remind", "remind"),
            ("ClearAll", "clear-all"),
            ("HTTPServer", "httpserver"),
            ("last_seen", "last-seen"),
            ("V2", "v2"),
        ] {
            assert_eq!(kebab(&Ident::new(ident, Span::call_site())), name);
        }
    }

    #[test]
    fn a_name_is_one_word_in_lower_case() {
        for name in ["r", "clear-all", "größe", "v2"] {
            assert!(check_name(name, Span::call_site()).is_ok(), "{name}");
        }
        for name in ["", "Clear", "two words", "/slash", "a=b"] {
            assert!(check_name(name, Span::call_site()).is_err(), "{name}");
        }
    }
}
