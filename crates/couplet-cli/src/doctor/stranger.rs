//! What listens at a port by convention.
//!
//! Deliberately absent: knowing all of them. What a stranger says first is quoted.

/// What listens at a port by convention, where that is no component port.
pub(super) fn by_port(port: Option<u16>) -> &'static str {
    match port {
        Some(5222 | 5223) => {
            "By convention this is the port for clients; components connect to 5347."
        }
        Some(5269 | 5270) => {
            "By convention this is the port for other servers; components connect to 5347."
        }
        Some(80 | 443 | 5280 | 5281 | 5443 | 8080) => {
            "By convention this is a port for HTTP; components connect to 5347."
        }
        Some(5582) => "By convention this is Prosody's console; components connect to 5347.",
        _ => "",
    }
}
