//! `derive(Choice)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, ext::IdentExt};

use crate::{
    attributes::NameAttributes,
    docs::Docs,
    words::{check_name, kebab},
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let text = "a choice is an enum whose variants are the options";
        return Err(Error::new_spanned(&input.ident, text));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(
            &input.ident,
            "add a variant: each is an option",
        ));
    }
    let mut taken: Vec<String> = Vec::new();
    let (mut options, mut values, mut variants) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let text = "an option has no fields";
            return Err(Error::new_spanned(&variant.fields, text));
        }
        let attributes = NameAttributes::read(&variant.attrs, "choice")?;
        let (value, span) = match &attributes.name {
            Some(name) => (name.value(), name.span()),
            None => (kebab(&variant.ident), variant.ident.span()),
        };
        check_name(&value, span)?;
        if taken.contains(&value) {
            let text = format!("the option {value:?} is there twice");
            return Err(Error::new(span, text));
        }
        let label = match &attributes.label {
            Some(label) => label.value(),
            None => Docs::of(&variant.attrs).summary_or(&variant.ident.unraw().to_string()),
        };
        options.push(quote!(::couplet_bot::choice::ChoiceOption::new(#value, #label)));
        variants.push(&variant.ident);
        values.push(value.clone());
        taken.push(value);
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::couplet_bot::Choice for #ident {
            const OPTIONS: &'static [::couplet_bot::choice::ChoiceOption] = &[#(#options),*];

            fn from_value(value: &str) -> ::core::option::Option<Self> {
                match value {
                    #(#values => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn value(&self) -> &'static str {
                match self {
                    #(Self::#variants => #values,)*
                }
            }
        }

        #[automatically_derived]
        impl ::couplet_bot::Arg for #ident {
            const TYPE: ::couplet_bot::arg::ArgType =
                ::couplet_bot::arg::ArgType::choice(<Self as ::couplet_bot::Choice>::OPTIONS);

            fn from_text(
                values: &[::std::string::String],
            ) -> ::core::result::Result<Self, ::couplet_bot::value_error::Problem> {
                ::couplet_bot::choice::read(values)
            }

            fn to_text(&self) -> ::std::vec::Vec<::std::string::String> {
                ::std::vec![::std::string::String::from(::couplet_bot::Choice::value(self))]
            }
        }

        #[automatically_derived]
        impl ::couplet_bot::table::Cell for #ident {
            fn cell(&self) -> ::std::string::String {
                ::std::string::String::from(::couplet_bot::choice::label(self))
            }
        }
    })
}
