//! The people of pubsub.md: O owner, P publisher, S subscriber, X stranger.

use crate::account::{Account, People};

/// Somebody, with one of several resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
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

/// Makes nodes.
pub(crate) const O: Who = Who::of(Role::Owner);
/// Publishes.
pub(crate) const P: Who = Who::of(Role::Publisher);
/// Subscribes.
pub(crate) const S: Who = Who::of(Role::Subscriber);
/// Has nothing to do with any of it.
pub(crate) const X: Who = Who::of(Role::Stranger);
/// Is not allowed to make nodes.
pub(crate) const OUTSIDER: Who = Who::of(Role::Outsider);

impl Who {
    const fn of(role: Role) -> Who {
        Who { role, resource: 0 }
    }

    /// The same account with another resource.
    pub(crate) const fn at(self, resource: u16) -> Who {
        Who {
            role: self.role,
            resource,
        }
    }

    pub(crate) fn resource(self) -> u16 {
        self.resource
    }

    pub(crate) fn missing(self) -> String {
        match self.role {
            Role::Outsider => "--outsider names nobody".to_owned(),
            _ => "an account is missing".to_owned(),
        }
    }
}

impl People {
    pub(crate) fn account(&self, who: Who) -> Option<&Account> {
        match who.role {
            Role::Owner => Some(&self.owner),
            Role::Publisher => Some(&self.publisher),
            Role::Subscriber => Some(&self.subscriber),
            Role::Stranger => Some(&self.stranger),
            Role::Outsider => self.outsider.as_ref(),
        }
    }
}
