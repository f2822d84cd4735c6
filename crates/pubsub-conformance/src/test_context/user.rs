//! The users of the cases: O owner, P publisher, S subscriber, X stranger.

use crate::account::{Account, Accounts};

/// A user, with one of several resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    role: Role,
    resource: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Owner,
    Publisher,
    Subscriber,
    Stranger,
    Outsider,
}

/// Creates nodes.
pub(crate) const O: User = User::of(Role::Owner);
/// Publishes.
pub(crate) const P: User = User::of(Role::Publisher);
/// Subscribes.
pub(crate) const S: User = User::of(Role::Subscriber);
/// Has no relation to any node.
pub(crate) const X: User = User::of(Role::Stranger);
/// Has no right to create nodes.
pub(crate) const OUTSIDER: User = User::of(Role::Outsider);

impl User {
    const fn of(role: Role) -> User {
        User { role, resource: 0 }
    }

    /// Returns the same account with another resource.
    pub(crate) const fn at(self, resource: u16) -> User {
        User {
            role: self.role,
            resource,
        }
    }

    pub(crate) fn resource(self) -> u16 {
        self.resource
    }

    pub(crate) fn missing(self) -> String {
        match self.role {
            Role::Outsider => "--outsider names no account".to_owned(),
            _ => "an account is missing".to_owned(),
        }
    }
}

impl Accounts {
    pub(crate) fn account(&self, user: User) -> Option<&Account> {
        match user.role {
            Role::Owner => Some(&self.owner),
            Role::Publisher => Some(&self.publisher),
            Role::Subscriber => Some(&self.subscriber),
            Role::Stranger => Some(&self.stranger),
            Role::Outsider => self.outsider.as_ref(),
        }
    }
}
