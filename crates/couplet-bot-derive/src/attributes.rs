//! The attributes of commands, fields, options and stored types.

use proc_macro2::{Ident, Span};
use syn::{
    Attribute, Error, Lit, LitStr, Path, Result, Token,
    meta::ParseNestedMeta,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// `#[command(..)]` of a variant.
#[derive(Default)]
pub(crate) struct CommandAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) example: Option<LitStr>,
    pub(crate) allow: Vec<Word>,
    pub(crate) every: Option<LitStr>,
    pub(crate) hidden: bool,
    pub(crate) rerun: bool,
    pub(crate) only: Vec<Word>,
}

impl CommandAttributes {
    const KNOWN: &str = "name, alias, example, allow(..), every, hidden, rerun, only(..)";

    pub(crate) fn read(attributes: &[Attribute]) -> Result<CommandAttributes> {
        let mut found = CommandAttributes::default();
        each(attributes, "command", |meta, key| {
            match key {
                "name" => set(&mut found.name, meta)?,
                "alias" => found.aliases.push(meta.value()?.parse()?),
                "example" => set(&mut found.example, meta)?,
                "allow" => found.allow.extend(list(meta)?),
                "every" => set(&mut found.every, meta)?,
                "hidden" => found.hidden = true,
                "rerun" => found.rerun = true,
                "only" => found.only.extend(list(meta)?),
                _ => return Err(unknown(meta, CommandAttributes::KNOWN)),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// `#[field(..)]` of a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) label: Option<LitStr>,
    pub(crate) default: Option<Value>,
    pub(crate) min: Option<Value>,
    pub(crate) max: Option<Value>,
    pub(crate) pattern: Option<LitStr>,
    pub(crate) choices: Option<Path>,
    pub(crate) lines: bool,
    pub(crate) secret: bool,
    pub(crate) hidden: bool,
    pub(crate) page: bool,
}

impl FieldAttributes {
    const KNOWN: &str =
        "name, label, default, min, max, pattern, choices, lines, secret, hidden, page";

    pub(crate) fn read(attributes: &[Attribute]) -> Result<FieldAttributes> {
        let mut found = FieldAttributes::default();
        each(attributes, "field", |meta, key| {
            match key {
                "name" => set(&mut found.name, meta)?,
                "label" => set(&mut found.label, meta)?,
                "default" => set(&mut found.default, meta)?,
                "min" => set(&mut found.min, meta)?,
                "max" => set(&mut found.max, meta)?,
                "pattern" => set(&mut found.pattern, meta)?,
                "choices" => set(&mut found.choices, meta)?,
                "lines" => found.lines = true,
                "secret" => found.secret = true,
                "hidden" => found.hidden = true,
                "page" => found.page = true,
                _ => return Err(unknown(meta, FieldAttributes::KNOWN)),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// `#[choice(..)]` of a variant, and `#[form(..)]`, `#[state(..)]`, `#[job(..)]` of a type.
#[derive(Default)]
pub(crate) struct NameAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) label: Option<LitStr>,
}

impl NameAttributes {
    /// Reads the attribute called `attribute`; only a `choice` has a label.
    pub(crate) fn read(attributes: &[Attribute], attribute: &str) -> Result<NameAttributes> {
        let mut found = NameAttributes::default();
        each(attributes, attribute, |meta, key| match key {
            "name" => set(&mut found.name, meta),
            "label" if attribute == "choice" => set(&mut found.label, meta),
            _ if attribute == "choice" => Err(unknown(meta, "name, label")),
            _ => Err(unknown(meta, "name")),
        })?;
        Ok(found)
    }
}

/// A word in a list: an identifier, or a literal for names with a hyphen.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> Result<Word> {
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            return Ok(Word {
                text: literal.value(),
                span: literal.span(),
            });
        }
        let ident: Ident = input.parse()?;
        Ok(Word {
            text: ident.to_string(),
            span: ident.span(),
        })
    }
}

/// A value of a field as users write it: a text, a number or a boolean literal.
pub(crate) struct Value(pub(crate) String);

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> Result<Value> {
        let minus = input.parse::<Option<Token![-]>>()?;
        let literal: Lit = input.parse()?;
        let text = match &literal {
            Lit::Int(number) => number.base10_digits().to_owned(),
            Lit::Float(number) => number.base10_digits().to_owned(),
            Lit::Str(text) if minus.is_none() => text.value(),
            Lit::Bool(value) if minus.is_none() => value.value.to_string(),
            _ => return Err(Error::new(literal.span(), "expected a text or a number")),
        };
        let sign = if minus.is_some() { "-" } else { "" };
        Ok(Value(format!("{sign}{text}")))
    }
}

/// Calls `read` for each key in the attributes of this name.
fn each(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(&ParseNestedMeta<'_>, &str) -> Result<()>,
) -> Result<()> {
    for attribute in attributes.iter().filter(|one| one.path().is_ident(name)) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string);
            read(&meta, &key.unwrap_or_default())
        })?;
    }
    Ok(())
}

fn set<T: Parse>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if slot.is_some() {
        return Err(meta.error("this attribute is given twice"));
    }
    *slot = Some(meta.value()?.parse()?);
    Ok(())
}

fn list(meta: &ParseNestedMeta<'_>) -> Result<Punctuated<Word, Token![,]>> {
    let content;
    parenthesized!(content in meta.input);
    let words = content.parse_terminated(Word::parse, Token![,])?;
    if words.is_empty() {
        return Err(meta.error("expected at least one word in the parentheses"));
    }
    Ok(words)
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &str) -> Error {
    meta.error(format!("unknown attribute; known are: {known}"))
}
