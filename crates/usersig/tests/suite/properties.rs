//! What holds for every ticket, and for every text that is none.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use usersig::{Claims, Error, MAX_TEXT_LEN, sign, verify};

use crate::common::{APP, KEY, USER, pack};

const ISSUED: u64 = 1_700_000_000;

/// One change to the bytes of a ticket.
#[derive(Clone, Debug)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    // Symbols of the alphabet more often than not: others never get past the first layer.
    let symbol = prop_oneof![
        8 => "[A-Za-z0-9*_-]".prop_map(|symbol| symbol.as_bytes()[0]),
        1 => 0_u8..0x80,
    ];
    prop_oneof![
        4 => (any::<Index>(), symbol.clone()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        1 => (any::<Index>(), symbol).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        1 => any::<Index>().prop_map(Edit::Remove),
        1 => any::<Index>().prop_map(Edit::Truncate),
    ]
}

fn apply(text: &mut Vec<u8>, edit: &Edit) {
    if text.is_empty() {
        return;
    }
    match edit {
        Edit::Replace(at, byte) => *at.get_mut(text) = *byte,
        Edit::Insert(at, byte) => text.insert(at.index(text.len()), *byte),
        Edit::Remove(at) => drop(text.remove(at.index(text.len()))),
        Edit::Truncate(at) => text.truncate(at.index(text.len())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_signed_verifies_as_it_was_signed(
        key in any::<String>(),
        app in any::<u32>(),
        user in "[ -~]{1,32}",
        issued_at_s in any::<u64>(),
        expire_s in any::<u64>(),
        userbuf in proptest::option::of(vec(any::<u8>(), 0..=2048)),
    ) {
        let ticket = sign(&key, app, &user, issued_at_s, expire_s, userbuf.as_deref());
        prop_assert!(ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b"*-_".contains(&b)));

        let last = issued_at_s.saturating_add(expire_s);
        let claims = verify(&ticket, &key, app, &user, last).unwrap();
        prop_assert_eq!(claims.user_id(), user);
        prop_assert_eq!(claims.sdkappid(), u64::from(app));
        prop_assert_eq!(claims.issued_at_s(), issued_at_s);
        prop_assert_eq!(claims.expires_at_s(), last);
        prop_assert_eq!(claims.userbuf(), userbuf.as_deref());
    }

    #[test]
    fn any_user_id_survives_signing(user in any::<String>()) {
        let ticket = sign(KEY, APP, &user, ISSUED, 60, None);
        let claims = verify(&ticket, KEY, APP, &user, ISSUED).unwrap();
        prop_assert_eq!(claims.user_id(), user);
    }

    #[test]
    fn only_the_key_it_was_signed_with_verifies_a_ticket(key in "[0-9a-f]{64}", other in "[0-9a-f]{64}") {
        prop_assume!(key != other);
        let ticket = sign(&key, APP, USER, ISSUED, 60, None);
        prop_assert_eq!(verify(&ticket, &other, APP, USER, ISSUED).unwrap_err(), Error::BadSignature);
    }

    /// A few bits of a zlib stream are padding, so a changed text may still be the same ticket. It can
    /// never become a ticket that says something else.
    #[test]
    fn a_changed_ticket_is_refused_or_says_the_same(
        userbuf in proptest::option::of(vec(any::<u8>(), 0..40)),
        edits in vec(edit(), 1..4),
    ) {
        let ticket = sign(KEY, APP, USER, ISSUED, 60, userbuf.as_deref());
        let mut changed = ticket.into_bytes();
        for edit in &edits {
            apply(&mut changed, edit);
        }
        let changed = String::from_utf8(changed).unwrap();
        if let Ok(claims) = verify(&changed, KEY, APP, USER, ISSUED) {
            prop_assert_eq!(claims.issued_at_s(), ISSUED);
            prop_assert_eq!(claims.expires_at_s(), ISSUED + 60);
            prop_assert_eq!(claims.userbuf(), userbuf.as_deref());
        }
    }

    #[test]
    fn no_text_panics(text in prop_oneof![
        any::<String>(),
        "[A-Za-z0-9*-]{0,400}_{0,2}",
        "eJ[A-Za-z0-9*-]{0,400}_{0,2}",
    ]) {
        prop_assert!(verify(&text, KEY, APP, USER, ISSUED).is_err());
    }

    #[test]
    fn no_content_panics(bytes in vec(any::<u8>(), 0..400), level in 0_u32..=9) {
        prop_assert!(Claims::decode(&pack(&bytes, level)).is_err());
    }

    #[test]
    fn no_field_value_panics(
        name in prop_oneof![
            Just("ver"), Just("identifier"), Just("sdkappid"), Just("time"), Just("expire"), Just("userbuf"),
        ],
        value in prop_oneof![
            any::<i128>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
            any::<String>(),
        ],
    ) {
        let json = format!(r#"{{"TLS.{name}":{value}}}"#);
        let refused = Claims::decode(&pack(json, 6));
        prop_assert!(matches!(refused, Err(Error::Malformed(_))));
    }
}

/// The bound that [`sign`] states, at its worst: user ids that JSON escapes, and noise.
#[test]
fn a_ticket_within_the_stated_bounds_is_never_too_long() {
    let noise: Vec<u8> = (0_u32..2048)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    let user = "\\\"".repeat(16);
    let ticket = sign(KEY, u32::MAX, &user, u64::MAX, u64::MAX, Some(&noise));
    assert!(ticket.len() <= MAX_TEXT_LEN);
    assert!(verify(&ticket, KEY, u32::MAX, &user, u64::MAX).is_ok());
}
