//! What answers, events and forms are looked at with; each look tells what came instead.
//!
//! Deliberately absent: anything that sends.

mod answer;
mod event;
mod form;

pub(crate) use answer::{Answer, Page};
pub(crate) use event::Event;
pub(crate) use form::Form;

/// How much XML a person wants to see in a table. Characters.
const SHOWN: usize = 1_200;

/// What came, cut to what fits.
pub(crate) fn trimmed(xml: &str) -> String {
    if xml.chars().count() <= SHOWN {
        return xml.to_owned();
    }
    let cut: String = xml.chars().take(SHOWN).collect();
    format!("{cut}... ({} bytes)", xml.len())
}
