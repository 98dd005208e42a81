-- Only statements that other databases with PostgreSQL's protocol know as well: no triggers, no extensions.

-- Apps: the tenants.
CREATE TABLE app (
    sdkappid   BIGINT PRIMARY KEY,
    name       TEXT   NOT NULL,
    secret_key TEXT   NOT NULL,
    region     TEXT,
    created_s  BIGINT NOT NULL
);

CREATE TABLE app_admin (
    app      BIGINT   NOT NULL,
    position SMALLINT NOT NULL,
    user_id  TEXT     NOT NULL,
    PRIMARY KEY (app, position)
);

-- One row. Whoever changes an app raises the number in the same transaction.
CREATE TABLE app_revision (
    id       SMALLINT PRIMARY KEY,
    revision BIGINT   NOT NULL
);
INSERT INTO app_revision VALUES (1, 0);

-- One row. A writing transaction begins by raising the number, and so waits for the one before it: commits
-- are numbered without gaps in the order in which they become visible, whichever server made them.
CREATE TABLE log_head (
    id       SMALLINT PRIMARY KEY,
    position BIGINT   NOT NULL
);
INSERT INTO log_head VALUES (1, 0);

-- What each commit means for who counts where, for the other servers; see log.rs.
CREATE TABLE log (
    position BIGINT PRIMARY KEY,
    at_s     BIGINT NOT NULL,
    changes  TEXT   NOT NULL
);

-- Keys come from sequences: none is ever used twice.
CREATE SEQUENCE account_key;
CREATE TABLE account (
    id                 BIGINT PRIMARY KEY DEFAULT nextval('account_key'),
    app                BIGINT NOT NULL,
    user_id            TEXT COLLATE "C" NOT NULL,
    nick               TEXT   NOT NULL,
    face_url           TEXT   NOT NULL,
    usersigs_void_to_s BIGINT,
    created_s          BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_by_user ON account (app, user_id);

-- Small numbers for type, join_option and invite_option: see columns.rs.
-- member_num is the number of the group's rows in member, kept in the same transaction as they are.
-- A dissolved group is unseen by every reader and waits for the sweep of its member rows.
CREATE SEQUENCE group_key;
CREATE TABLE groups (
    id            BIGINT PRIMARY KEY DEFAULT nextval('group_key'),
    app           BIGINT   NOT NULL,
    group_id      TEXT COLLATE "C" NOT NULL,
    type          SMALLINT NOT NULL,
    name          TEXT     NOT NULL,
    introduction  TEXT     NOT NULL,
    notification  TEXT     NOT NULL,
    face_url      TEXT     NOT NULL,
    owner         BIGINT,
    join_option   SMALLINT NOT NULL,
    invite_option SMALLINT NOT NULL,
    member_num    BIGINT   NOT NULL,
    member_max    BIGINT   NOT NULL,
    support_topic SMALLINT NOT NULL,
    created_s     BIGINT   NOT NULL,
    dissolved     SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX groups_by_id ON groups (app, group_id) WHERE dissolved = 0;
CREATE INDEX groups_by_owner ON groups (owner) WHERE dissolved = 0;
CREATE INDEX groups_to_sweep ON groups (id) WHERE dissolved <> 0;

-- role: 0 member, 1 admin, 2 owner.
CREATE TABLE member (
    grp      BIGINT   NOT NULL,
    account  BIGINT   NOT NULL,
    joined_s BIGINT   NOT NULL,
    role     SMALLINT NOT NULL,
    PRIMARY KEY (grp, account)
);
CREATE INDEX member_by_account ON member (account, grp);
-- Finds the owner and the admins among a million members.
CREATE INDEX member_ranked ON member (grp, account) WHERE role <> 0;
