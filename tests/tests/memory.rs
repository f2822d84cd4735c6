//! The scenarios, on a server in memory, with a paused clock.

use couplet_test::Stage;

macro_rules! scenario {
    ($module:ident $name:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            Box::pin(couplet_tests::$module::$name(&mut Stage::memory())).await;
        }
    };
}

couplet_tests::every_scenario!(scenario on memory);
