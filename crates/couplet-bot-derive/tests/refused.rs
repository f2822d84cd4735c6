//! What must not compile, and the messages of the compiler: they are part of the interface.

#[test]
fn mistakes_are_rejected_with_a_message_at_their_place() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
