use couplet_bot::{Choice, Form};

#[derive(Form)]
struct ASecretBeforeTheEnd {
    #[field(secret)]
    password: String,
    user: String,
}

#[derive(Form)]
enum FormsAreStructs {
    Yes,
}

#[derive(Form)]
struct AParameter<T> {
    value: T,
}

#[derive(Choice)]
enum AnOptionWithFields {
    Red(u8),
}

fn asked<T: Form>() {}

struct NotDerived;

fn main() {
    asked::<NotDerived>();
}
