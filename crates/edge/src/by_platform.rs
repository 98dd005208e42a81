//! How the numbers of the platforms stand in an answer.

use headcount_core::Platform;
use serde::{Serialize, Serializer};

/// A number for each platform that somebody is on, by the names of query_online_status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByPlatform(pub(crate) [u32; Platform::ALL.len()]);

impl Serialize for ByPlatform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let somebody = |platform: &Platform| {
            let online = self.0[platform.index()];
            (online > 0).then_some((platform.wire_name(), online))
        };
        serializer.collect_map(Platform::ALL.iter().filter_map(somebody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_without_anybody_are_left_out() {
        let text = |numbers| serde_json::to_string(&ByPlatform(numbers)).unwrap();
        assert_eq!(text([0; 6]), "{}");
        assert_eq!(text([0, 0, 1, 0, 0, 2]), r#"{"iPhone":1,"Web":2}"#);
    }
}
