use couplet::{Condition, StanzaError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let refused: Result<(), StanzaError> = Err(StanzaError::new(Condition::Forbidden));
    refused?;
    Ok(())
}
