//! What a gateway message says: one JSON object with a head and a body.

use std::borrow::Cow;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A request of a client.
#[derive(Debug, Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) head: Head<'a>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// Reads a message; `None` when nobody could match an answer to it.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        serde_json::from_str(std::str::from_utf8(message).ok()?).ok()
    }

    /// The name of the command.
    pub(super) fn command(&self) -> &str {
        &self.head.servcmd.0
    }

    /// The text of the body; a request without one has an empty object.
    pub(super) fn body(&self) -> &str {
        self.body.map_or("{}", RawValue::get)
    }
}

/// The head of a request, as far as this server looks at it.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) servcmd: Text<'a>,
    /// Goes back as it came: a number, or a text that stands for one.
    #[serde(borrow)]
    pub(super) seq: &'a RawValue,
    #[serde(default)]
    pub(super) sdkappid: Number,
    #[serde(borrow, default)]
    pub(super) identifier: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) usersig: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) a2: Option<Text<'a>>,
    #[serde(default)]
    pub(super) tinyid: Number,
    #[serde(default)]
    pub(super) platform: Number,
}

/// A text, copied only when it has escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A number, or a text of digits; anything else is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or a text of digits")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.parse().ok()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

#[derive(Serialize)]
struct AnswerHead<'a> {
    ver: &'static str,
    servcmd: &'a str,
    seq: &'a RawValue,
}

/// The message that answers a request: its own name and number, and the body of a command's answer.
pub(super) fn answer(head: &Head<'_>, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 96);
    write_answer(&mut message, head, body);
    message
}

/// Appends [`answer`].
pub(super) fn write_answer(message: &mut Vec<u8>, head: &Head<'_>, body: &[u8]) {
    let echoed = AnswerHead {
        ver: "v4",
        servcmd: &head.servcmd.0,
        seq: head.seq,
    };
    message.extend_from_slice(br#"{"head":"#);
    // Two texts of a request that was parsed: writing them to memory cannot fail.
    let written = serde_json::to_writer(&mut *message, &echoed);
    debug_assert!(written.is_ok(), "a head can be written");
    message.extend_from_slice(br#","body":"#);
    message.extend_from_slice(body);
    message.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_carries_the_name_and_number_of_its_request() {
        let text = r#"{"head":{"servcmd":"a.b","seq":"7","tinyid":"12","platform":7,"sdkappid":1.5},"body":{"x":1}}"#;
        let request: Request<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(
            (request.head.tinyid, request.head.platform),
            (Number(Some(12)), Number(Some(7)))
        );
        assert_eq!(request.head.sdkappid, Number(None));
        assert_eq!(request.body(), r#"{"x":1}"#);
        let message = answer(&request.head, b"{}");
        assert_eq!(
            String::from_utf8(message).unwrap(),
            r#"{"head":{"ver":"v4","servcmd":"a.b","seq":"7"},"body":{}}"#
        );
    }
}
