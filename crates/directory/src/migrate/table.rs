//! What is moved: the tables with their columns, and rows of them by columns.

/// What the values of a column are. Any may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    /// An integer that PostgreSQL keeps in two bytes.
    Small,
    Text,
}

/// A column, by its names in both databases.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
    pub(crate) kind: Kind,
}

/// A table, which has the same name in both databases.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What its rows are called, for people.
    pub(crate) rows: &'static str,
    /// Which of SQLite's rows are moved.
    pub(crate) living: &'static str,
    /// How many of the first columns are the key. They are integers and not null.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column],
}

/// Everything that is moved, in this order. Left out are dissolved groups, which nobody sees and whose rows
/// wait to be removed.
pub(crate) static TABLES: [&Table; 5] = [&APPS, &ADMINS, &ACCOUNTS, &GROUPS, &MEMBERS];

pub(crate) static APPS: Table = Table {
    name: "app",
    rows: "apps",
    living: "",
    key: 1,
    columns: &[
        integer("sdkappid"),
        text("name"),
        text("secret_key"),
        text("region"),
        integer("created_s"),
    ],
};

pub(crate) static ADMINS: Table = Table {
    name: "app_admin",
    rows: "admins of apps",
    living: "",
    key: 2,
    columns: &[integer("app"), small("position"), USER],
};

static ACCOUNTS: Table = Table {
    name: "account",
    rows: "accounts",
    living: "",
    key: 1,
    columns: &[
        integer("id"),
        integer("app"),
        USER,
        text("nick"),
        text("face_url"),
        integer("usersigs_void_to_s"),
        integer("created_s"),
    ],
};

/// The groups: each shows how many members it has.
pub(crate) static GROUPS: Table = Table {
    name: "groups",
    rows: "groups",
    living: "WHERE dissolved = 0",
    key: 1,
    columns: &[
        integer("id"),
        integer("app"),
        text("group_id"),
        small("type"),
        text("name"),
        text("introduction"),
        text("notification"),
        text("face_url"),
        integer("owner"),
        small("join_option"),
        small("invite_option"),
        integer("member_num"),
        integer("member_max"),
        small("support_topic"),
        integer("created_s"),
    ],
};

pub(crate) static MEMBERS: Table = Table {
    name: "member",
    rows: "members",
    living: "WHERE grp NOT IN (SELECT id FROM groups WHERE dissolved <> 0)",
    key: 2,
    columns: &[
        integer("grp"),
        integer("account"),
        integer("joined_s"),
        small("role"),
    ],
};

/// `user` is a word of PostgreSQL's own.
const USER: Column = Column {
    sqlite: "user",
    postgres: "user_id",
    kind: Kind::Text,
};

const fn integer(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn small(name: &'static str) -> Column {
    column(name, Kind::Small)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        sqlite: name,
        postgres: name,
        kind,
    }
}

impl Table {
    /// The names of some of its columns, as SQL lists them.
    pub(crate) fn list(columns: &[Column], name: impl Fn(&Column) -> &'static str) -> String {
        columns.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The columns of its key.
    pub(crate) fn key_columns(&self) -> &'static [Column] {
        &self.columns[..self.key]
    }

    /// The place of one of its columns.
    pub(crate) fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|one| one.postgres == column)
    }
}

/// The values of one column in some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    Integers(Vec<Option<i64>>),
    Smalls(Vec<Option<i16>>),
    Texts(Vec<Option<String>>),
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integers(Vec::new()),
            Kind::Small => Self::Smalls(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Smalls(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// The integer in a row; none if it is null, or no integer.
    fn integer(&self, row: usize) -> Option<i64> {
        match self {
            Self::Integers(values) => values[row],
            Self::Smalls(values) => values[row].map(i64::from),
            Self::Texts(_) => None,
        }
    }

    /// Whether a row of this has the same value as one of another.
    pub(crate) fn same(&self, row: usize, other: &Self) -> bool {
        match (self, other) {
            (Self::Integers(one), Self::Integers(other)) => one[row] == other[row],
            (Self::Smalls(one), Self::Smalls(other)) => one[row] == other[row],
            (Self::Texts(one), Self::Texts(other)) => one[row] == other[row],
            _ => false,
        }
    }
}

/// Some rows of a table in the order of their keys, by columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) columns: Vec<Values>,
}

impl Batch {
    /// No rows of a table.
    pub(crate) fn new(table: &Table) -> Self {
        let columns = table.columns.iter();
        Self {
            columns: columns.map(|column| Values::new(column.kind)).collect(),
        }
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.columns.first().map_or(0, Values::len)
    }

    /// The key of a row.
    pub(crate) fn key(&self, table: &Table, row: usize) -> Vec<i64> {
        let columns = self.columns[..table.key].iter();
        columns
            .map(|values| values.integer(row).unwrap_or_default())
            .collect()
    }

    /// The integers in a column, by its name in PostgreSQL; those that are null are left out.
    pub(crate) fn integers(&self, table: &Table, column: &str) -> impl Iterator<Item = i64> {
        let values = table.place_of(column).map(|place| &self.columns[place]);
        let rows = 0..self.len();
        rows.filter_map(move |row| values?.integer(row))
    }
}
