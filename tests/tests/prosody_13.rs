//! Runs the scenarios, each on a new Prosody 13.0 of Debian 13.

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test]
        async fn $name() {
            Box::pin(couplet_tests::$module::$name(
                &mut couplet_test::TestServer::prosody_13(),
            ))
            .await;
        }
    };
}

couplet_tests::every_scenario!(scenario on prosody_13);
