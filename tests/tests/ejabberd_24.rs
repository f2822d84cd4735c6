//! Runs the scenarios, each on a new ejabberd 24.12 of Debian 13.

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test]
        async fn $name() {
            Box::pin(couplet_tests::$module::$name(
                &mut couplet_test::TestServer::ejabberd_24(),
            ))
            .await;
        }
    };
}

couplet_tests::every_scenario!(scenario on ejabberd_24);
