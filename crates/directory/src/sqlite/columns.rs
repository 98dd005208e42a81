//! How domain values stand in columns.

use headcount_core::{AccountKey, GroupId, GroupKey, GroupType, InviteOption, JoinOption, Role, UserId};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

/// A value that is stored as an integer.
pub(crate) trait Stored {
    /// The integer in the column.
    fn stored(self) -> i64;
}

/// A value that can be read from a column.
pub(crate) trait Column: Sized {
    /// Reads the column's value.
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// Carries [`Column`] into the store's own reading of rows.
struct Read<T>(T);

impl<T: Column> FromSql for Read<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        T::read(value).map(Self)
    }
}

/// The domain value in a column of `row`.
pub(crate) fn get<T: Column>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get::<_, Read<T>>(column).map(|read| read.0)
}

/// Seconds or a key as a column's integer. Values beyond the column's range, which no clock reaches,
/// become its end.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

macro_rules! keys {
    ($($key:ident),*) => {$(
        impl Stored for $key {
            fn stored(self) -> i64 {
                integer(self.0)
            }
        }

        impl Column for $key {
            fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
                u64::column_result(value).map(Self)
            }
        }
    )*};
}

macro_rules! texts {
    ($($text:ident),*) => {$(
        impl Column for $text {
            fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::parse(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )*};
}

/// Enums by small numbers. The numbers are in databases: never change one, only add.
macro_rules! numbered {
    ($($kind:ident { $($name:ident = $number:literal),* })*) => {$(
        impl Stored for $kind {
            fn stored(self) -> i64 {
                match self {
                    $(Self::$name => $number,)*
                }
            }
        }

        impl Column for $kind {
            fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_i64()? {
                    $($number => Ok(Self::$name),)*
                    other => Err(FromSqlError::OutOfRange(other)),
                }
            }
        }
    )*};
}

keys!(AccountKey, GroupKey);
texts!(UserId, GroupId);
numbered! {
    Role { Member = 0, Admin = 1, Owner = 2 }
    GroupType { Work = 0, Public = 1, Meeting = 2, AvChatRoom = 3, Community = 4 }
    JoinOption { FreeAccess = 0, NeedPermission = 1, DisableApply = 2 }
    InviteOption { FreeAccess = 0, NeedPermission = 1, DisableInvite = 2 }
}

/// The numbers of some values as bits, for `(?mask >> column) & 1`.
pub(crate) fn mask<T: Stored + Copy>(values: &[T]) -> i64 {
    values.iter().fold(0, |mask, value| mask | 1 << value.stored())
}
