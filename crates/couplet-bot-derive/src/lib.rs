//! The derives of `couplet-bot`, which re-exports them and documents the traits.
//!
//! Each reads an enum or a struct and writes data and one function that reads values; the code that
//! they write has no `async` and no generics.

mod commands;
mod form;
mod choice;
mod stored;
mod fields;
mod attributes;
mod words;
mod docs;

use proc_macro2::TokenStream;
use syn::{DeriveInput, Error, Result, parse_macro_input};

/// Implements `Commands` for an enum: a variant is a command, its fields are the arguments, and doc
/// comments are the help and the labels.
///
/// Attributes of a variant, `#[command(..)]`: `name`, `alias` (may be repeated), `example`,
/// `allow(..)`, `every`, `hidden`, `rerun`, `only(chat, rooms, form)`.
///
/// Attributes of a field, `#[field(..)]`: `name`, `label`, `default`, `min`, `max`, `pattern`,
/// `choices`, `lines`, `secret`, `hidden`, `page`.
#[proc_macro_derive(Commands, attributes(command, field))]
pub fn commands(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), commands::expand)
}

/// Implements `Form` for a struct with named fields; the doc comment is the title.
///
/// Attributes of the struct, `#[form(..)]`: `name`. Those of the fields are as for `Commands`.
#[proc_macro_derive(Form, attributes(form, field))]
pub fn form(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), form::expand)
}

/// Implements `Choice` for an enum without fields: a variant is an option, its doc comment the label.
///
/// Attributes of a variant, `#[choice(..)]`: `name`, `label`.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), choice::expand)
}

/// Implements `State`: the name under which values are stored is that of the type in kebab-case, or
/// that of `#[state(name = "..")]`.
#[proc_macro_derive(State, attributes(state))]
pub fn state(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), stored::expand_state)
}

/// Implements `Job`: the name under which jobs are stored is that of the type in kebab-case, or that
/// of `#[job(name = "..")]`.
#[proc_macro_derive(Job, attributes(job))]
pub fn job(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), stored::expand_job)
}

fn expand(
    input: &DeriveInput,
    derive: fn(&DeriveInput) -> Result<TokenStream>,
) -> proc_macro::TokenStream {
    let written = match input.generics.params.first() {
        Some(param) => Err(Error::new_spanned(
            param,
            "this derive takes no type with generic parameters or lifetimes",
        )),
        None => derive(input),
    };
    written.unwrap_or_else(Error::into_compile_error).into()
}
