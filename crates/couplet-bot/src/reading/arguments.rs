//! The words behind the name of a command.

use crate::{
    spec::{FieldSpec, FormSpec},
    values::Values,
};

/// Reads the values of the fields, and what is left when there is no field for it.
///
/// Required fields take one word each, in order; the last field takes all that follows, a text as it
/// was written. Other fields are given as `name=value` before it.
pub(super) fn read(form: &FormSpec, mut rest: &str) -> (Values, Option<String>) {
    let fields: Vec<&FieldSpec> = form.visible().collect();
    let mut values = Values::new();
    let Some((last, before)) = fields.split_last() else {
        let rest = rest.trim();
        return (values, (!rest.is_empty()).then(|| rest.to_owned()));
    };
    let named = Named {
        fields: &fields,
        text: last.is_free_text().then_some(last.name()),
    };
    for field in before.iter().filter(|field| field.is_required()) {
        rest = named.read(rest, &mut values);
        let Some((word, behind)) = next_word(rest) else {
            break;
        };
        values.set(field.name(), split(field, &word));
        rest = behind;
    }
    rest = named.read(rest, &mut values);
    if rest.trim().is_empty() {
        return (values, None);
    }
    let given = match last.is_free_text() {
        true => vec![rest.trim().to_owned()],
        false => named.remaining(rest, &mut values),
    };
    if given.is_empty() {
        return (values, None);
    }
    if values.has(last.name()) {
        return (values, Some(given.join(" ")));
    }
    let given = match last.arg_type().is_list() {
        true => given.iter().flat_map(|word| split(last, word)).collect(),
        false => vec![given.join(" ")],
    };
    values.set(last.name(), given);
    (values, None)
}

/// The fields that are given by name: those that are not required.
struct Named<'a> {
    fields: &'a [&'a FieldSpec],
    /// The field that takes the rest of the message.
    text: Option<&'a str>,
}

impl Named<'_> {
    /// Reads as many `name=value` as there are, and returns what follows.
    fn read<'r>(&self, mut rest: &'r str, values: &mut Values) -> &'r str {
        while let Some((field, word, behind)) = self.next(rest, values) {
            values.set(field.name(), split(field, &word));
            rest = behind;
        }
        rest
    }

    /// Reads each `name=value` and returns the other words.
    fn remaining(&self, mut rest: &str, values: &mut Values) -> Vec<String> {
        let mut others = Vec::new();
        loop {
            rest = self.read(rest, values);
            let Some((word, behind)) = next_word(rest) else {
                return others;
            };
            others.push(word);
            rest = behind;
        }
    }

    fn next<'r>(&self, rest: &'r str, values: &Values) -> Option<(&FieldSpec, String, &'r str)> {
        let (name, value) = rest.trim_start().split_once('=')?;
        let name = name.to_lowercase();
        let field = self.fields.iter().find(|field| field.name() == name)?;
        let is_free = !field.is_required() && self.text != Some(field.name());
        if !is_free || values.has(field.name()) || value.starts_with(char::is_whitespace) {
            return None;
        }
        let (word, behind) = next_word(value)?;
        Some((field, word, behind))
    }
}

/// Returns the next word and what follows: up to white space, or between double quotes. A quote that
/// is not closed before white space or the end is a character.
fn next_word(rest: &str) -> Option<(String, &str)> {
    let rest = rest.trim_start();
    if rest.is_empty() {
        return None;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let ends = quoted.match_indices('"').map(|(at, _)| quoted.split_at(at));
        let mut closed = ends.filter_map(|(word, behind)| Some((word, behind.strip_prefix('"')?)));
        let end = |behind: &str| behind.is_empty() || behind.starts_with(char::is_whitespace);
        if let Some((word, behind)) = closed.find(|(_, behind)| end(behind)) {
            return Some((word.to_owned(), behind));
        }
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end)?;
    Some((word.to_owned(), behind))
}

/// Returns the values in a word: several with commas where the field is a list.
fn split(field: &FieldSpec, word: &str) -> Vec<String> {
    match field.arg_type().is_list() {
        true => word
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        false => vec![word.to_owned()],
    }
}
