//! The derives of `couplet-bot`, which re-exports them.
