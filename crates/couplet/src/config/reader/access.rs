//! Access to tables, lists and enum variants for [`Reader`].

use std::collections::btree_map;
use std::slice;

use figment::value::{Dict, Value};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Fault, Reader, behind};

/// The entries of a table.
pub(super) struct Entries<'v> {
    reader: Reader<'v>,
    rest: btree_map::Iter<'v, String, Value>,
    value: Option<(&'v str, &'v Value)>,
}

impl<'v> Entries<'v> {
    pub(super) fn new<'r: 'v>(reader: Reader<'r>, table: &'v Dict) -> Entries<'v> {
        Entries {
            reader,
            rest: table.iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(StrDeserializer::new(key))
            .map(Some)
            .map_err(|fault: Fault| fault.at(value))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((key, value)) = self.value.take() else {
            return Err(serde::de::Error::custom(
                "the value was requested before its key",
            ));
        };
        behind(seed, key, self.reader.other(value))
    }
}

/// The entries of a list.
pub(super) struct List<'v> {
    reader: Reader<'v>,
    rest: slice::Iter<'v, Value>,
    number: usize,
}

impl<'v> List<'v> {
    pub(super) fn new<'r: 'v>(reader: Reader<'r>, entries: &'v [Value]) -> List<'v> {
        List {
            reader,
            rest: entries.iter(),
            number: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.rest.next() else {
            return Ok(None);
        };
        self.number += 1;
        seed.deserialize(self.reader.other(value))
            .map(Some)
            .map_err(|fault| fault.in_entry(self.number))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant of an enum: a name, or a table with the name as its only key.
pub(super) struct Variant<'v> {
    name: &'v str,
    inner: Option<Reader<'v>>,
}

impl<'v> Variant<'v> {
    pub(super) fn plain(name: &'v str) -> Variant<'v> {
        Variant { name, inner: None }
    }

    pub(super) fn of<'r: 'v>(reader: Reader<'r>, table: &'v Dict) -> Option<Variant<'v>> {
        let mut entries = table.iter();
        match (entries.next(), entries.next()) {
            (Some((name, value)), None) => Some(Variant {
                name,
                inner: Some(reader.other(value)),
            }),
            _ => None,
        }
    }

    fn inner(self) -> Result<Reader<'v>, Fault> {
        self.inner
            .ok_or_else(|| serde::de::Error::custom("is a name that needs a value"))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = StrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.inner {
            None => Ok(()),
            Some(_) => Err(serde::de::Error::custom("is a name that takes no value")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let name = self.name;
        behind(seed, name, self.inner()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.inner()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.inner()?.deserialize_struct("", fields, visitor)
    }
}
