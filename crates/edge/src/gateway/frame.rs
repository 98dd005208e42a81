//! WebSocket framing (RFC 6455), the server's side.
//!
//! Our own because a million idle connections decide what it may cost: it works on whatever bytes have
//! arrived and keeps no buffers of its own.

use headcount_core::limits::GATEWAY_MESSAGE_BYTES_MAX;

/// Why a connection is closed, as the client reads it (RFC 6455, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseCode {
    /// All is said.
    Normal = 1000,
    /// The server stops; come back, to it or to another.
    GoingAway = 1001,
    /// The client broke the framing.
    Protocol = 1002,
    /// The message is not what this gateway speaks.
    Unsupported = 1003,
    /// The message is too long.
    TooBig = 1009,
    /// The server could not do it now; come back.
    TryAgain = 1013,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A complete frame at the start of what has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    /// Whether it ends its message.
    pub(crate) last: bool,
    /// Where its unmasked payload stands.
    pub(crate) payload: std::ops::Range<usize>,
}

/// Looks for a frame at the start of `arrived` and unmasks it in place. `Ok(None)` when more has to come.
pub(crate) fn next_frame(arrived: &mut [u8]) -> Result<Option<Frame>, CloseCode> {
    let Some(header) = Header::parse(arrived)? else {
        return Ok(None);
    };
    let payload = header.len..header.len + header.payload_len;
    let Some(masked) = arrived.get_mut(payload.clone()) else {
        return Ok(None);
    };
    unmask(masked, header.mask);
    Ok(Some(Frame {
        opcode: header.opcode,
        last: header.last,
        payload,
    }))
}

struct Header {
    opcode: Opcode,
    last: bool,
    mask: [u8; 4],
    len: usize,
    payload_len: usize,
}

impl Header {
    fn parse(arrived: &[u8]) -> Result<Option<Self>, CloseCode> {
        let [first, second, ..] = *arrived else {
            return Ok(None);
        };
        let opcode = Opcode::from_bits(first & 0x0F).ok_or(CloseCode::Protocol)?;
        let last = first & 0x80 != 0;
        // No extension is ever agreed on, so the reserved bits mean nothing; a client always masks.
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(CloseCode::Protocol);
        }
        let (payload_len, len_bytes) = match second & 0x7F {
            126 => match arrived.get(2..4) {
                Some(bytes) => (big_endian(bytes), 2),
                None => return Ok(None),
            },
            127 => match arrived.get(2..10) {
                Some(bytes) => (big_endian(bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        if opcode.is_control() && (!last || payload_len > 125) {
            return Err(CloseCode::Protocol);
        }
        let payload_len = usize::try_from(payload_len).map_err(|_| CloseCode::TooBig)?;
        if payload_len > GATEWAY_MESSAGE_BYTES_MAX {
            return Err(CloseCode::TooBig);
        }
        let mask_at = 2 + len_bytes;
        let Some(mask) = arrived.get(mask_at..).and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            last,
            mask: *mask,
            len: mask_at + 4,
            payload_len,
        }))
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, &byte| (number << 8) | u64::from(byte))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// Appends an unmasked frame that is a whole message.
pub(crate) fn write_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.push(0x80 | opcode.bits());
    // Written as the shortest of the three forms of a length.
    match payload.len() {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the arm")]
        short @ 0..=125 => out.push(short as u8),
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the arm")]
        medium @ 126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = Vec::new();
        write_frame(&mut bytes, Opcode::Binary, payload);
        bytes[0] = first;
        bytes[1] |= 0x80;
        let at = bytes.len() - payload.len();
        bytes.splice(at..at, mask);
        let at = bytes.len() - payload.len();
        unmask(&mut bytes[at..], mask);
        bytes
    }

    #[test]
    fn payloads_of_every_length_form_come_back() {
        for len in [
            0,
            1,
            3,
            4,
            125,
            126,
            127,
            65_535,
            65_536,
            GATEWAY_MESSAGE_BYTES_MAX,
        ] {
            let payload: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut bytes = masked(0x82, &payload);
            for short in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                assert_eq!(
                    next_frame(&mut bytes[..short]),
                    Ok(None),
                    "{short} of {}",
                    bytes.len()
                );
            }
            let frame = next_frame(&mut bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.last), (Opcode::Binary, true));
            assert_eq!(bytes[frame.payload], payload[..]);
        }
    }

    #[test]
    fn broken_framing_is_named() {
        let error = |mut bytes: Vec<u8>| next_frame(&mut bytes).unwrap_err();
        assert_eq!(error(vec![0x82, 0x01, 0x00]), CloseCode::Protocol, "not masked");
        assert_eq!(error(masked(0xC2, b"x")), CloseCode::Protocol, "reserved bit");
        assert_eq!(error(masked(0x83, b"x")), CloseCode::Protocol, "unknown opcode");
        assert_eq!(error(masked(0x09, b"x")), CloseCode::Protocol, "fragmented ping");
        assert_eq!(error(masked(0x89, &[0; 126])), CloseCode::Protocol, "long ping");
        assert_eq!(
            error(vec![0x82, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0]),
            CloseCode::TooBig
        );
    }

    #[test]
    fn no_bytes_panic() {
        // Every two-byte start, with a tail that completes some and not others.
        for first in 0..=255 {
            for second in 0..=255 {
                let mut bytes = [first, second, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9];
                let _ = next_frame(&mut bytes);
            }
        }
    }
}
