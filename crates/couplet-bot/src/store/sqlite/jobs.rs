//! The table of jobs.

use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::file::{count, integer};
use crate::store::{
    StoreError,
    record::{JobEnd, JobId, JobRecord, NewJob, StateKey},
};

pub(super) fn add(file: &Connection, job: &NewJob, limit: u32) -> Result<JobId, StoreError> {
    let sql = "SELECT count(*) FROM job WHERE bot = ? AND conversation = ? AND parked IS NULL";
    let key = &job.key;
    let mut waiting = file.prepare_cached(sql)?;
    let waiting = waiting.query_row([&key.bot, &key.conversation], |row| count(row, 0))?;
    if waiting >= u64::from(limit) {
        return Err(StoreError::too_many_jobs(limit));
    }
    let sql = "INSERT INTO job (bot, conversation, name, value, due, first_due, every, tries)
               VALUES (?, ?, ?, ?, ?, ?, ?, 0)";
    let (due, every) = (integer(job.due), job.every.map(integer));
    let row = params![
        key.bot,
        key.conversation,
        key.name,
        job.value,
        due,
        due,
        every
    ];
    let id = file.prepare_cached(sql)?.insert(row)?;
    Ok(JobId(u64::try_from(id).unwrap_or_default()))
}

pub(super) fn next(
    file: &Connection,
    bot: &str,
    names: &[&'static str],
    limit: u32,
) -> Result<Vec<JobRecord>, StoreError> {
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!(
        "SELECT id, conversation, name, value, due, first_due, every, tries FROM job
         WHERE bot = ? AND name IN ({marks}) AND parked IS NULL ORDER BY due, id LIMIT ?"
    );
    let text = |text: &str| Value::Text(text.to_owned());
    let mut values = vec![text(bot)];
    values.extend(names.iter().map(|name| text(name)));
    values.push(Value::Integer(i64::from(limit)));
    let mut all = file.prepare_cached(&sql)?;
    let rows = all.query_map(params_from_iter(values), record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    let every: Option<i64> = row.get(6)?;
    Ok(JobRecord {
        id: JobId(count(row, 0)?),
        conversation: row.get(1)?,
        name: row.get(2)?,
        value: row.get(3)?,
        due: count(row, 4)?,
        first_due: count(row, 5)?,
        every: every.and_then(|every| u64::try_from(every).ok()),
        tries: row.get(7)?,
    })
}

pub(super) fn end(file: &Connection, id: JobId, end: JobEnd) -> Result<(), StoreError> {
    let id = integer(id.0);
    match end {
        JobEnd::Done => {
            file.prepare_cached("DELETE FROM job WHERE id = ?")?
                .execute([id])?;
        }
        JobEnd::Again { due } => {
            let sql = "INSERT INTO job (bot, conversation, name, value, due, first_due, every, tries)
                       SELECT bot, conversation, name, value, ?1, ?1, every, 0 FROM job WHERE id = ?2";
            file.prepare_cached(sql)?
                .execute(params![integer(due), id])?;
            file.prepare_cached("DELETE FROM job WHERE id = ?")?
                .execute([id])?;
        }
        JobEnd::Retry { due } => {
            let sql = "UPDATE job SET due = ?, tries = tries + 1 WHERE id = ?";
            file.prepare_cached(sql)?
                .execute(params![integer(due), id])?;
        }
        JobEnd::Parked { why } => {
            file.prepare_cached("UPDATE job SET parked = ? WHERE id = ?")?
                .execute(params![why, id])?;
        }
    }
    Ok(())
}

pub(super) fn cancel(file: &Connection, key: &StateKey) -> Result<u32, StoreError> {
    let sql = "DELETE FROM job WHERE bot = ? AND conversation = ? AND name = ? AND parked IS NULL";
    let key = params![key.bot, key.conversation, key.name];
    let gone = file.prepare_cached(sql)?.execute(key)?;
    Ok(u32::try_from(gone).unwrap_or(u32::MAX))
}

pub(super) fn names(file: &Connection, bot: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT name, count(*) FROM job WHERE bot = ? AND parked IS NULL
               GROUP BY name ORDER BY name";
    let mut all = file.prepare_cached(sql)?;
    let rows = all.query_map([bot], |row| Ok((row.get(0)?, count(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
