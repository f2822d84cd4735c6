//! Two stores that went through the same look the same.
