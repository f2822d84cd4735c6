//! `derive(Commands)`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, LitStr, Result, Variant};

use crate::{
    attributes::{CommandAttributes, Word},
    docs::Docs,
    fields::FieldTokens,
    words::{check_name, kebab},
};

/// The name of the command that `couplet-bot` has built in.
const HELP: &str = "help";

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let text = "commands are the variants of an enum: write `enum Command { .. }`";
        return Err(Error::new_spanned(&input.ident, text));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(
            &input.ident,
            "add a variant: each is a command",
        ));
    }
    let mut taken = Vec::new();
    let (mut consts, mut specs, mut arms) = (Vec::new(), Vec::new(), Vec::new());
    for (at, variant) in data.variants.iter().enumerate() {
        let command = CommandAttributes::read(&variant.attrs)?;
        let name = name_of(variant, &command)?;
        claim(&mut taken, &name, variant, &command)?;
        let fields = FieldTokens::of(&variant.fields, &variant.ident)?;
        let (array, ident) = (format_ident!("FIELDS_{at}"), &variant.ident);
        let FieldTokens {
            specs: array_of_specs,
            count,
            pattern,
            construct,
            ..
        } = &fields;
        consts.push(quote! {
            const #array: &[::couplet_bot::spec::FieldSpec; #count] = &#array_of_specs;
        });
        let spec = spec(&name, variant, &command)?;
        specs.push(quote!(#spec.fields(#array)));
        arms.push(quote! {
            #name => {
                let #pattern = #array;
                ::core::result::Result::Ok(Self::#ident #construct)
            }
        });
    }
    let ident = &input.ident;
    Ok(quote! {
        const _: () = {
            #(#consts)*

            #[automatically_derived]
            impl ::couplet_bot::Commands for #ident {
                const COMMANDS: &'static [::couplet_bot::spec::CommandSpec] = &[#(#specs),*];

                fn from_values(
                    command: &str,
                    values: &::couplet_bot::values::Values,
                ) -> ::core::result::Result<Self, ::couplet_bot::value_error::ValueError> {
                    let _some_commands_have_no_fields = values;
                    match command {
                        #(#arms)*
                        _ => ::core::result::Result::Err(
                            ::couplet_bot::value_error::ValueError::unknown_command(command),
                        ),
                    }
                }
            }
        };
    })
}

fn name_of(variant: &Variant, command: &CommandAttributes) -> Result<String> {
    match &command.name {
        Some(name) => {
            check_name(&name.value(), name.span())?;
            Ok(name.value())
        }
        None => Ok(kebab(&variant.ident)),
    }
}

/// Notes the name and the aliases of a command as taken.
fn claim(
    taken: &mut Vec<String>,
    name: &str,
    variant: &Variant,
    command: &CommandAttributes,
) -> Result<()> {
    let span = command
        .name
        .as_ref()
        .map_or(variant.ident.span(), LitStr::span);
    let mut names = vec![(name.to_owned(), span)];
    for alias in &command.aliases {
        check_name(&alias.value(), alias.span())?;
        names.push((alias.value(), alias.span()));
    }
    for (name, span) in names {
        if name == HELP {
            return Err(Error::new(span, "`help` is built in: choose another name"));
        }
        if taken.contains(&name) {
            let text = format!("the command name {name:?} is used twice");
            return Err(Error::new(span, text));
        }
        taken.push(name);
    }
    Ok(())
}

/// Writes the `CommandSpec` of a variant, without its fields.
fn spec(name: &str, variant: &Variant, command: &CommandAttributes) -> Result<TokenStream> {
    let docs = Docs::of(&variant.attrs);
    let summary = docs.summary_or(name);
    let mut spec = quote!(::couplet_bot::spec::CommandSpec::new(#name, #summary));
    if !docs.description.is_empty() {
        let description = &docs.description;
        spec.extend(quote!(.description(#description)));
    }
    if !command.aliases.is_empty() {
        let aliases = &command.aliases;
        spec.extend(quote!(.aliases(&[#(#aliases),*])));
    }
    if let Some(example) = &command.example {
        spec.extend(quote!(.example(#example)));
    }
    if !command.allow.is_empty() {
        let allow = command.allow.iter().map(|word| &word.text);
        spec.extend(quote!(.allow(&[#(#allow),*])));
    }
    if let Some(every) = &command.every {
        let millis = milliseconds(every)?;
        spec.extend(quote!(.every(::core::time::Duration::from_millis(#millis))));
    }
    if !command.only.is_empty() {
        let faces = command.only.iter().map(face).collect::<Result<Vec<_>>>()?;
        spec.extend(quote!(.only(&[#(::couplet_bot::spec::Face::#faces),*])));
    }
    if command.hidden {
        spec.extend(quote!(.hidden()));
    }
    if command.rerun {
        spec.extend(quote!(.rerun()));
    }
    Ok(spec)
}

fn milliseconds(text: &LitStr) -> Result<u64> {
    let duration = humantime::parse_duration(&text.value());
    duration
        .ok()
        .and_then(|duration| u64::try_from(duration.as_millis()).ok())
        .filter(|millis| *millis > 0)
        .ok_or_else(|| {
            Error::new(
                text.span(),
                "expected a duration, such as \"10s\" or \"1h 30m\"",
            )
        })
}

fn face(word: &Word) -> Result<proc_macro2::Ident> {
    let name = match word.text.as_str() {
        "chat" => "Chat",
        "rooms" => "Rooms",
        "form" => "Form",
        _ => return Err(Error::new(word.span, "expected chat, rooms or form")),
    };
    Ok(proc_macro2::Ident::new(name, Span::call_site()))
}
