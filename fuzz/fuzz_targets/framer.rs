//! The framer and the tree against rxml, on any bytes inside a stream in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/couplet-core/tests/readings/readings.rs"]
mod readings;

fuzz_target!(|data: &[u8]| {
    // rxml's token limit, which the comparison raises to 8 KiB, must not decide.
    if let Some((&size, inside)) = data.split_first()
        && inside.len() < 8_000
    {
        readings::compare(inside, &[usize::from(size).max(1)]);
    }
});
