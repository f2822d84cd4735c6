//! Couplet.
