//! Code that runs around every handler: [`Middleware`], [`AllowList`] and [`RateLimit`].

mod allow_list;
mod rate_limit;

pub use allow_list::AllowList;
pub use rate_limit::RateLimit;

pub use crate::route::{Handled, Middleware, Next};
