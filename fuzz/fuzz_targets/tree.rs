//! Any bytes as an element: no panic, no overflow. An accepted element can be walked, and read
//! again from minidom's serialization.

#![no_main]

use couplet_core::element::{Scope, Step, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(tree) = Tree::parse(data, &Scope::component()) else {
        return;
    };
    let mut depth = 0_usize;
    for step in tree.root().steps() {
        match step {
            Step::Open(element) => {
                depth += 1;
                assert!(!element.name().is_empty());
                for (ns, name, value) in element.attrs() {
                    assert_eq!(element.attr_ns(ns, name), Some(value));
                }
            }
            Step::Text(text) => assert!(!text.is_empty() && depth > 0),
            Step::Close => depth -= 1,
        }
    }
    assert_eq!(depth, 0);
    let Ok(element) = tree.root().to_minidom() else {
        return;
    };
    let Ok(written) = Tree::parse(String::from(&element), &Scope::client()) else {
        // minidom writes XML that it cannot read: an attribute in a namespace without a prefix.
        return;
    };
    assert_eq!(written.root().name(), tree.root().name());
});
