//! Announcements that are being delivered.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    change::Audience,
    store::{Cursor, Job, JobId, Recipient, StoreError, named},
};

use super::{
    rows::{self, Address, JOB},
    unreadable::{Reading, Table, is_of_row},
};

/// Returns errors of SQLite, to distinguish those of the row from those of the file.
pub(super) fn job(file: &Connection, id: JobId) -> rusqlite::Result<Option<Job>> {
    let sql = format!("SELECT {JOB} FROM announcement WHERE id = ?");
    let mut found = file.prepare_cached(&sql)?;
    found.query_row([id.0], rows::job).optional()
}

/// A subscription in the iteration over the list.
struct Met {
    recipient: Recipient,
    gets_it: bool,
}

pub(super) fn recipients(
    file: &Reading<'_>,
    job: &Job,
    after: Option<&Cursor>,
    max: u32,
) -> Result<Vec<Recipient>, StoreError> {
    let max = max as usize;
    if let Audience::Named(jids) = &job.announcement.to {
        return Ok(named(jids, after, max));
    }
    let sql = "SELECT jid, subid, include_body, deliver, pending, since FROM subscription
               WHERE node = (SELECT id FROM node WHERE id = ?) AND (jid, subid) > (?, ?)
               ORDER BY jid, subid";
    let mut all = file.prepare_cached(sql)?;
    let (jid, subid) = after.map_or(("", ""), |after| (&*after.jid, &*after.subid));
    let mut all = all.query(params![job.node.0, jid, subid])?;
    let mut found: Vec<Recipient> = Vec::new();
    // The last one is held back until it is known whether the next one has the same JID.
    let mut last: Option<Met> = None;
    while found.len() < max {
        let Some(row) = all.next()? else { break };
        let mut next = match met(row, job) {
            Ok(next) => next,
            Err(why) if is_of_row(&why) => {
                file.leave_out(Table::Subscription, row, &why);
                continue;
            }
            Err(why) => return Err(why.into()),
        };
        match &mut last {
            Some(last) if last.recipient.jid == next.recipient.jid => {
                last.recipient.one_of_several = true;
                next.recipient.one_of_several = true;
            }
            None if next.recipient.jid == jid => {
                next.recipient.one_of_several = has_before(file, job, jid, subid)?;
            }
            _ => {}
        }
        found.extend(last.replace(next).and_then(Met::recipient));
    }
    if found.len() < max {
        found.extend(last.and_then(Met::recipient));
    }
    Ok(found)
}

impl Met {
    fn recipient(self) -> Option<Recipient> {
        self.gets_it.then_some(self.recipient)
    }
}

fn met(row: &Row<'_>, job: &Job) -> rusqlite::Result<Met> {
    let (deliver, pending): (bool, bool) = (row.get(3)?, row.get(4)?);
    let pending_too = job.announcement.to == Audience::SubscribersAndPending;
    let Address(jid) = row.get(0)?;
    Ok(Met {
        gets_it: deliver && (pending_too || !pending) && rows::count(row, 5)? <= job.seq,
        recipient: Recipient {
            jid,
            subid: row.get(1)?,
            include_body: row.get(2)?,
            one_of_several: false,
        },
    })
}

/// Returns whether this JID has an earlier subscription, up to the end of the last slice.
fn has_before(file: &Connection, job: &Job, jid: &str, subid: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM subscription WHERE node = ? AND jid = ? AND subid <= ?";
    file.prepare_cached(sql)?
        .exists(params![job.node.0, jid, subid])
}
