//! What anybody may post to the address of events: nothing that was not signed is opened, and what DingTalk could have
//! signed is read as what it says. The first line is the query, the rest the body.

#![no_main]

use std::sync::LazyLock;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::directory::events::callback::{self, CallbackError};
use nocobase_dingtalk::directory::events::crypto::{Seal, SealError};
use nocobase_dingtalk::directory::events::event::{self, Notice};
use nocobase_dingtalk::entropy::Entropy;
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;

static SEAL: LazyLock<Seal> = LazyLock::new(|| {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG".into();
    Seal::new(
        &"tokentest0001".into(),
        &key,
        vec!["dingtestappkey000001".to_owned()],
    )
    .unwrap()
});
static ENTROPY: LazyLock<Entropy> = LazyLock::new(|| Entropy::seeded(1));

fuzz_target!(|input: &[u8]| {
    let now = DateTime::from_timestamp_millis(NOW_MS).unwrap();
    let (query, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&[][..], input),
    };
    if let Ok(query) = std::str::from_utf8(query) {
        let opened = callback::open(&SEAL, query, body, now);
        // The token is not in the corpus but for the texts that were signed with it.
        if !matches!(
            opened,
            Err(CallbackError::NotUnderstood | CallbackError::Seal(SealError::Signature))
        ) {
            assert!(query.contains("nonce12"), "{query}");
        }
    }
    let Ok(message) = std::str::from_utf8(body) else {
        return;
    };
    let read = event::of_callback(message);
    if let Some(Notice::Events(events)) = &read {
        for event in events {
            assert!(!event.id.is_empty() && event.id.len() <= 191);
            assert!(!event.subjects.is_empty() && event.subjects.len() <= 200);
            assert!(event.subjects.iter().all(|id| !id.is_empty() && id.len() <= 64));
        }
    }
    let sealed = SEAL.seal(message, NOW_MS, &ENTROPY).unwrap();
    let query = format!(
        "signature={}&timestamp={}&nonce={}",
        sealed.msg_signature, sealed.timestamp, sealed.nonce
    );
    let body = json!({ "encrypt": sealed.encrypt }).to_string();
    match (callback::open(&SEAL, &query, body.as_bytes(), now), read) {
        (Ok(opened), Some(read)) => assert_eq!(opened.notice, read),
        (Err(CallbackError::NotUnderstood), None) => {}
        (opened, read) => panic!("{opened:?} {read:?}"),
    }
});
