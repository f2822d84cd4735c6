//! `couplet doctor` on set-ups that are broken in known ways, on the real servers: it names the fault
//! and what to do about it. And on healthy ones, where it names nothing. One module per step.

/// Tests of functions that take a [`server::Backend`], one for each server.
macro_rules! on_every_prosody {
    ($($name:ident),+ $(,)?) => {
        mod prosody {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Prosody).await
            })+
        }

        mod prosody_13 {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Prosody13).await
            })+
        }
    };
}
macro_rules! on_every_ejabberd {
    ($($name:ident),+ $(,)?) => {
        mod ejabberd {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Ejabberd).await
            })+
        }

        mod ejabberd_24 {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Ejabberd24).await
            })+
        }
    };
}
macro_rules! on_every_server {
    ($($name:ident),+ $(,)?) => {
        on_every_prosody!($($name),+);
        on_every_ejabberd!($($name),+);
    };
}

mod address;
mod config;
mod connection;
mod host;
mod instances;
mod login;
mod name;
mod neighbours;
mod routes;
mod second;
mod secrecy;
mod secret;
mod signal;
mod size;
mod stream;
mod tls;

mod case;
mod server;
mod stranger;

use std::error::Error;

use couplet_test::Setup;

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "echo.localhost";
const SECRET: &str = "a secret of some length";

fn setup() -> Setup {
    Setup::component(DOMAIN, SECRET)
}
