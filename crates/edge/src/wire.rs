//! Reading bodies: JSON objects with the strictness that callers know.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// What an account that is a number is answered with (code 60015).
pub(crate) const ACCOUNT_NOT_STRING: &str = "body account invalid";

/// Characters of a parser's message that are passed on to the caller.
const MESSAGE_CHARS_MAX: usize = 200;

/// Reads a body. Not JSON, not an object, and not the right fields are different faults.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    let not_json = |reason: &dyn fmt::Display| Fault::NotJson(format!("the body is not JSON: {reason}"));
    let text = std::str::from_utf8(body).map_err(|_| not_json(&"it is not UTF-8"))?;
    let error = match serde_json::from_str::<Object<T>>(text) {
        Ok(Object(request)) => return Ok(request),
        Err(error) => error,
    };
    // A wrong field may stand before a syntax error, and the syntax error is the one to report.
    if let Err(syntax) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(not_json(&syntax));
    }
    let message: String = error.to_string().chars().take(MESSAGE_CHARS_MAX).collect();
    if message.starts_with(ACCOUNT_NOT_STRING) {
        return Err(Fault::AccountNotString);
    }
    Err(Fault::Parameter(message))
}

/// A JSON object, where a derived `Deserialize` would take an array of the fields' values too.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

/// An account in a body: a string, and a number is a fault of its own (code 60015).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Account(pub(crate) String);

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AccountVisitor;

        impl Visitor<'_> for AccountVisitor {
            type Value = Account;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an account as a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Account, E> {
                Ok(Account(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Account, E> {
                Err(E::custom(ACCOUNT_NOT_STRING))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Account, E> {
                Err(E::custom(ACCOUNT_NOT_STRING))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Account, E> {
                Err(E::custom(ACCOUNT_NOT_STRING))
            }

            fn visit_unit<E: Error>(self) -> Result<Account, E> {
                Err(E::invalid_type(Unexpected::Unit, &self))
            }
        }

        deserializer.deserialize_any(AccountVisitor)
    }
}

/// The texts of a list of accounts.
pub(crate) fn names(accounts: Vec<Account>) -> Vec<String> {
    accounts.into_iter().map(|account| account.0).collect()
}

/// One entry of a `MemberList` that names an account and nothing else.
#[derive(Debug, Deserialize)]
pub(crate) struct MemberAccount {
    #[serde(rename = "Member_Account")]
    pub(crate) account: Account,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the faults are of interest")]
    struct Request {
        #[serde(rename = "UserID")]
        user: Account,
        #[serde(rename = "Count", default)]
        count: u32,
    }

    fn fault(body: impl AsRef<[u8]>) -> Fault {
        parse::<Request>(body.as_ref()).unwrap_err()
    }

    #[test]
    fn each_fault_is_told_apart() {
        assert!(parse::<Request>(br#"{"UserID":"a","Unknown":[1,{}]}"#).is_ok());
        for not_json in [
            "",
            "{",
            "{'a':1}",
            r#"{"UserID":"a",}"#,
            r#"{"UserID":1"#,
            "{} x",
            "// c\n{}",
        ] {
            assert!(matches!(fault(not_json), Fault::NotJson(_)), "{not_json}");
        }
        assert!(matches!(fault(b"{\"UserID\":\"\xff\"}"), Fault::NotJson(_)));
        for not_object in ["[]", r#"["a"]"#, "1", "null", "\"a\""] {
            assert!(matches!(fault(not_object), Fault::Parameter(_)), "{not_object}");
        }
        for wrong in [
            "{}",
            r#"{"UserID":null}"#,
            r#"{"UserID":"a","UserID":"b"}"#,
            r#"{"UserID":"a","Count":-1}"#,
        ] {
            assert!(matches!(fault(wrong), Fault::Parameter(_)), "{wrong}");
        }
        for number in [r#"{"UserID":1}"#, r#"{"UserID":-1}"#, r#"{"UserID":1.5}"#] {
            assert!(matches!(fault(number), Fault::AccountNotString), "{number}");
        }
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        assert!(matches!(fault(deep), Fault::NotJson(_)));
    }
}
