//! Deserializes the values of a section into a type of the application. Accepts common spellings:
//! `yes`, `on` and `1` for a boolean, one text with commas for a list, a number as text.
//!
//! Errors name the key; the caller adds the origin.

use figment::value::{Dict, Tag, Value};
use serde::de::{DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::sources::shown;

mod access;
mod mismatch;

use access::{Entries, List, Variant};
pub(super) use mismatch::{Fault, What};

const BOOLEAN: &str = "true or false; yes, no, on, off, 1 and 0 too";
const LIST: &str = "a list such as [\"one\", \"two\"], or one text with commas: \"one, two\"";
const TEXT: &str = "text in quotes";

/// A deserializer of one value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'v> {
    value: &'v Value,
    /// Returns whether a value comes from a variable, where everything is text.
    is_variable: &'v dyn Fn(Tag) -> bool,
}

impl<'v> Reader<'v> {
    pub(super) fn new(value: &'v Value, is_variable: &'v dyn Fn(Tag) -> bool) -> Reader<'v> {
        Reader { value, is_variable }
    }

    fn other<'o>(&self, value: &'o Value) -> Reader<'o>
    where
        'v: 'o,
    {
        Reader {
            value,
            is_variable: self.is_variable,
        }
    }

    fn text(&self) -> Option<&'v str> {
        self.value.as_str()
    }

    /// Returns the error for a value of the wrong type. It quotes the value: a value that should be
    /// a number or a boolean is not a secret, nor is a value that is not text.
    fn wrong(&self, why: &str, accepted: impl Into<String>) -> Fault {
        Fault::new(What::Value {
            shown: Some(shown(self.value).into()),
            why: why.to_owned(),
            accepted: Some(accepted.into().into()),
            odd: None,
        })
    }

    fn whole<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        least: i128,
        most: i128,
    ) -> Result<V::Value, Fault> {
        let accepted = match most <= i128::from(u32::MAX) {
            true => format!("a whole number from {least} to {most}"),
            false => "a whole number such as 100".to_owned(),
        };
        let number = match self.value {
            Value::Num(_, number) => number
                .to_i128()
                .or_else(|| i128::try_from(number.to_u128()?).ok()),
            value => value.as_str().and_then(|text| text.trim().parse().ok()),
        };
        let Some(number) = number else {
            return Err(self.wrong("is not a whole number", accepted));
        };
        if number < least {
            return Err(self.wrong("is too small", accepted));
        }
        if number > most {
            return Err(self.wrong("is too large", accepted));
        }
        let visited = match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => return Err(self.wrong("is too small", accepted)),
        };
        visited.map_err(|fault: Fault| fault.accepting(self, &accepted))
    }

    fn fraction<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let accepted = "a number such as 0.5";
        let number = match self.value {
            Value::Num(..) => shown(self.value).parse().ok(),
            value => value.as_str().and_then(|text| text.trim().parse().ok()),
        };
        let number: Option<f64> = number.filter(|number: &f64| number.is_finite());
        match number {
            Some(number) => visitor
                .visit_f64(number)
                .map_err(|fault: Fault| fault.accepting(self, accepted)),
            None => Err(self.wrong("is not a number", accepted)),
        }
    }

    fn texts<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(_, text) => visitor.visit_str(text),
            Value::Char(_, one) => visitor.visit_char(*one),
            _ => Err(self.wrong("is not a text", TEXT)),
        }
    }

    /// Returns the entries of a list in any accepted spelling; a single value is a list of one.
    fn entries(&self) -> Option<Vec<Value>> {
        match self.value {
            Value::Array(_, entries) => Some(entries.clone()),
            Value::String(_, text) => Some(split(text)),
            Value::Num(..) | Value::Bool(..) | Value::Char(..) => Some(vec![self.value.clone()]),
            Value::Dict(..) | Value::Empty(..) => None,
        }
    }

    /// Returns a table, which a variable may contain in one line: `{nodes=10,lease=3600}`.
    fn table(&self) -> Option<Dict> {
        match self.value {
            Value::Dict(_, table) => Some(table.clone()),
            Value::String(tag, text) if (self.is_variable)(*tag) => match text.parse() {
                Ok(Value::Dict(_, table)) => Some(table),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the table with keys of inner tables moved there: the variable for `nodes` in
    /// `limits` arrives as `limits_nodes`.
    fn nested<'t>(&self, table: &'t Dict, fields: &[&'static str]) -> (Dict, Vec<Moved<'t>>) {
        let mut nested = table.clone();
        let mut moved = Vec::new();
        for (key, value) in table {
            if fields.contains(&key.as_str()) || !(self.is_variable)(value.tag()) {
                continue;
            }
            let inner = fields.iter().filter_map(|field| {
                let rest = key.strip_prefix(field)?.strip_prefix('_')?;
                Some((*field, rest))
            });
            let Some((field, rest)) = inner.max_by_key(|(field, _)| field.len()) else {
                continue;
            };
            let inner = nested
                .entry(field.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                inner.insert(rest.to_owned(), value.clone());
                nested.remove(key);
                moved.push(Moved { field, key, value });
            }
        }
        (nested, moved)
    }
}

/// A key of a variable that was assigned to an inner table.
struct Moved<'t> {
    field: &'static str,
    key: &'t str,
    value: &'t Value,
}

impl Moved<'_> {
    /// Converts the error of a field that is not a table: there is no such key.
    fn taken_back(&self, fault: Fault, known: &'static [&'static str]) -> Fault {
        let is_here = fault.path.len() == 1 && fault.path.iter().any(|key| key == self.field);
        match fault.what {
            What::Value { .. } if is_here => Fault::unknown(self.key, known).at(self.value),
            _ => fault,
        }
    }
}

