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

/// Implements `Commands` for an enum: each variant is a command and its fields are the arguments.
///
/// The first paragraph of a doc comment is the line that `help` shows, or the label of the field; the
/// other paragraphs explain it. A command is called as its variant in kebab-case, a field as in Rust.
///
/// | `#[command(..)]` of a variant | meaning |
/// |---|---|
/// | `name = "remind"` | the name that users type |
/// | `alias = "r"` | another name; may be repeated |
/// | `example = "remind 10m tea"` | a message as an example, for `help` and for errors |
/// | `allow(admins, moderators)` | who may run it: any of these roles or groups of the configuration |
/// | `every = "10s"` | how much time has to be between two runs by one person |
/// | `only(chat, rooms, form)` | where it can be run: one, two or all of these |
/// | `hidden` | `help` and lists leave it out |
/// | `rerun` | a correction of the message runs it again, also after it succeeded |
///
/// | `#[field(..)]` of a field | meaning |
/// |---|---|
/// | `name = "after"` | the name in forms and in `name=value` |
/// | `label = "In how long"` | the label, in place of the doc comment |
/// | `default = "10m"` | the value where none is given |
/// | `min = "1s"`, `max = 10` | limits of a value, or of the number of characters of a text |
/// | `pattern = "[a-z]+"` | a regular expression that the whole text has to match |
/// | `choices = teas` | a function that returns the options, where they are not an enum |
/// | `lines` | a form has several lines for the text |
/// | `secret` | the value is not logged, stored or shown again; it is the last field |
/// | `hidden` | users do not see the field; it has its default |
/// | `page` | a form begins a new page with this field |
///
/// Required fields are given in order, the last one takes the rest of a message, and those before it
/// that have a default or may be absent are given as `name=value`.
#[proc_macro_derive(Commands, attributes(command, field))]
pub fn commands(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), commands::expand)
}

/// Implements `Form` for a struct with named fields; its doc comment is the title.
///
/// `#[form(name = "..")]` sets the name under which open forms are stored and translations are found;
/// without it, it is the name of the type in kebab-case. The attributes of fields are those of
/// [`Commands`](macro@Commands); a `hidden` field keeps the value that the form was asked with.
#[proc_macro_derive(Form, attributes(form, field))]
pub fn form(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&parse_macro_input!(input), form::expand)
}

/// Implements `Choice` for an enum without fields: each variant is an option, its doc comment the
/// label.
///
/// `#[choice(name = "..", label = "..")]` of a variant sets the value that forms send, and the label.
/// The type can be that of a field then, and stand in a cell of a table.
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
