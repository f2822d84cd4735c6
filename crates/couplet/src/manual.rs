//! The manual.

pub mod guarantees {
    //! What holds whatever strangers send.
}
