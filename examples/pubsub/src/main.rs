//! A publish-subscribe service.

fn main() {}
