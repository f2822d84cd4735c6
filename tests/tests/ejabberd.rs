//! Runs the scenarios, each on a new ejabberd.

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test]
        async fn $name() {
            Box::pin(couplet_tests::$module::$name(
                &mut couplet_test::TestServer::ejabberd(),
            ))
            .await;
        }
    };
}

couplet_tests::every_scenario!(scenario on ejabberd);
