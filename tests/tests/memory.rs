//! Runs the scenarios on a server in memory, with a paused clock.

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let mut server = couplet_test::TestServer::memory();
            Box::pin(couplet_tests::$module::$name(&mut server)).await;
            // In no scenario does a component send what a real server would reject.
            let memory = server.in_memory().await;
            assert_eq!(memory.faults(), 0, "{}", memory.journal());
        }
    };
}

couplet_tests::every_scenario!(scenario on memory);
