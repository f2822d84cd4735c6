//! `derive(Form)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Result};

use crate::{
    attributes::NameAttributes,
    docs::Docs,
    fields::FieldTokens,
    words::{check_name, kebab},
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        let text = "a form is a struct with named fields; commands are an enum";
        return Err(Error::new_spanned(&input.ident, text));
    };
    let ident = &input.ident;
    let name = match NameAttributes::read(&input.attrs, "form")?.name {
        Some(name) => {
            check_name(&name.value(), name.span())?;
            name.value()
        }
        None => kebab(ident),
    };
    let fields = FieldTokens::of(&data.fields, ident)?;
    if fields.count == 0 {
        return Err(Error::new_spanned(
            ident,
            "add a field: a form asks for something",
        ));
    }
    let docs = Docs::of(&input.attrs);
    let (title, description) = (docs.summary_or(&name), docs.description);
    let FieldTokens {
        specs,
        count,
        pattern,
        construct,
        store,
    } = fields;
    Ok(quote! {
        const _: () = {
            const FIELDS: &[::couplet_bot::spec::FieldSpec; #count] = &#specs;

            #[automatically_derived]
            impl ::couplet_bot::Form for #ident {
                const FORM: &'static ::couplet_bot::spec::FormSpec =
                    &::couplet_bot::spec::FormSpec::new(#name, #title)
                        .description(#description)
                        .fields(FIELDS);

                fn to_values(&self) -> ::couplet_bot::values::Values {
                    let #pattern = FIELDS;
                    let mut values = ::couplet_bot::values::Values::new();
                    #store
                    values
                }

                fn from_values(
                    values: &::couplet_bot::values::Values,
                ) -> ::core::result::Result<Self, ::couplet_bot::value_error::ValueError> {
                    let #pattern = FIELDS;
                    ::core::result::Result::Ok(Self #construct)
                }
            }
        };
    })
}
