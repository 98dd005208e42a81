//! The text of events (HTML, 9.2): a name, one line of JSON, and where to go on from.

use std::io::Write as _;

use headcount_core::Code;
use headcount_service::{Numbers, Sight};
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

/// What every event about a group says of it, written once: a stream repeats it for as long as it lasts.
#[derive(Debug, Default)]
pub(super) struct Labels {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Labels {
    pub(super) fn new(ids: &[String]) -> Self {
        let mut labels = Self::default();
        for id in ids {
            labels.text.extend_from_slice(br#"{"GroupId":"#);
            // Writing a text to memory cannot fail.
            let _ = serde_json::to_writer(&mut labels.text, id);
            labels.text.extend_from_slice(br#","OnlineMemberNum":"#);
            labels.ends.push(labels.text.len());
        }
        labels
    }

    fn of(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }
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
pub(super) struct EventWriter<'a> {
    text: Vec<u8>,
    labels: &'a Labels,
    as_of_ms: u64,
    by_platform: bool,
    /// Bytes that the event will about have.
    size_hint: usize,
}

impl<'a> EventWriter<'a> {
    pub(super) fn new(labels: &'a Labels, as_of_ms: u64, by_platform: bool, size_hint: usize) -> Self {
        Self {
            text: Vec::new(),
            labels,
            as_of_ms,
            by_platform,
            size_hint,
        }
    }

    pub(super) fn count(&mut self, place: usize, sight: Sight) {
        let numbers = match sight {
            Sight::Numbers(numbers) => numbers,
            Sight::Dissolved => Numbers::default(),
        };
        self.begin_item();
        self.text.extend_from_slice(self.labels.of(place));
        self.text
            .extend_from_slice(itoa::Buffer::new().format(numbers.online).as_bytes());
        if self.by_platform {
            self.text.extend_from_slice(br#","ByPlatform":"#);
            self.json(&ByPlatform(numbers.by_platform));
        }
        if sight == Sight::Dissolved {
            self.text.extend_from_slice(br#","Dissolved":true"#);
        }
        self.text.push(b'}');
    }

    pub(super) fn missing(&mut self, id: &str, code: Code, info: &str) {
        self.begin_item();
        self.json(&Missing {
            id,
            code: code.0,
            info,
        });
    }

    fn begin_item(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b',');
            return;
        }
        self.text.reserve(self.size_hint);
        let as_of_ms = self.as_of_ms;
        // Writing to memory cannot fail.
        let _ = write!(
            self.text,
            "event: counts\ndata: {{\"AsOf\":{as_of_ms},\"Counts\":["
        );
    }

    fn json(&mut self, value: &impl Serialize) {
        // Plain fields, to memory.
        let _ = serde_json::to_writer(&mut self.text, value);
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
    use super::*;

    const ID: EventId = EventId {
        run: 0xBEEF,
        stamp: 42,
    };

    fn text(write: impl FnOnce(&mut EventWriter<'_>)) -> Option<String> {
        let labels = Labels::new(&["a\n\"".to_owned(), "b".to_owned()]);
        let mut writer = EventWriter::new(&labels, 7, true, 0);
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
            writer.count(0, Sight::Numbers(numbers));
            writer.count(1, Sight::Dissolved);
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
