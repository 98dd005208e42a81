//! How domain values stand in parameters and columns.

use headcount_core::{
    AccountKey, GroupId, GroupKey, GroupType, InviteOption, JoinOption, Role, SdkAppId, UserId,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::StoreError;

/// A parameter of a statement with its type. The types are told with the statement, so that one trip to
/// the database is enough and nothing has to be remembered there.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A value that can be a parameter.
pub(crate) trait Parameter: ToSql + Sync {
    /// Its type in the database.
    const TYPE: Type;
}

macro_rules! parameters {
    ($($value:ty => $name:ident),* $(,)?) => {$(
        impl Parameter for $value {
            const TYPE: Type = Type::$name;
        }
    )*};
}

parameters! {
    i16 => INT2,
    i64 => INT8,
    Option<i64> => INT8,
    &str => TEXT,
    String => TEXT,
    Option<String> => TEXT,
    Vec<i16> => INT2_ARRAY,
    Vec<i64> => INT8_ARRAY,
    Vec<&str> => TEXT_ARRAY,
    Vec<Option<i16>> => INT2_ARRAY,
    Vec<Option<i64>> => INT8_ARRAY,
    Vec<Option<String>> => TEXT_ARRAY,
}

/// One parameter.
pub(crate) fn param<T: Parameter>(value: &T) -> Param<'_> {
    (value, T::TYPE)
}

/// The parameters of a statement, `$1` and so on.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(super::columns::param(&$value)),*]
    };
}
pub(crate) use params;

/// A value that is stored as an integer.
pub(crate) trait Stored {
    /// The integer in the column.
    fn stored(self) -> i64;
}

/// A value that is stored as a small integer.
pub(crate) trait Numbered {
    /// The integer in the column.
    fn number(self) -> i16;
}

/// A value that can be read from a column.
pub(crate) trait Column: Sized {
    /// Reads the column's value.
    fn read(row: &Row, column: usize) -> Result<Self, StoreError>;
}

/// The domain value in a column of `row`.
pub(crate) fn get<T: Column>(row: &Row, column: usize) -> Result<T, StoreError> {
    T::read(row, column)
}

/// Seconds, a key or a number of rows as an integer. Values beyond its range, which no clock reaches,
/// become its end.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A bound of [`limits`](headcount_core::limits) as an integer.
pub(crate) fn bound(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn raw<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

fn bad(value: &dyn std::fmt::Display) -> StoreError {
    StoreError(format!(
        "a column has the value {value}, which Headcount never writes"
    ))
}

impl Column for String {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        raw(row, column)
    }
}

impl Column for u64 {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        let value = raw::<i64>(row, column)?;
        Self::try_from(value).map_err(|_| bad(&value))
    }
}

impl Column for u32 {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        let value = raw::<i64>(row, column)?;
        Self::try_from(value).map_err(|_| bad(&value))
    }
}

impl Column for bool {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        Ok(raw::<i16>(row, column)? != 0)
    }
}

impl Numbered for bool {
    fn number(self) -> i16 {
        i16::from(self)
    }
}

impl<T: Column> Column for Option<T> {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        match raw::<Option<Anything>>(row, column)? {
            Some(Anything) => T::read(row, column).map(Some),
            None => Ok(None),
        }
    }
}

/// Any value that is not null.
struct Anything;

impl<'a> FromSql<'a> for Anything {
    fn from_sql(_: &Type, _: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Stored for SdkAppId {
    fn stored(self) -> i64 {
        i64::from(self.0)
    }
}

impl Column for SdkAppId {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        get(row, column).map(Self)
    }
}

macro_rules! keys {
    ($($key:ident),*) => {$(
        impl Stored for $key {
            fn stored(self) -> i64 {
                integer(self.0)
            }
        }

        impl Column for $key {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                get(row, column).map(Self)
            }
        }
    )*};
}

macro_rules! texts {
    ($($text:ident),*) => {$(
        impl Column for $text {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                let text = raw(row, column)?;
                Self::parse(text).map_err(|_| bad(&text))
            }
        }
    )*};
}

/// Enums by small numbers, the same as in SQLite. The numbers are in databases: never change one, only add.
macro_rules! numbered {
    ($($kind:ident { $($name:ident = $number:literal),* })*) => {$(
        impl Numbered for $kind {
            fn number(self) -> i16 {
                match self {
                    $(Self::$name => $number,)*
                }
            }
        }

        impl Column for $kind {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                match raw::<i16>(row, column)? {
                    $($number => Ok(Self::$name),)*
                    other => Err(bad(&other)),
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

/// The numbers of some values, for `column = ANY ($n)`.
pub(crate) fn numbers<T: Numbered + Copy>(values: &[T]) -> Vec<i16> {
    values.iter().map(|value| value.number()).collect()
}

/// The texts of some users, for `column = ANY ($n)`.
pub(crate) fn user_ids<'a>(users: impl IntoIterator<Item = &'a UserId>) -> Vec<&'a str> {
    users.into_iter().map(UserId::as_str).collect()
}
