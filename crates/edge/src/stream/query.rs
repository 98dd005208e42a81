//! The query of a stream.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use headcount_core::limits::{
    STREAM_GROUPS_MAX, STREAM_INTERVAL_MS_DEFAULT, STREAM_INTERVAL_MS_MAX, STREAM_INTERVAL_MS_MIN,
};
use headcount_core::{Code, GroupId};

use crate::fault::Fault;
use crate::rest::decode;

/// What a stream's query says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StreamQuery<'a> {
    pub(super) identifier: Cow<'a, str>,
    pub(super) usersig: Cow<'a, str>,
    /// Each once, in the order of the query.
    pub(super) groups: Vec<String>,
    pub(super) interval: Duration,
    pub(super) by_platform: bool,
    pub(super) last_event_id: Option<Cow<'a, str>>,
}

/// The parameters as they stand; of a repeated one that is no group the first counts.
#[derive(Default)]
struct Parameters<'a> {
    identifier: Option<&'a str>,
    usersig: Option<&'a str>,
    interval_ms: Option<&'a str>,
    by_platform: Option<&'a str>,
    last_event_id: Option<&'a str>,
    groups: Vec<&'a str>,
}

impl<'a> StreamQuery<'a> {
    pub(super) fn parse(query: &'a str) -> Result<Self, Fault> {
        let parameters = Parameters::read(query)?;
        let text = |value: Option<&'a str>| value.map(|value| decode(value).ok_or(())).transpose();
        let identifier = text(parameters.identifier).ok().flatten();
        let identifier = identifier.filter(|identifier| !identifier.is_empty());
        let usersig = text(parameters.usersig).ok().flatten();
        let last_event_id =
            text(parameters.last_event_id).map_err(|()| wrong("last_event_id is not readable"))?;
        Ok(Self {
            identifier: identifier.ok_or_else(|| wrong("identifier is missing from the URL"))?,
            usersig: usersig.ok_or_else(|| wrong("usersig is missing from the URL"))?,
            interval: interval(parameters.interval_ms)?,
            by_platform: match parameters.by_platform {
                None | Some("0") => false,
                Some("1") => true,
                Some(_) => return Err(parameter("by_platform is 0 or 1")),
            },
            last_event_id,
            groups: groups(&parameters.groups)?,
        })
    }
}

impl<'a> Parameters<'a> {
    fn read(query: &'a str) -> Result<Self, Fault> {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "identifier" => &mut parameters.identifier,
                "usersig" => &mut parameters.usersig,
                "interval_ms" => &mut parameters.interval_ms,
                "by_platform" => &mut parameters.by_platform,
                "last_event_id" => &mut parameters.last_event_id,
                "group" if parameters.groups.len() == STREAM_GROUPS_MAX => {
                    let info = format!("a stream has at most {STREAM_GROUPS_MAX} groups: open another one");
                    return Err(Fault::code(Code::GROUP_TOO_MANY_ACCOUNTS, info));
                }
                "group" => {
                    parameters.groups.push(value);
                    continue;
                }
                _ => continue,
            };
            place.get_or_insert(value);
        }
        Ok(parameters)
    }
}

fn interval(value: Option<&str>) -> Result<Duration, Fault> {
    let ms = value.map_or(Ok(STREAM_INTERVAL_MS_DEFAULT), str::parse);
    let ms = ms
        .ok()
        .filter(|ms| (STREAM_INTERVAL_MS_MIN..=STREAM_INTERVAL_MS_MAX).contains(ms));
    let info = format!("interval_ms is a number from {STREAM_INTERVAL_MS_MIN} to {STREAM_INTERVAL_MS_MAX}");
    ms.map(Duration::from_millis).ok_or_else(|| parameter(info))
}

fn groups(values: &[&str]) -> Result<Vec<String>, Fault> {
    let mut once = HashSet::with_capacity(values.len());
    let mut groups = Vec::with_capacity(values.len());
    for value in values {
        let id = decode(value).ok_or_else(|| parameter("a group in the URL is not readable"))?;
        if let Err(reason) = GroupId::parse(&id) {
            return Err(Fault::code(
                Code::GROUP_ID_INVALID,
                format!("group={value}: {reason}"),
            ));
        }
        if once.insert(id.clone()) {
            groups.push(id.into_owned());
        }
    }
    if groups.is_empty() {
        return Err(parameter("the URL names no group: add group=ID, once for each"));
    }
    Ok(groups)
}

fn wrong(info: &str) -> Fault {
    Fault::code(Code::QUERY_WRONG, info)
}

fn parameter(info: impl Into<String>) -> Fault {
    Fault::Parameter(info.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_it_may_say() {
        let query = StreamQuery::parse(
            "group=b&usersig=s%2A&group=%40TGS%23_a&interval_ms=100&group=b&identifier=x&by_platform=1\
             &last_event_id=1-2&other=1",
        );
        let expected = StreamQuery {
            identifier: "x".into(),
            usersig: "s*".into(),
            groups: vec!["b".to_owned(), "@TGS#_a".to_owned()],
            interval: Duration::from_millis(100),
            by_platform: true,
            last_event_id: Some("1-2".into()),
        };
        assert_eq!(query, Ok(expected));
        let least = StreamQuery::parse("group=b&usersig=s&identifier=x").unwrap();
        assert_eq!(least.interval, Duration::from_secs(1));
        assert_eq!((least.by_platform, least.last_event_id), (false, None));
    }

    #[test]
    fn each_fault_has_its_code() {
        let code = |more: &str| match StreamQuery::parse(&format!("identifier=x&usersig=s&{more}")) {
            Ok(_) => None,
            Err(Fault::Code(code, _)) => Some(code),
            Err(Fault::Parameter(_)) => Some(Code::GROUP_PARAMETER),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(code("group=g"), None);
        for bad in [
            "",
            "group=g&interval_ms=99",
            "group=g&interval_ms=60001",
            "group=g&interval_ms=x",
            "group=g&interval_ms=-1",
            "group=g&by_platform=2",
            "group=%ff",
        ] {
            assert_eq!(code(bad), Some(Code::GROUP_PARAMETER), "{bad}");
        }
        for bad in ["group=", "group=g&group=a%0A", "group=g%40TOPIC%23_x"] {
            assert_eq!(code(bad), Some(Code::GROUP_ID_INVALID), "{bad}");
        }
        let many = |count| "group=g&".repeat(count);
        assert_eq!(code(&many(STREAM_GROUPS_MAX)), None);
        assert_eq!(
            code(&many(STREAM_GROUPS_MAX + 1)),
            Some(Code::GROUP_TOO_MANY_ACCOUNTS)
        );
        for missing in [
            "usersig=s&group=g",
            "identifier=&usersig=s&group=g",
            "identifier=x&group=g",
        ] {
            assert!(matches!(
                StreamQuery::parse(missing),
                Err(Fault::Code(Code::QUERY_WRONG, _))
            ));
        }
    }
}
