//! Step `name`: the name of the server has addresses.

use crate::Outcome;
use crate::faulty_setup::FaultySetup;

#[tokio::test]
async fn a_name_without_an_address_is_reported() -> Outcome {
    FaultySetup::new("a name without an address", "xmpp.invalid:5347")
        .expect("name", "no address is known for xmpp.invalid:5347")
        .advises("COUPLET_SERVER")
        .check()
        .await?;
    Ok(())
}
