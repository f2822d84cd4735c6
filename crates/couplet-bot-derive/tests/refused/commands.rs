use couplet_bot::Commands;

struct Color;

#[derive(Commands)]
enum AFieldOfAnUnknownType {
    Paint { color: Color },
}

#[derive(Commands)]
enum AnUnknownAttribute {
    #[command(alais = "r")]
    Remind { what: String },
}

#[derive(Commands)]
enum FieldsWithoutNames {
    Remind(String),
}

#[derive(Commands)]
enum ANameThatIsTaken {
    #[command(alias = "list")]
    Show,
    List,
}

#[derive(Commands)]
enum TheBuiltInName {
    Help,
}

#[derive(Commands)]
enum AnUnknownPlace {
    #[command(only(chat, rooom))]
    List,
}

#[derive(Commands)]
enum ADurationThatIsNone {
    #[command(every = "often")]
    List,
}

fn main() {}
