//! What must not compile, and how the compiler tells it: the messages are part of the interface.

#[test]
fn mistakes_are_refused_in_words_that_help() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
