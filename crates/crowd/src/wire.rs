//! What clients say and hear: WebSocket frames (RFC 6455, the client's side) and the gateway's messages.

use serde_json::json;

/// A masked binary frame. The mask is zeros: it is there to protect proxies, and there is none.
#[must_use]
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x82);
    match payload.len() {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the arm")]
        short @ 0..=125 => frame.push(0x80 | short as u8),
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the arm")]
        medium @ 126..=0xFFFF => {
            frame.push(0x80 | 0x7E);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 0x7F);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What a server said: a frame at the start of what has arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Whether it is a message, and not a close or a pong.
    pub is_message: bool,
    /// The message.
    pub payload: &'a [u8],
    /// Bytes of the frame.
    pub len: usize,
}

/// The first whole frame of what has arrived; `None` when more has to come.
#[must_use]
pub fn heard(arrived: &[u8]) -> Option<Heard<'_>> {
    let [first, second, rest @ ..] = arrived else {
        return None;
    };
    let (head, payload_len) = match second & 0x7F {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    let len = head + payload_len;
    Some(Heard {
        is_message: first & 0x0F <= 2,
        payload: arrived.get(head..len)?,
        len,
    })
}

/// The request for a WebSocket, as the web SDK sends it.
#[must_use]
pub fn handshake(host: &str) -> Vec<u8> {
    format!(
        "GET /binfo?sdkappid=1400000001&instanceid=0123456789abcdef0123456789abcdef&random=0.7071&platform=7\
         &host=node&version=-1&sdkversion=3.6.6&compress=gzip HTTP/1.1\r\nHost: {host}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// Whether a message is the answer to this request and tells success.
#[must_use]
pub fn is_ok(message: &[u8]) -> bool {
    contains(message, br#""ErrorCode":0"#)
}

/// Whether a message says that the user is a member of the group already.
#[must_use]
pub fn is_member_already(message: &[u8]) -> bool {
    contains(message, br#""ErrorCode":10013"#)
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

/// The frames of one app's clients.
#[derive(Debug)]
pub struct Messages {
    sdkappid: u32,
    heartbeat: Vec<u8>,
    logout: Vec<u8>,
    join: Vec<u8>,
}

impl Messages {
    /// Those of an app, for clients who may join `community`.
    #[must_use]
    pub fn new(sdkappid: u32, community: &str) -> Self {
        // As long as a real client's, with an A2 that nobody looks at.
        let say = |servcmd: &str, body: serde_json::Value| {
            let head = json!({
                "ver": "v4", "platform": 7, "websdkappid": 537_048_168, "websdkversion": "1.7.3",
                "a2": "0".repeat(94), "tinyid": "144115200000000001", "status_instid": 0,
                "sdkappid": sdkappid, "contenttype": "json", "reqtime": 1_795_416_392, "sdkability": 0,
                "servcmd": servcmd, "seq": 1_000_000,
            });
            frame(json!({ "head": head, "body": body }).to_string().as_bytes())
        };
        Self {
            sdkappid,
            heartbeat: say("heartbeat.alive", json!({})),
            logout: say(
                "im_open_status.wslogout",
                json!({ "wslogout_type": 0, "is_web_uniapp": 0 }),
            ),
            join: say(
                "million_group_open_http_svc.apply_join_group",
                json!({ "GroupId": community, "ApplyMsg": "" }),
            ),
        }
    }

    /// A login.
    #[must_use]
    pub fn login(&self, user: &str, usersig: &str) -> Vec<u8> {
        let sdkappid = self.sdkappid;
        let text = format!(
            r#"{{"head":{{"ver":"v4","platform":7,"websdkappid":537048168,"websdkversion":"1.7.3","sdkappid":{sdkappid},"contenttype":"json","reqtime":1795416392,"identifier":"{user}","usersig":"{usersig}","status_instid":0,"sdkability":0,"servcmd":"im_open_status.wslogin","seq":1}},"body":{{"State":"Online","is_web_uniapp":0,"InstType":0,"CustomInfo":""}}}}"#
        );
        frame(text.as_bytes())
    }

    /// A sign of life.
    #[must_use]
    pub fn heartbeat(&self) -> &[u8] {
        &self.heartbeat
    }

    /// A logout.
    #[must_use]
    pub fn logout(&self) -> &[u8] {
        &self.logout
    }

    /// A wish to join the community.
    #[must_use]
    pub fn join(&self) -> &[u8] {
        &self.join
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form() {
        for (len, head) in [(0, 6), (125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            let payload = vec![b'x'; len];
            let sent = frame(&payload);
            assert_eq!(sent.len(), head + len);
            // A server says the same without a mask.
            let mut said = sent;
            said[1] &= 0x7F;
            said.drain(head - 4..head);
            assert_eq!(
                heard(&said),
                Some(Heard {
                    is_message: true,
                    payload: &payload,
                    len: said.len()
                })
            );
            assert_eq!(heard(&said[..said.len() - 1]), None);
        }
    }

    #[test]
    fn closes_are_no_messages() {
        assert_eq!(
            heard(&[0x88, 2, 3, 0xE8]).map(|heard| heard.is_message),
            Some(false)
        );
    }

    #[test]
    fn success_is_told_from_failure() {
        assert!(is_ok(
            br#"{"head":{},"body":{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}}"#
        ));
        assert!(!is_ok(
            br#"{"body":{"ActionStatus":"FAIL","ErrorInfo":"","ErrorCode":70001}}"#
        ));
    }
}
