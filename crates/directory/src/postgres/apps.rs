//! Apps in tables.

use headcount_core::{App, SdkAppId};

use super::columns::{Stored, get, integer, params};
use super::connection::{Connection, Rows};
use crate::{CreateAppError, StoreError};

/// The number that rises with every change of an app.
pub(crate) async fn revision(db: &dyn Rows) -> Result<u64, StoreError> {
    let row = db
        .one_row("SELECT revision FROM app_revision WHERE id = 1", &[])
        .await?;
    get(&row, 0)
}

/// All apps, by number.
pub(crate) async fn all(db: &dyn Rows) -> Result<Vec<App>, StoreError> {
    let sql = "SELECT p.sdkappid, p.name, p.secret_key, p.region, a.user_id
         FROM app p LEFT JOIN app_admin a ON a.app = p.sdkappid ORDER BY p.sdkappid, a.position";
    let mut apps: Vec<App> = Vec::new();
    for row in &db.rows(sql, &[]).await? {
        let sdkappid: SdkAppId = get(row, 0)?;
        if apps.last().is_none_or(|last| last.sdkappid != sdkappid) {
            apps.push(App {
                sdkappid,
                name: get(row, 1)?,
                secret_key: get(row, 2)?,
                admins: Vec::new(),
                region: get(row, 3)?,
            });
        }
        if let Some(app) = apps.last_mut() {
            app.admins.extend(get::<Option<String>>(row, 4)?);
        }
    }
    Ok(apps)
}

/// Stores a new app.
pub(crate) async fn create(db: &Connection, app: &App, now_s: u64) -> Result<(), CreateAppError> {
    let sql = "INSERT INTO app (sdkappid, name, secret_key, region, created_s)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let App {
        name,
        secret_key,
        region,
        ..
    } = app;
    let number = app.sdkappid.stored();
    let stored = db
        .execute(sql, params![number, *name, *secret_key, *region, integer(now_s)])
        .await?;
    if stored == 0 {
        return Err(CreateAppError::Taken);
    }
    for (position, admin) in (0_i16..).zip(&app.admins) {
        let sql = "INSERT INTO app_admin (app, position, user_id) VALUES ($1, $2, $3)";
        db.execute(sql, params![number, position, *admin]).await?;
    }
    db.execute(
        "UPDATE app_revision SET revision = revision + 1 WHERE id = 1",
        &[],
    )
    .await?;
    Ok(())
}
