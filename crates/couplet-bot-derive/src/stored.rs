//! `derive(State)` and `derive(Job)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

use crate::{
    attributes::NameAttributes,
    words::{check_name, kebab},
};

pub(crate) fn expand_state(input: &DeriveInput) -> Result<TokenStream> {
    expand(input, "state", &quote!(::couplet_bot::State))
}

pub(crate) fn expand_job(input: &DeriveInput) -> Result<TokenStream> {
    expand(input, "job", &quote!(::couplet_bot::Job))
}

fn expand(input: &DeriveInput, attribute: &str, path: &TokenStream) -> Result<TokenStream> {
    let ident = &input.ident;
    let name = match NameAttributes::read(&input.attrs, attribute)?.name {
        Some(name) => {
            check_name(&name.value(), name.span())?;
            name.value()
        }
        None => kebab(ident),
    };
    Ok(quote! {
        #[automatically_derived]
        impl #path for #ident {
            const NAME: &'static str = #name;
        }
    })
}
