//! Apps in tables.

use headcount_core::{App, SdkAppId};
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::integer;
use crate::CreateAppError;

/// The number that triggers raise with every change of an app.
pub(crate) fn revision(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT revision FROM app_revision")?
        .query_row([], |row| row.get(0))
}

/// All apps, by number.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<App>> {
    let mut apps = connection
        .prepare_cached("SELECT sdkappid, name, secret_key, region FROM app ORDER BY sdkappid")?
        .query_map([], |row| {
            Ok(App {
                sdkappid: SdkAppId(row.get(0)?),
                name: row.get(1)?,
                secret_key: row.get(2)?,
                admins: Vec::new(),
                region: row.get(3)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for app in &mut apps {
        app.admins = admins(connection, app.sdkappid)?;
    }
    Ok(apps)
}

fn admins(connection: &Connection, app: SdkAppId) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT user FROM app_admin WHERE app = ?1 ORDER BY position")?
        .query_map([app.0], |row| row.get(0))?
        .collect()
}

/// Stores a new app.
pub(crate) fn create(connection: &Connection, app: &App, now_s: u64) -> Result<(), CreateAppError> {
    let taken = connection
        .prepare_cached("SELECT 1 FROM app WHERE sdkappid = ?1")?
        .query_row([app.sdkappid.0], |_| Ok(()))
        .optional()?;
    if taken.is_some() {
        return Err(CreateAppError::Taken);
    }
    connection
        .prepare_cached(
            "INSERT INTO app (sdkappid, name, secret_key, region, created_s) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            app.sdkappid.0,
            app.name,
            app.secret_key,
            app.region,
            integer(now_s)
        ])?;
    for (position, admin) in app.admins.iter().enumerate() {
        connection
            .prepare_cached("INSERT INTO app_admin (app, position, user) VALUES (?1, ?2, ?3)")?
            .execute(params![app.sdkappid.0, position, admin])?;
    }
    Ok(())
}
