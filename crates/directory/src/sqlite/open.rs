//! The data folder: its lock, its database file, and connections to that.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_core::limits::{STORE_BUSY_MS_MAX, STORE_LOG_BYTES_KEPT, STORE_WRITER_CACHE_BYTES};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::schema;
use crate::StoreError;

const DATABASE_FILE: &str = "headcount.db";
const LOCK_FILE: &str = "headcount.lock";
/// More than there are statements, so that each is compiled once per connection.
const STATEMENTS_CACHED: usize = 64;

/// A data folder could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The folder or a file in it cannot be created or written.
    FolderNotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
    /// Another server has the folder open.
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The database was written by a newer Headcount.
    NewerVersion {
        /// The version of its tables.
        found: i64,
        /// The newest version known here.
        known: usize,
    },
    /// The database failed.
    Store(StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FolderNotWritable { path, text } => write!(
                f,
                "cannot write {}: {text}; give a data folder that this user may write to",
                path.display()
            ),
            Self::Locked { path } => write!(
                f,
                "another Headcount server has the data folder {} open; stop it, or give this one a folder \
                 of its own",
                path.display()
            ),
            Self::NewerVersion { found, known } => write!(
                f,
                "the database has version {found} and this Headcount knows versions up to {known}; run the \
                 newer Headcount that wrote it, or restore a backup made before the upgrade"
            ),
            Self::Store(error) => write!(
                f,
                "the database cannot be opened: {error}; check the disk and its free space, or restore a backup"
            ),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The right to be the one server of a data folder, held until dropped. The system takes it back from a
/// process that dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// The database file of a data folder that exists.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    folder: PathBuf,
}

impl Database {
    /// Creates what is missing of the folder and its database file, readable by the owner alone: it
    /// holds the apps' secret keys.
    pub(crate) fn create(folder: &Path) -> Result<Self, OpenError> {
        create_folder(folder).map_err(|error| not_writable(folder, &error))?;
        let database = Self {
            folder: folder.to_owned(),
        };
        let file = database.file();
        create_file(&file).map_err(|error| not_writable(&file, &error))?;
        Ok(database)
    }

    /// Takes the folder for one server.
    pub(crate) fn lock(&self) -> Result<FolderLock, OpenError> {
        let path = self.folder.join(LOCK_FILE);
        let file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| not_writable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
                path: self.folder.clone(),
            }),
            Err(TryLockError::Error(error)) => Err(not_writable(&path, &error)),
        }
    }

    /// A connection that writes, to tables in their present form.
    pub(crate) fn writer(
        &self,
        may_upgrade: impl FnOnce() -> Result<(), OpenError>,
    ) -> Result<Connection, OpenError> {
        let mut connection = self.connect()?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Negative numbers are KiB, positive ones pages.
        connection.pragma_update(None, "cache_size", -i64::from(STORE_WRITER_CACHE_BYTES / 1024))?;
        schema::migrate(&mut connection, schema::MIGRATIONS, may_upgrade)?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// A connection that moves pages from the log into the database file.
    pub(crate) fn checkpointer(&self) -> rusqlite::Result<Connection> {
        self.connect()
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.file(), flags)?;
        connection.busy_timeout(Duration::from_millis(STORE_BUSY_MS_MAX))?;
        // Otherwise a statement is compiled again, for the values it is given, at every call.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Checkpoints have their own thread: none rides on a commit.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", STORE_LOG_BYTES_KEPT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(connection)
    }

    fn file(&self) -> PathBuf {
        self.folder.join(DATABASE_FILE)
    }
}

fn not_writable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::FolderNotWritable {
        path: path.to_owned(),
        text: error.to_string(),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    sync_parents(folder);
    Ok(())
}

/// Makes the names of new folders durable, as far up as this user may: a file's own sync does not cover
/// the folder it is in, and folders of others were there before.
fn sync_parents(folder: &Path) {
    let Ok(folder) = fs::canonicalize(folder) else {
        return;
    };
    for parent in folder.ancestors().skip(1) {
        if File::open(parent).and_then(|parent| parent.sync_all()).is_err() {
            break;
        }
    }
}

/// How files are opened: created for their owner's eyes alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates the database file if there is none. One that exists is not even opened: closing it again would
/// give up the file locks of every connection that this process has to it.
fn create_file(path: &Path) -> io::Result<()> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
