//! The server's own domain and ours, by the form in which servers name them.

use couplet_test::Setup;

use crate::case::healthy_as;
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

/// Capital letters, ß, hyphens at the third place, other scripts.
const DOMAINS: [&str; 4] = [
    "Cap.LocalHost",
    "straße.localhost",
    "my--bot.localhost",
    "ツ.localhost",
];

on_every_prosody!(
    domains_of_unusual_letters_are_healthy,
    a_domain_in_capital_letters_here_only_is_healthy,
);
on_every_ejabberd!(domains_of_unusual_letters_are_healthy);

async fn domains_of_unusual_letters_are_healthy(backend: Backend) -> Outcome {
    let [first, others @ ..] = DOMAINS;
    let all = others
        .iter()
        .fold(Setup::component(first, SECRET), |setup, domain| {
            setup.and_component(domain, SECRET)
        });
    let server = backend.start(all).await?;
    for domain in DOMAINS {
        healthy_as(domain, &server.components()).await?;
    }
    Ok(())
}

/// Prosody puts the name in its own configuration into lower case.
async fn a_domain_in_capital_letters_here_only_is_healthy(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    healthy_as("ECHO.localhost", &server.components()).await
}
