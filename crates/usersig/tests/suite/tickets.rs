//! Known tickets, the ways in which signers differ, and the edges of what is accepted.

use usersig::{Claims, Error, Flaw, MAX_JSON_LEN, MAX_TEXT_LEN, sign, verify};

use crate::common::{APP, KEY, USER, pack, unpack};

const ISSUED: u64 = 1_700_000_000;
const LIFETIME: u64 = 15_552_000;
const LAST: u64 = ISSUED + LIFETIME;

/// A ticket with these claims by another signer, and the signature inside.
const KNOWN: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDCDAECqXWlGQWZQKkjE1NTUCSkDFSzJzwaLmUPUw8eLMdJA9vn5Zhn4BIa7aRc5u7n6JRaFB5kFmQfpOEVHBIXkGOSX6AWEGwYbh*SkmnrZKtQCt-zTT";
const KNOWN_SIG: &str = "MNj1NPTE+rCFGNarUR7R6R/BXZSTn0lt/PV0S1Wod4I=";
/// The signature if the ticket also carries the one byte 5.
const KNOWN_SIG_WITH_USERBUF: &str = "eNKY5kVIbxw0hXp52tLNWBdj0TXnmPr4MFIudOw1UBo=";

fn field(usersig: &str, name: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(&unpack(usersig)).expect("JSON");
    json[name].as_str().map(str::to_owned)
}

/// The known ticket's JSON with `from` replaced by `to`.
fn json_with(from: &str, to: &str) -> String {
    let json = unpack(KNOWN);
    assert!(json.contains(from), "{json} has no {from}");
    json.replace(from, to)
}

fn verify_json(json: impl AsRef<[u8]>) -> Result<Claims, Error> {
    verify(&pack(json, 6), KEY, APP, USER, ISSUED)
}

#[test]
fn a_ticket_of_another_signer_is_valid() {
    let claims = verify(KNOWN, KEY, APP, USER, ISSUED).unwrap();
    assert_eq!(claims.user_id(), USER);
    assert_eq!(claims.sdkappid(), u64::from(APP));
    assert_eq!(claims.issued_at_s(), ISSUED);
    assert_eq!(claims.expires_at_s(), LAST);
    assert_eq!(claims.userbuf(), None);
}

#[test]
fn signing_gives_the_known_signatures() {
    let plain = sign(KEY, APP, USER, ISSUED, LIFETIME, None);
    assert_eq!(field(&plain, "TLS.sig").as_deref(), Some(KNOWN_SIG));
    assert_eq!(field(&plain, "TLS.userbuf"), None);

    let with_userbuf = sign(KEY, APP, USER, ISSUED, LIFETIME, Some(&[5]));
    assert_eq!(
        field(&with_userbuf, "TLS.sig").as_deref(),
        Some(KNOWN_SIG_WITH_USERBUF)
    );
    assert_eq!(field(&with_userbuf, "TLS.userbuf").as_deref(), Some("BQ=="));
    let claims = verify(&with_userbuf, KEY, APP, USER, ISSUED).unwrap();
    assert_eq!(claims.userbuf(), Some([5].as_slice()));
}

#[test]
fn an_empty_userbuf_is_not_none() {
    let ticket = sign(KEY, APP, USER, ISSUED, LIFETIME, Some(&[]));
    assert_eq!(field(&ticket, "TLS.userbuf").as_deref(), Some(""));
    assert_ne!(field(&ticket, "TLS.sig").as_deref(), Some(KNOWN_SIG));
    assert_eq!(
        verify(&ticket, KEY, APP, USER, ISSUED).unwrap().userbuf(),
        Some([].as_slice())
    );
}

