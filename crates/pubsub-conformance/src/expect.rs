//! Checks of responses, events and forms. Each error shows what was received instead.

mod answer;
mod event;
mod form;

pub(crate) use answer::{Answer, Page};
pub(crate) use event::Event;
pub(crate) use form::Form;

/// Maximum length of XML in a table, in characters.
const SHOWN: usize = 1_200;

/// Truncates received XML.
pub(crate) fn trimmed(xml: &str) -> String {
    if xml.chars().count() <= SHOWN {
        return xml.to_owned();
    }
    let cut: String = xml.chars().take(SHOWN).collect();
    format!("{cut}... ({} bytes)", xml.len())
}
