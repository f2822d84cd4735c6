//! Doc comments as text for users.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// A doc comment: its first paragraph and the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Docs {
    /// The first paragraph in one line; empty without a doc comment.
    pub(crate) summary: String,
    /// The other paragraphs, each in one line.
    pub(crate) description: String,
}

impl Docs {
    pub(crate) fn of(attributes: &[Attribute]) -> Docs {
        let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
        let text = lines.join("\n");
        let mut paragraphs = text
            .split("\n\n")
            .map(one_line)
            .filter(|one| !one.is_empty());
        let summary = paragraphs.next().unwrap_or_default();
        Docs {
            summary,
            description: paragraphs.collect::<Vec<_>>().join("\n\n"),
        }
    }

    /// Returns the summary, or without a doc comment the words of a name: `in_how_long` becomes
    /// `In how long`.
    pub(crate) fn summary_or(&self, name: &str) -> String {
        if !self.summary.is_empty() {
            return self.summary.clone();
        }
        let words = name.replace(['_', '-'], " ");
        let mut letters = words.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => words,
        }
    }
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    match &meta.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if meta.path.is_ident("doc") => {
            let lines = text.value();
            let lines: Vec<&str> = lines.lines().map(str::trim).collect();
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::Docs;

    #[test]
    fn the_first_paragraph_is_the_summary() {
        let item: ItemStruct = parse_quote! {
            /// Remind you
            /// later
            ///
            /// At most a year
            /// ahead.
            struct Item;
        };
        let docs = Docs::of(&item.attrs);
        assert_eq!(docs.summary, "Remind you later");
        assert_eq!(docs.description, "At most a year ahead.");
    }

    #[test]
    fn a_name_stands_in_for_a_missing_comment() {
        assert_eq!(Docs::default().summary_or("in_how_long"), "In how long");
    }
}
