use couplet::{Condition, Refusal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let refused: Result<(), Refusal> = Err(Refusal::new(Condition::Forbidden));
    refused?;
    Ok(())
}
