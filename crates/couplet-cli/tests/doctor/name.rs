//! The name of the server.

use crate::Outcome;
use crate::case::Broken;

#[tokio::test]
async fn a_name_without_an_address_is_named() -> Outcome {
    Broken::new("a name without an address", "xmpp.invalid:5347")
        .fails_at("name", "no address is known for xmpp.invalid:5347")
        .advises("COUPLET_SERVER")
        .understood()
        .await?;
    Ok(())
}
