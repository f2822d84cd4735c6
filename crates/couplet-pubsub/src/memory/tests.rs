use crate::store::suite::suite;

async fn open() -> (crate::store::suite::Shared, ()) {
    (super::store(), ())
}

suite!(open());
