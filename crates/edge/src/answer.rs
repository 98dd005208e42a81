//! Writing answers: the envelope and what a command adds to it.

use headcount_core::Code;
use headcount_core::limits::ANSWER_BYTES_MAX;
use serde::Serialize;

use crate::body::Text;

/// A finished answer and the code in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: Code,
    /// The JSON text.
    pub(crate) body: Text,
}

/// The start of every successful answer; fields of a command follow, and then the closing brace.
const OK: &[u8] = br#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0"#;

#[derive(Serialize)]
struct Failure<'a> {
    #[serde(rename = "ActionStatus")]
    action_status: &'static str,
    #[serde(rename = "ErrorInfo")]
    info: &'a str,
    #[serde(rename = "ErrorCode")]
    code: i32,
}

impl Answer {
    /// Success, with the fields of `fields`: a struct or a map.
    pub(crate) fn ok(fields: &impl Serialize) -> Self {
        let mut body = Text::new();
        body.extend_from_slice(OK);
        Self {
            code: Code::OK,
            body: with_fields(body, fields),
        }
    }

    /// The answer to the main command: written by hand, since it is most of what a server sends.
    pub(crate) fn online_member_num(online: u32) -> Self {
        let mut body = Text::new();
        body.extend_from_slice(OK);
        body.extend_from_slice(br#","OnlineMemberNum":"#);
        let mut digits = [0; 10];
        body.extend_from_slice(decimal(online, &mut digits));
        body.push(b'}');
        Self { code: Code::OK, body }
    }

    /// Failure, with no fields beside the envelope.
    pub(crate) fn fail(code: Code, info: &str) -> Self {
        Self::fail_with(code, info, &())
    }

    /// Failure that still has fields to tell.
    pub(crate) fn fail_with(code: Code, info: &str, fields: &impl Serialize) -> Self {
        let failure = Failure {
            action_status: "FAIL",
            info,
            code: code.0,
        };
        // The envelope is three plain fields: writing it to memory cannot fail.
        let mut body = Text::from_vec(serde_json::to_vec(&failure).unwrap_or_default());
        body.pop();
        Self {
            code,
            body: with_fields(body, fields),
        }
    }

    /// This answer, unless it is larger than an answer may be.
    pub(crate) fn bounded(self) -> Self {
        if self.body.len() <= ANSWER_BYTES_MAX {
            return self;
        }
        let info = "the answer would be larger than 1 MB: ask for fewer fields or fewer items at once";
        Self::fail(Code::ANSWER_TOO_LARGE, info)
    }
}

/// Appends the fields of an object to an envelope whose last brace is still missing.
fn with_fields(mut body: Text, fields: &impl Serialize) -> Text {
    let start = body.len();
    let written = serde_json::to_writer(&mut body, fields);
    debug_assert!(written.is_ok(), "an answer's fields can be written");
    match body.get(start..) {
        Some([b'{', b'}']) => {
            body.truncate(start);
            body.push(b'}');
        }
        Some([b'{', ..]) => body[start] = b',',
        _ => {
            // No object, so no fields: `()` is written as `null`.
            body.truncate(start);
            body.push(b'}');
        }
    }
    body
}

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> &str {
        std::str::from_utf8(&answer.body).unwrap()
    }

    #[test]
    fn fields_stand_beside_the_envelope() {
        #[derive(Serialize)]
        struct Fields {
            #[serde(rename = "GroupId")]
            id: &'static str,
        }
        let plain = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;
        assert_eq!(text(&Answer::ok(&())), plain);
        assert_eq!(text(&Answer::ok(&serde_json::Map::new())), plain);
        assert_eq!(
            text(&Answer::ok(&Fields { id: "g" })),
            r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"GroupId":"g"}"#
        );
        assert_eq!(
            text(&Answer::fail_with(Code(5), "a \"b\"", &Fields { id: "g" })),
            r#"{"ActionStatus":"FAIL","ErrorInfo":"a \"b\"","ErrorCode":5,"GroupId":"g"}"#
        );
    }

    #[test]
    fn the_count_is_written_like_any_answer() {
        #[derive(Serialize)]
        struct Fields {
            #[serde(rename = "OnlineMemberNum")]
            online: u32,
        }
        for online in [0, 7, 10, 999_999, 1_000_000, u32::MAX] {
            let answer = Answer::online_member_num(online);
            assert_eq!(answer, Answer::ok(&Fields { online }));
            assert!(!answer.body.spilled(), "it fits in without an allocation");
        }
    }

    #[test]
    fn too_large_an_answer_is_refused() {
        let long = Answer::ok(&serde_json::json!({ "Name": "x".repeat(ANSWER_BYTES_MAX) }));
        assert_eq!(long.bounded().code, Code::ANSWER_TOO_LARGE);
    }
}
