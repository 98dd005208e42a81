//! That nothing is forgotten, and that every difference is seen.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::compare::{Uncounted, first_difference};
use super::table::{ADMINS, APPS, MEMBERS};
use super::{Batch, GROUPS, TABLES, Table, Values};
use crate::sqlite::SqliteDirectory;
use crate::{CommitSink, Directory};

struct Nobody;

impl CommitSink for Nobody {
    fn committed(&self, _position: u64, _changes: &[headcount_core::Change]) {}
}

/// Columns of SQLite's tables that are moved in another way or not at all.
const ELSEWHERE: [(&str, &str); 5] = [
    ("app_revision", "only_row"),
    ("app_revision", "revision"),
    // Only living groups are moved.
    ("groups", "dissolved"),
    ("sqlite_sequence", "name"),
    ("sqlite_sequence", "seq"),
];

#[tokio::test]
async fn every_column_of_every_table_is_moved() {
    let folder = tempfile::TempDir::new().unwrap();
    let directory = SqliteDirectory::open(folder.path(), std::sync::Arc::new(Nobody)).unwrap();
    assert_eq!(directory.apps_revision().await, Ok(0));
    let database = Connection::open(folder.path().join("headcount.db")).unwrap();
    let sql =
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'";
    let mut statement = database.prepare(sql).unwrap();
    let stored: BTreeSet<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let moved = TABLES.iter().flat_map(|table| {
        let columns = table.columns.iter();
        columns.map(|column| (table.name, column.sqlite))
    });
    let known: BTreeSet<_> = moved
        .chain(ELSEWHERE)
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    assert_eq!(stored, known);
}

/// Members, each by group, account, time and role.
fn members(rows: &[(i64, i64, i64, i16)]) -> Batch {
    Batch {
        columns: vec![
            Values::Integers(rows.iter().map(|row| Some(row.0)).collect()),
            Values::Integers(rows.iter().map(|row| Some(row.1)).collect()),
            Values::Integers(rows.iter().map(|row| Some(row.2)).collect()),
            Values::Smalls(rows.iter().map(|row| Some(row.3)).collect()),
        ],
    }
}

fn told(table: &Table, source: &Batch, target: &Batch) -> Option<String> {
    first_difference(table, source, target).map(|difference| difference.to_string())
}

#[test]
fn every_difference_of_two_batches_names_its_row() {
    let source = members(&[(1, 1, 10, 0), (1, 2, 10, 0), (2, 1, 10, 0)]);
    let with = |rows: &[(i64, i64, i64, i16)]| told(&MEMBERS, &source, &members(rows));
    let missing = |key| Some(format!("table member, {key}: it is not in PostgreSQL"));
    let foreign = |key| {
        Some(format!(
            "table member, {key}: it is in PostgreSQL and not in the data folder"
        ))
    };
    assert_eq!(with(&[(1, 1, 10, 0), (1, 2, 10, 0), (2, 1, 10, 0)]), None);
    assert_eq!(with(&[]), missing("grp 1, account 1"));
    assert_eq!(with(&[(1, 1, 10, 0), (2, 1, 10, 0)]), missing("grp 1, account 2"));
    assert_eq!(with(&[(1, 1, 10, 0), (1, 2, 10, 0)]), missing("grp 2, account 1"));
    assert_eq!(
        with(&[(0, 9, 10, 0), (1, 1, 10, 0), (1, 2, 10, 0), (2, 1, 10, 0)]),
        foreign("grp 0, account 9")
    );
    assert_eq!(
        with(&[(1, 1, 10, 0), (1, 2, 10, 0), (2, 1, 10, 0), (2, 2, 10, 0)]),
        foreign("grp 2, account 2")
    );
    assert_eq!(
        with(&[(1, 1, 10, 0), (1, 2, 11, 0), (2, 1, 10, 0)]),
        Some("table member, grp 1, account 2: joined_s differs".to_owned())
    );
    assert_eq!(
        with(&[(1, 1, 10, 0), (1, 2, 10, 0), (2, 1, 10, 1)]),
        Some("table member, grp 2, account 1: role differs".to_owned())
    );
}

#[test]
fn texts_and_nulls_are_compared_and_not_shown() {
    let app = |key: &str, region: Option<&str>| Batch {
        columns: vec![
            Values::Integers(vec![Some(7)]),
            Values::Texts(vec![Some("name".to_owned())]),
            Values::Texts(vec![Some(key.to_owned())]),
            Values::Texts(vec![region.map(str::to_owned)]),
            Values::Integers(vec![Some(1)]),
        ],
    };
    let source = app("secret", None);
    assert_eq!(told(&APPS, &source, &app("secret", None)), None);
    assert_eq!(
        told(&APPS, &source, &app("other", None)).as_deref(),
        Some("table app, sdkappid 7: secret_key differs")
    );
    assert_eq!(
        told(&APPS, &source, &app("secret", Some(""))).as_deref(),
        Some("table app, sdkappid 7: region differs")
    );
    assert_eq!(told(&ADMINS, &Batch::new(&ADMINS), &Batch::new(&ADMINS)), None);
}

#[test]
fn groups_with_another_number_than_that_of_their_rows_are_found() {
    let mut groups = Batch::new(&GROUPS);
    for (column, values) in GROUPS.columns.iter().zip(&mut groups.columns) {
        match column.postgres {
            "id" => *values = Values::Integers(vec![Some(1), Some(2), Some(3), Some(4)]),
            "member_num" => *values = Values::Integers(vec![Some(2), Some(0), Some(1), Some(0)]),
            _ => {}
        }
    }
    let mut uncounted = Uncounted::default();
    uncounted.add(&GROUPS, &groups);
    uncounted.add(&MEMBERS, &members(&[(1, 1, 0, 0)]));
    uncounted.add(&MEMBERS, &members(&[(1, 2, 0, 0), (4, 2, 0, 0), (5, 2, 0, 0)]));
    assert_eq!(uncounted.wrong().collect::<Vec<_>>(), [(3, 1), (4, -1), (5, -1)]);
}
