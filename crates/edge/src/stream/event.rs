//! The text of events (HTML, 9.2): a name, one line of JSON, and where to go on from.

use std::io::Write as _;

use headcount_core::Code;
use headcount_service::Sight;
use serde::Serialize;

use crate::by_platform::ByPlatform;

/// What a stream says when it has nothing to say: a comment.
pub(super) const ALIVE: &[u8] = b": keep-alive\n\n";

/// Where a stream stands: the run of the server, and the stamp of the latest change it has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventId {
    pub(super) run: u64,
    pub(super) stamp: u64,
}

impl EventId {
    /// Reads what [`EventWriter::finish`] wrote; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (run, stamp) = text.split_once('-')?;
        Some(Self {
            run: u64::from_str_radix(run, 16).ok()?,
            stamp: stamp.parse().ok()?,
        })
    }
}

#[derive(Serialize)]
struct Count<'a> {
    #[serde(rename = "GroupId")]
    id: &'a str,
    #[serde(rename = "OnlineMemberNum")]
    online: u32,
    #[serde(rename = "ByPlatform", skip_serializing_if = "Option::is_none")]
    by_platform: Option<ByPlatform>,
    #[serde(rename = "Dissolved", skip_serializing_if = "std::ops::Not::not")]
    dissolved: bool,
}

#[derive(Serialize)]
struct Missing<'a> {
    #[serde(rename = "GroupId")]
    id: &'a str,
    #[serde(rename = "ErrorCode")]
    code: i32,
    #[serde(rename = "ErrorInfo")]
    info: &'a str,
}

/// Writes one event; without anything to tell there is none, and nothing is allocated.
#[derive(Debug)]
pub(super) struct EventWriter {
    text: Vec<u8>,
    as_of_ms: u64,
    by_platform: bool,
}

impl EventWriter {
    pub(super) fn new(as_of_ms: u64, by_platform: bool) -> Self {
        Self {
            text: Vec::new(),
            as_of_ms,
            by_platform,
        }
    }

    pub(super) fn count(&mut self, id: &str, sight: Sight) {
        let (online, by_platform, dissolved) = match sight {
            Sight::Numbers(numbers) => (numbers.online, numbers.by_platform, false),
            Sight::Dissolved => (0, Default::default(), true),
        };
        self.item(&Count {
            id,
            online,
            by_platform: self.by_platform.then_some(ByPlatform(by_platform)),
            dissolved,
        });
    }

    pub(super) fn missing(&mut self, id: &str, code: Code, info: &str) {
        self.item(&Missing {
            id,
            code: code.0,
            info,
        });
    }

    fn item(&mut self, item: &impl Serialize) {
        // Writing plain fields to memory cannot fail.
        if self.text.is_empty() {
            let _ = write!(
                self.text,
                "event: counts\ndata: {{\"AsOf\":{},\"Counts\":[",
                self.as_of_ms
            );
        } else {
            self.text.push(b',');
        }
        let _ = serde_json::to_writer(&mut self.text, item);
    }

    /// The event, when there was anything to tell.
    pub(super) fn finish(mut self, id: EventId) -> Option<Vec<u8>> {
        if self.text.is_empty() {
            return None;
        }
        let _ = write!(self.text, "]}}\nid: {:016x}-{}\n\n", id.run, id.stamp);
        Some(self.text)
    }
}

#[cfg(test)]
mod tests {
    use headcount_service::Numbers;

    use super::*;

    const ID: EventId = EventId {
        run: 0xBEEF,
        stamp: 42,
    };

    fn text(write: impl FnOnce(&mut EventWriter)) -> Option<String> {
        let mut writer = EventWriter::new(7, true);
        write(&mut writer);
        writer.finish(ID).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn an_event_is_three_lines() {
        let mut numbers = Numbers {
            online: 3,
            ..Numbers::default()
        };
        numbers.by_platform[5] = 3;
        let event = text(|writer| {
            writer.count("a\n\"", Sight::Numbers(numbers));
            writer.count("b", Sight::Dissolved);
            writer.missing("c", Code(10010), "gone");
        });
        let expected = concat!(
            "event: counts\n",
            r#"data: {"AsOf":7,"Counts":["#,
            r#"{"GroupId":"a\n\"","OnlineMemberNum":3,"ByPlatform":{"Web":3}},"#,
            r#"{"GroupId":"b","OnlineMemberNum":0,"ByPlatform":{},"Dissolved":true},"#,
            r#"{"GroupId":"c","ErrorCode":10010,"ErrorInfo":"gone"}]}"#,
            "\nid: 000000000000beef-42\n\n",
        );
        assert_eq!(event.as_deref(), Some(expected));
        assert_eq!(text(|_| {}), None);
    }

    #[test]
    fn an_id_reads_back() {
        assert_eq!(EventId::parse("000000000000beef-42"), Some(ID));
        for other in [
            "",
            "-",
            "1",
            "x-1",
            "1-x",
            "1-",
            "-1",
            "1-2-3",
            "11111111111111111-1",
        ] {
            assert_eq!(EventId::parse(other), None, "{other}");
        }
    }
}
