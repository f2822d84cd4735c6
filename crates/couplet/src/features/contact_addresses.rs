//! Contact addresses, as a form in disco#info. (XEP-0157)

use std::collections::BTreeMap;

use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType};

const FORM_TYPE: &str = "http://jabber.org/network/serverinfo";

/// Returns the form for these (kind, address) pairs; `None` if there are none.
pub(super) fn form(contacts: &[(String, String)]) -> Option<DataForm> {
    if contacts.is_empty() {
        return None;
    }
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, address) in contacts {
        kinds.entry(kind).or_default().push(address.clone());
    }
    let fields = kinds
        .into_iter()
        .map(|(kind, values)| Field {
            values,
            ..Field::new(kind, FieldType::ListMulti)
        })
        .collect();
    Some(DataForm::new(DataFormType::Result_, FORM_TYPE, fields))
}
