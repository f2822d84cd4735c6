//! The hundred cases, in the order of their numbers.
//!
//! A case creates its own nodes and can run alone; no case depends on another one.

mod disco;
mod create;
mod subscribe;
mod unsubscribe;
mod authorize;
mod options;
mod lease;
mod items;
mod pages;
mod publish;
mod payload;
mod retract;
mod configure;
mod owner;
mod lists;
mod adhoc;
mod bounce;
mod malformed;
mod order;
mod crash;

use std::pin::Pin;

use crate::error::CaseResult;
use crate::test_context::TestContext;

type Body =
    for<'a> fn(&'a mut TestContext) -> Pin<Box<dyn Future<Output = CaseResult> + Send + 'a>>;

/// One case: its number, section of XEP-0060 1.30, title and function.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) number: u16,
    pub(crate) section: &'static str,
    pub(crate) title: &'static str,
    /// The factor by which the deadline of the case is multiplied.
    pub(crate) slowness: u32,
    pub(crate) body: Body,
}

impl Case {
    const fn slow(mut self, slowness: u32) -> Case {
        self.slowness = slowness;
        self
    }
}

/// Declares a case with a function of the form `async fn(&mut TestContext) -> CaseResult`.
macro_rules! case {
    ($number:literal, $section:literal, $title:literal, $body:path) => {
        $crate::cases::Case {
            number: $number,
            section: $section,
            title: $title,
            slowness: 1,
            body: |context| Box::pin($body(context)),
        }
    };
}

use case;

/// Returns all cases, in the order of their numbers.
pub(crate) fn all() -> Vec<Case> {
    let mut all: Vec<Case> = [
        disco::CASES,
        create::CASES,
        subscribe::CASES,
        unsubscribe::CASES,
        authorize::CASES,
        options::CASES,
        lease::CASES,
        items::CASES,
        pages::CASES,
        publish::CASES,
        payload::CASES,
        retract::CASES,
        configure::CASES,
        owner::CASES,
        lists::CASES,
        adhoc::CASES,
        bounce::CASES,
        malformed::CASES,
        order::CASES,
        crash::CASES,
    ]
    .concat();
    all.sort_by_key(|case| case.number);
    all
}

/// Returns the numbers, sections and titles of all cases.
///
/// # Examples
///
/// ```
/// assert_eq!(pubsub_conformance::cases().count(), 100);
/// ```
pub fn cases() -> impl Iterator<Item = (u16, &'static str, &'static str)> {
    let listed = |case: Case| (case.number, case.section, case.title);
    all().into_iter().map(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_hundred_cases_and_each_number_once() {
        let numbers: Vec<u16> = all().iter().map(|case| case.number).collect();
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    }
}