/// Splits a list in one text: `a, b`, `[a, b]` or `["a", "b"]`.
fn split(text: &str) -> Vec<Value> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    inner
        .split(',')
        .map(|entry| unquoted(entry.trim()))
        .filter(|entry| !entry.is_empty())
        .map(Value::from)
        .collect()
}

fn unquoted(text: &str) -> &str {
    let without = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    without('"').or_else(|| without('\'')).unwrap_or(text)
}

/// Parses the accepted spellings of true and false.
fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(_, is) => Some(*is),
        _ => match shown(value)
            .trim_matches('"')
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
    }
}

macro_rules! whole_numbers {
    ($($method:ident: $type:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.whole(visitor, i128::from($type::MIN), i128::from($type::MAX))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    /// Deserializes a type that accepts several forms: parses a variable as figment does.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let parsed = match self.value {
            Value::String(tag, text) if (self.is_variable)(*tag) => text.parse::<Value>().ok(),
            _ => None,
        };
        let parsed = parsed.as_ref().unwrap_or(self.value);
        let never = |_: Tag| false;
        match parsed {
            Value::String(_, text) => visitor.visit_str(text),
            Value::Char(_, one) => visitor.visit_char(*one),
            Value::Bool(_, is) => visitor.visit_bool(*is),
            Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
                (Some(_), _) | (_, Some(_)) => Reader::new(parsed, &never).whole(
                    visitor,
                    i128::from(i64::MIN),
                    i128::from(u64::MAX),
                ),
                _ => Reader::new(parsed, &never).fraction(visitor),
            },
            Value::Empty(..) => visitor.visit_unit(),
            Value::Dict(_, table) => visitor.visit_map(Entries::new(self, table)),
            Value::Array(_, entries) => visitor.visit_seq(List::new(self, entries)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match boolean(self.value) {
            Some(is) => visitor.visit_bool(is),
            None => Err(self.wrong("is neither true nor false", BOOLEAN)),
        }
    }

    whole_numbers!(
        deserialize_u8: u8, deserialize_u16: u16, deserialize_u32: u32, deserialize_u64: u64,
        deserialize_i8: i8, deserialize_i16: i16, deserialize_i32: i32, deserialize_i64: i64
    );

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.fraction(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.fraction(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.texts(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.texts(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.texts(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Empty(..) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.entries() {
            Some(entries) => visitor.visit_seq(List::new(self, &entries)),
            None => Err(self.wrong("is not a list", LIST)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.table() {
            Some(table) => visitor.visit_map(Entries::new(self, &table)),
            None => Err(self.wrong(
                "is not a table",
                "a table of its own, below its name in brackets",
            )),
        }
    }

    /// Rejects unknown keys, even if the type does not deny unknown fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Some(written) = self.table() else {
            return self.deserialize_map(visitor);
        };
        let (table, moved) = self.nested(&written, fields);
        let unknown = table
            .iter()
            .find(|(key, _)| !fields.contains(&key.as_str()));
        if let Some((key, value)) = unknown {
            return Err(Fault::unknown(key, fields).at(value));
        }
        let visited = visitor.visit_map(Entries::new(self, &table));
        visited.map_err(|fault| {
            let back = |fault, moved: &Moved<'_>| moved.taken_back(fault, fields);
            moved.iter().fold(fault, back)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let names: Vec<String> = variants.iter().map(|name| format!("{name:?}")).collect();
        let accepted = names.join(", ");
        let variant = match self.value {
            Value::Dict(_, table) => Variant::of(self, table),
            _ => self.text().map(Variant::plain),
        };
        match variant {
            Some(variant) => visitor
                .visit_enum(variant)
                .map_err(|fault| fault.accepting(self, &accepted)),
            None => Err(self.wrong("is not one of the accepted names", accepted)),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}

/// Deserializes the value of a key with the seed of its field.
fn behind<'de, T: DeserializeSeed<'de>>(
    seed: T,
    key: &str,
    reader: Reader<'_>,
) -> Result<T::Value, Fault> {
    seed.deserialize(reader)
        .map_err(|fault| fault.below(key, reader.value))
}
