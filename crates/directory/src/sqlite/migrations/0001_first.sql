-- Apps: the tenants.
CREATE TABLE app (
    sdkappid   INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    secret_key TEXT    NOT NULL,
    region     TEXT,
    created_s  INTEGER NOT NULL
) STRICT;

CREATE TABLE app_admin (
    app      INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user     TEXT    NOT NULL,
    PRIMARY KEY (app, position)
) STRICT, WITHOUT ROWID;

-- One row. Triggers keep it, so that no writer can forget to.
CREATE TABLE app_revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO app_revision VALUES (0, 0);

CREATE TRIGGER app_inserted AFTER INSERT ON app BEGIN UPDATE app_revision SET revision = revision + 1; END;
CREATE TRIGGER app_updated AFTER UPDATE ON app BEGIN UPDATE app_revision SET revision = revision + 1; END;
CREATE TRIGGER app_deleted AFTER DELETE ON app BEGIN UPDATE app_revision SET revision = revision + 1; END;
CREATE TRIGGER app_admin_inserted AFTER INSERT ON app_admin BEGIN UPDATE app_revision SET revision = revision + 1; END;
CREATE TRIGGER app_admin_updated AFTER UPDATE ON app_admin BEGIN UPDATE app_revision SET revision = revision + 1; END;
CREATE TRIGGER app_admin_deleted AFTER DELETE ON app_admin BEGIN UPDATE app_revision SET revision = revision + 1; END;

-- AUTOINCREMENT: a key is never used again, also not after its row is deleted.
CREATE TABLE account (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    app               INTEGER NOT NULL,
    user              TEXT    NOT NULL,
    nick              TEXT    NOT NULL,
    face_url          TEXT    NOT NULL,
    usersigs_void_to_s INTEGER,
    created_s         INTEGER NOT NULL,
    UNIQUE (app, user)
) STRICT;

-- Small numbers for type, join_option and invite_option: see columns.rs.
-- member_num is the number of the group's rows in member, kept in the same transaction as they are.
-- A dissolved group is unseen by every reader and waits for the sweep of its member rows.
CREATE TABLE groups (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    app           INTEGER NOT NULL,
    group_id      TEXT    NOT NULL,
    type          INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    introduction  TEXT    NOT NULL,
    notification  TEXT    NOT NULL,
    face_url      TEXT    NOT NULL,
    owner         INTEGER,
    join_option   INTEGER NOT NULL,
    invite_option INTEGER NOT NULL,
    member_num    INTEGER NOT NULL,
    member_max    INTEGER NOT NULL,
    support_topic INTEGER NOT NULL,
    created_s     INTEGER NOT NULL,
    dissolved     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX groups_by_id ON groups (app, group_id) WHERE dissolved = 0;
CREATE INDEX groups_by_owner ON groups (owner) WHERE dissolved = 0;
CREATE INDEX groups_to_sweep ON groups (id) WHERE dissolved <> 0;

-- role: 0 member, 1 admin, 2 owner.
CREATE TABLE member (
    grp      INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    role     INTEGER NOT NULL,
    joined_s INTEGER NOT NULL,
    PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_account ON member (account, grp);
-- Finds the owner and the admins among a million members.
CREATE INDEX member_ranked ON member (grp, account) WHERE role <> 0;
