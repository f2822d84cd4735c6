//! Payload types that are recognised by name and namespace alone; the codec reads their content.
//!
//! They are not derived, because a derived type visits every element of the payload only to drop
//! it, and a peer chooses the number of elements.

use std::marker::PhantomData;

use xso::{Context, FromEventsBuilder, error::Error, exports::rxml};

/// Declares unit types that are read from any element of their name.
macro_rules! payload_type {
    ($($(#[$doc:meta])* $visibility:vis struct $name:ident = $ns:tt, $local:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, xso::AsXml)]
        #[xml(namespace = $ns, name = $local)]
        $visibility struct $name;

        impl xso::FromXml for $name {
            type Builder = $crate::payload_type::Named<$name>;

            fn from_events(
                name: xso::exports::rxml::QName,
                attrs: xso::exports::rxml::AttrMap,
                _context: &xso::Context<'_>,
            ) -> Result<Self::Builder, xso::error::FromEventsError> {
                if name.0 == $ns && name.1 == $local {
                    return Ok(Self::Builder::default());
                }
                Err(xso::error::FromEventsError::Mismatch { name, attrs })
            }

            fn xml_name_matcher() -> xso::fromxml::XmlNameMatcher<'static> {
                xso::fromxml::XmlNameMatcher::Specific($ns, $local)
            }
        }

        impl TryFrom<minidom::Element> for $name {
            type Error = xso::error::FromElementError;

            fn try_from(element: minidom::Element) -> Result<$name, Self::Error> {
                match element.is($local, $ns) {
                    true => Ok($name),
                    false => Err(xso::error::FromElementError::Mismatch(element)),
                }
            }
        }
    )*};
}

pub(crate) use payload_type;

/// Builds the payload from its first event.
#[derive(Debug, Default)]
pub(crate) struct Named<T>(PhantomData<T>);

impl<T: Default> FromEventsBuilder for Named<T> {
    type Output = T;

    fn feed(&mut self, _event: rxml::Event, _context: &Context<'_>) -> Result<Option<T>, Error> {
        Ok(Some(T::default()))
    }
}
