//! Code around every handler of a component: [`Middleware`], and two that are ready to use.

mod allow_list;
mod rate_limit;

pub use allow_list::AllowList;
pub use rate_limit::RateLimit;

pub use crate::route::{Handled, Middleware, Next};
