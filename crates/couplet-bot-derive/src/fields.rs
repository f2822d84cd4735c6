//! The fields of commands and forms: their specification, and how they are read and written.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Error, Field, Fields, Ident, Result, ext::IdentExt, spanned::Spanned};

use crate::{attributes::FieldAttributes, docs::Docs, words::check_name};

/// What the derives write for the fields of a variant or a struct.
pub(crate) struct FieldTokens {
    /// An array of `FieldSpec`.
    pub(crate) specs: TokenStream,
    /// How many there are.
    pub(crate) count: usize,
    /// A pattern that binds the elements of the array.
    pub(crate) pattern: TokenStream,
    /// `{ after: spec_0.read(values)?, .. }`, or nothing for a unit variant.
    pub(crate) construct: TokenStream,
    /// Statements that put each field of `self` into `values`.
    pub(crate) store: TokenStream,
}

impl FieldTokens {
    pub(crate) fn of(fields: &Fields, owner: &Ident) -> Result<FieldTokens> {
        let named = match fields {
            Fields::Unit => return Ok(FieldTokens::none(TokenStream::new())),
            Fields::Named(named) if named.named.is_empty() => {
                return Ok(FieldTokens::none(quote!({})));
            }
            Fields::Named(named) => &named.named,
            Fields::Unnamed(unnamed) => {
                let text = format!("fields need names here: write `{owner} {{ name: Type }}`");
                return Err(Error::new_spanned(unnamed, text));
            }
        };
        let read: Vec<One<'_>> = named.iter().map(One::read).collect::<Result<_>>()?;
        check_secrets(&read)?;
        check_names(&read)?;
        let specs = read.iter().map(One::spec);
        let bindings: Vec<Ident> = (0..read.len())
            .map(|at| format_ident!("spec_{at}"))
            .collect();
        // At the type too, where a missing `Arg` is reported.
        let reads = read.iter().zip(&bindings).map(|(one, binding)| {
            let (ident, span) = (one.ident, one.field.ty.span());
            quote_spanned!(span=> #ident: #binding.read(values)?)
        });
        let reads: Vec<TokenStream> = reads.collect();
        let idents: Vec<&Ident> = read.iter().map(|one| one.ident).collect();
        Ok(FieldTokens {
            specs: quote!([#(#specs),*]),
            count: read.len(),
            pattern: quote!([#(#bindings),*]),
            construct: quote!({ #(#reads),* }),
            store: quote!(#(#bindings.store(&self.#idents, &mut values);)*),
        })
    }

    fn none(construct: TokenStream) -> FieldTokens {
        FieldTokens {
            specs: quote!([]),
            count: 0,
            pattern: quote!([]),
            construct,
            store: TokenStream::new(),
        }
    }
}

/// One field with its attributes.
struct One<'a> {
    field: &'a Field,
    ident: &'a Ident,
    name: String,
    attributes: FieldAttributes,
}

impl<'a> One<'a> {
    fn read(field: &'a Field) -> Result<One<'a>> {
        let Some(ident) = &field.ident else {
            return Err(Error::new_spanned(field, "the field needs a name"));
        };
        let attributes = FieldAttributes::read(&field.attrs)?;
        let name = match &attributes.name {
            Some(name) => {
                check_name(&name.value(), name.span())?;
                name.value()
            }
            None => ident.unraw().to_string(),
        };
        Ok(One {
            field,
            ident,
            name,
            attributes,
        })
    }

    fn spec(&self) -> TokenStream {
        let One {
            field,
            name,
            attributes,
            ..
        } = self;
        let docs = Docs::of(&field.attrs);
        let label = match &attributes.label {
            Some(label) => label.value(),
            None => docs.summary_or(name),
        };
        let mut rest = TokenStream::new();
        if !docs.description.is_empty() {
            let description = &docs.description;
            rest.extend(quote!(.description(#description)));
        }
        let FieldAttributes {
            default, min, max, ..
        } = attributes;
        for (method, value) in [("default", default), ("min", min), ("max", max)] {
            if let Some(value) = value {
                let (method, value) = (format_ident!("{method}"), &value.0);
                rest.extend(quote!(.#method(#value)));
            }
        }
        if let Some(pattern) = &attributes.pattern {
            rest.extend(quote!(.pattern(#pattern)));
        }
        if let Some(choices) = &attributes.choices {
            let path = quote_spanned!(choices.span()=> ::couplet_bot::choice::options(#choices()));
            rest.extend(quote!(.choices(|| #path)));
        }
        for (method, is_set) in [
            ("lines", attributes.lines),
            ("secret", attributes.secret),
            ("hidden", attributes.hidden),
            ("page", attributes.page),
        ] {
            if is_set {
                let method = format_ident!("{method}");
                rest.extend(quote!(.#method()));
            }
        }
        let ty = &field.ty;
        // At the type, so that a type without `Arg` is reported there.
        quote_spanned!(ty.span()=> ::couplet_bot::spec::FieldSpec::of::<#ty>(#name, #label) #rest)
    }
}

/// A secret is not stored while other fields are filled in, so that it has to come last.
fn check_secrets(fields: &[One<'_>]) -> Result<()> {
    let before_last = fields.len().saturating_sub(1);
    match fields
        .iter()
        .take(before_last)
        .find(|one| one.attributes.secret)
    {
        Some(one) => Err(Error::new_spanned(
            one.field,
            "a secret is not stored while the other fields are filled in: make it the last field",
        )),
        None => Ok(()),
    }
}

fn check_names(fields: &[One<'_>]) -> Result<()> {
    for (at, one) in fields.iter().enumerate() {
        if fields.iter().take(at).any(|before| before.name == one.name) {
            let text = format!("the field name {:?} is used twice", one.name);
            return Err(Error::new_spanned(one.field, text));
        }
    }
    Ok(())
}