#[test]
fn signers_write_the_same_ticket_in_many_ways() {
    let fields = [
        r#""TLS.ver":"2.0""#,
        r#""TLS.identifier":"administrator""#,
        r#""TLS.sdkappid":1400000001"#,
        r#""TLS.time":1700000000"#,
        r#""TLS.expire":15552000"#,
        &format!(r#""TLS.sig":"{KNOWN_SIG}""#),
    ];
    let plain = format!("{{{}}}", fields.join(","));
    let reversed = fields.iter().rev().copied().collect::<Vec<_>>().join(",");
    for json in [
        format!("{plain}\n"),
        plain.replace(':', ": ").replace(',', ", "),
        format!(" \t\r\n{}\r\n", plain.replace(',', ",\n  ")),
        format!("{{{reversed}}}"),
        plain.replace('/', r"\/"),
        plain.replace("admin", r"\u0061dmin"),
        plain.replace("1400000001", r#""1400000001""#),
        plain
            .replace("1700000000", r#""1700000000""#)
            .replace("15552000", r#""15552000""#),
        plain.replace('{', r#"{"TLS.other":{"TLS.ver":[1.5,null]},"#),
        plain.clone(),
    ] {
        for level in 0..=9 {
            let verified = verify(&pack(&json, level), KEY, APP, USER, ISSUED);
            assert!(verified.is_ok(), "{verified:?} for level {level} of {json}");
        }
    }
}

#[test]
fn html_escapes_in_a_user_id_are_undone() {
    let user = "<a&b>";
    let plain = unpack(&sign(KEY, APP, user, ISSUED, LIFETIME, None));
    let escaped = plain
        .replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026");
    assert_ne!(plain, escaped);
    assert!(verify(&pack(escaped, 6), KEY, APP, user, ISSUED).is_ok());
}

#[test]
fn a_ticket_expires_after_its_last_second() {
    assert!(verify(KNOWN, KEY, APP, USER, LAST).is_ok());
    assert_eq!(
        verify(KNOWN, KEY, APP, USER, LAST + 1).unwrap_err(),
        Error::Expired
    );
    assert_eq!(
        verify(KNOWN, KEY, APP, USER, u64::MAX).unwrap_err(),
        Error::Expired
    );
    assert!(verify(KNOWN, KEY, APP, USER, 0).is_ok(), "issued in the future");
}

#[test]
fn a_lifetime_past_the_end_of_time_does_not_wrap() {
    for (issued_at_s, expire_s) in [(ISSUED, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
        let ticket = sign(KEY, APP, USER, issued_at_s, expire_s, None);
        let claims = verify(&ticket, KEY, APP, USER, u64::MAX).unwrap();
        assert_eq!(claims.expires_at_s(), u64::MAX);
    }
}

#[test]
fn of_several_faults_the_first_is_named() {
    let fault = |app, user, now_s| verify(KNOWN, "another key", app, user, now_s).unwrap_err();
    assert_eq!(fault(APP + 1, "alice", LAST + 1), Error::AppMismatch);
    assert_eq!(fault(APP, "alice", LAST + 1), Error::UserMismatch);
    assert_eq!(fault(APP, USER, LAST + 1), Error::Expired);
    assert_eq!(fault(APP, USER, LAST), Error::BadSignature);
}

#[test]
fn each_layer_names_its_flaw() {
    let malformed = |text: &str| match Claims::decode(text) {
        Err(Error::Malformed(flaw)) => flaw,
        other => panic!("{other:?}"),
    };
    assert_eq!(malformed("A+/="), Flaw::Base64);
    assert_eq!(malformed("AAAA"), Flaw::Zlib);
    assert_eq!(malformed(&pack("{", 6)), Flaw::Json);
    assert_eq!(malformed(&pack("[]", 6)), Flaw::Json);
    assert_eq!(malformed(&pack("{}", 6)), Flaw::Fields);
    assert_eq!(malformed(&pack(json_with("2.0", "3.0"), 6)), Flaw::Version);
}

#[test]
fn the_text_has_a_longest_length() {
    let decode_error = |len: usize| Claims::decode(&"A".repeat(len)).unwrap_err();
    assert_eq!(decode_error(MAX_TEXT_LEN), Error::Malformed(Flaw::Zlib));
    assert_eq!(decode_error(MAX_TEXT_LEN + 1), Error::Malformed(Flaw::TooLong));
}

#[test]
fn the_json_has_a_longest_length() {
    let longest = format!("{:MAX_JSON_LEN$}", unpack(KNOWN));
    assert!(verify_json(&longest).is_ok());
    assert_eq!(
        verify_json(longest + " ").unwrap_err(),
        Error::Malformed(Flaw::Zlib)
    );
}

#[test]
fn a_small_ticket_cannot_unfold_into_a_large_one() {
    let bomb = pack(vec![b' '; 3_000_000], 9);
    assert!(
        bomb.len() <= MAX_TEXT_LEN,
        "{} bytes are refused for their length",
        bomb.len()
    );
    assert_eq!(Claims::decode(&bomb).unwrap_err(), Error::Malformed(Flaw::Zlib));
}

#[test]
fn deep_nesting_is_harmless() {
    let depth = (MAX_JSON_LEN - 1000) / 2;
    let nested = format!(r#"{{"x":{}{},"#, "[".repeat(depth), "]".repeat(depth));
    assert!(
        verify_json(json_with("{", &nested)).is_ok(),
        "an unknown field is ignored"
    );
    let unclosed = json_with(r#""2.0""#, &"[".repeat(depth));
    assert!(matches!(verify_json(unclosed), Err(Error::Malformed(_))));
}

#[test]
fn what_is_printed_tells_no_secret() {
    let ticket = sign(KEY, APP, USER, ISSUED, LIFETIME, Some(b"room key"));
    let claims = verify(&ticket, KEY, APP, USER, ISSUED).unwrap();
    assert_eq!(
        format!("{claims:?}"),
        "Claims { user_id: \"administrator\", sdkappid: 1400000001, issued_at_s: 1700000000, \
         expires_at_s: 1715552000, .. }"
    );
}
