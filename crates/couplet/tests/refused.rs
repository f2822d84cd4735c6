//! Code that must not compile, with the messages of the compiler, which are part of the interface.

#[test]
fn mistakes_are_refused_in_words_that_help() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
