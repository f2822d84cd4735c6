//! The scenarios, on a server in memory, with a paused clock.

use couplet_test::Stage;

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let mut stage = Stage::memory();
            Box::pin(couplet_tests::$module::$name(&mut stage)).await;
            // No scenario makes a component say what a real server would refuse.
            let server = stage.in_memory().await;
            assert_eq!(server.faults(), 0, "{}", server.journal());
        }
    };
}

couplet_tests::every_scenario!(scenario on memory);
