//! The query of a REST call.

use std::borrow::Cow;

use headcount_core::{Code, SdkAppId};

use crate::fault::Fault;

/// What a call's query says. `random` only identifies a request; nothing is published about wrong ones,
/// so it is not looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    pub(super) sdkappid: SdkAppId,
    pub(super) identifier: Cow<'a, str>,
    pub(super) usersig: Cow<'a, str>,
}

impl<'a> Query<'a> {
    /// Reads a query, in any order of its parameters; of a repeated one the first counts.
    pub(super) fn parse(query: &'a str) -> Result<Self, Fault> {
        let (mut sdkappid, mut identifier, mut usersig, mut contenttype) = (None, None, None, None);
        let mut rest = query;
        while !rest.is_empty() {
            let pair;
            (pair, rest) = cut(rest, b'&');
            let (name, value) = cut(pair, b'=');
            let place = match name {
                "sdkappid" => &mut sdkappid,
                "identifier" => &mut identifier,
                "usersig" => &mut usersig,
                "contenttype" => &mut contenttype,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        let sdkappid = sdkappid
            .ok_or_else(|| Fault::code(Code::SDKAPPID_MISSING, "sdkappid is missing from the URL"))?;
        let sdkappid = sdkappid
            .parse()
            .map_err(|_| wrong("sdkappid in the URL is not a number"))?;
        let identifier = identifier
            .and_then(decode)
            .filter(|identifier| !identifier.is_empty());
        let identifier = identifier.ok_or_else(|| wrong("identifier is missing from the URL"))?;
        let usersig = usersig
            .and_then(decode)
            .ok_or_else(|| wrong("usersig is missing from the URL"))?;
        if contenttype != Some("json") {
            return Err(wrong("contenttype in the URL is not json"));
        }
        Ok(Self {
            sdkappid: SdkAppId(sdkappid),
            identifier,
            usersig,
        })
    }
}

/// What stands before and behind the first `mark`; without one, nothing is behind.
fn cut(text: &str, mark: u8) -> (&str, &str) {
    let at = memchr::memchr(mark, text.as_bytes()).unwrap_or(text.len());
    (&text[..at], text.get(at + 1..).unwrap_or_default())
}

fn wrong(info: &str) -> Fault {
    Fault::code(Code::QUERY_WRONG, info)
}

/// Undoes percent-encoding; `None` when it is broken or hides something that is not UTF-8.
pub(crate) fn decode(value: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'%', value.as_bytes()).is_none() {
        return Some(Cow::Borrowed(value));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high * 16 + low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(query: &str) -> Option<Code> {
        match Query::parse(query) {
            Ok(_) => None,
            Err(Fault::Code(code, _)) => Some(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_order_raw_or_encoded() {
        let query =
            Query::parse("usersig=a*b-c_&random=-5&contenttype=json&sdkappid=14&identifier=a%20b").unwrap();
        assert_eq!(
            query,
            Query {
                sdkappid: SdkAppId(14),
                identifier: "a b".into(),
                usersig: "a*b-c_".into()
            }
        );
        let query = Query::parse("sdkappid=14&identifier=a&usersig=a%2Ab&contenttype=json").unwrap();
        assert_eq!(query.usersig, "a*b");
    }

    #[test]
    fn each_fault_has_its_code() {
        assert_eq!(code(""), Some(Code::SDKAPPID_MISSING));
        assert_eq!(
            code("identifier=a&usersig=s&contenttype=json"),
            Some(Code::SDKAPPID_MISSING)
        );
        for wrong in [
            "sdkappid=&identifier=a&usersig=s&contenttype=json",
            "sdkappid=x&identifier=a&usersig=s&contenttype=json",
            "sdkappid=-1&identifier=a&usersig=s&contenttype=json",
            "sdkappid=99999999999&identifier=a&usersig=s&contenttype=json",
            "sdkappid=1&usersig=s&contenttype=json",
            "sdkappid=1&identifier=&usersig=s&contenttype=json",
            "sdkappid=1&identifier=%ff&usersig=s&contenttype=json",
            "sdkappid=1&identifier=%2&usersig=s&contenttype=json",
            "sdkappid=1&identifier=a&contenttype=json",
            "sdkappid=1&identifier=a&usersig=s",
            "sdkappid=1&identifier=a&usersig=s&contenttype=xml",
        ] {
            assert_eq!(code(wrong), Some(Code::QUERY_WRONG), "{wrong}");
        }
        assert_eq!(
            code("sdkappid=1&identifier=a&usersig=&contenttype=json"),
            None,
            "empty is for later"
        );
    }
}
