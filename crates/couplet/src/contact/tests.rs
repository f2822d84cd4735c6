use couplet_core::element::{Scope, Tree};

use super::*;

fn contacts(contacts: &[Contact]) -> Result<Contacts, Error> {
    let surroundings = Surroundings {
        domain: &"echo.test".parse().unwrap(),
        name: "Echo",
        features: Some(&BTreeSet::new()),
        acknowledges: true,
    };
    Contacts::new(contacts, &surroundings, surroundings.features, true)
}

fn stanza_to(address: &str) -> Stanza {
    let xml = format!("<iq type='get' id='1' from='a@b/c' to='{address}'/>");
    Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
}

fn name_at(contacts: &Contacts, address: &str) -> Option<String> {
    let profile = contacts.at(&stanza_to(address));
    profile.map(|profile| profile.name.clone())
}

#[test]
fn an_address_of_its_own_wins_over_the_contact_of_all() {
    let named = [Contact::new("Bot").name("The bot"), Contact::any()];
    let both = contacts(&named).unwrap();
    for (address, name) in [
        ("bot@echo.test", Some("The bot")),
        ("bot@echo.test/bot", Some("The bot")),
        ("other@echo.test", Some("Echo")),
        ("echo.test", None),
        ("echo.test/a@b", None),
    ] {
        assert_eq!(name_at(&both, address).as_deref(), name, "{address}");
    }
    let [first, _] = named;
    let one = contacts(&[first]).unwrap();
    assert_eq!(name_at(&one, "other@echo.test"), None);
}

#[test]
fn a_contact_that_cannot_be_is_named_with_the_reason() {
    let refused = |list: &[Contact]| contacts(list).err().unwrap().to_string();
    let gif = b"GIF89a\x01\x00\x01\x00".to_vec();
    assert_eq!(
        refused(&[Contact::new("bot").avatar(gif)]),
        "contact bot@echo.test: the avatar is not a PNG or JPEG image: convert it"
    );
    let twice = [Contact::new("bot"), Contact::new("BOT")];
    assert_eq!(
        refused(&twice),
        "contact BOT@echo.test: there are two of it: remove one"
    );
    assert!(refused(&[Contact::new("a@b")]).starts_with("contact a@b@echo.test: "));
    assert!(refused(&[Contact::new("")]).starts_with("contact @echo.test: "));
}
