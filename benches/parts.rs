//! The pure parts of a sign-in, each alone: `cargo bench --bench parts`.

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::hint::black_box;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use jsonwebtoken::{EncodingKey, Header, encode};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::UserId;
use nocobase_dingtalk::phone::Phone;
use nocobase_dingtalk::session::{Claims, SessionSecret};
use nocobase_dingtalk::sign_in::ReturnPath;
use nocobase_dingtalk::sign_in::flow::{Flow, PendingFlow};
use nocobase_dingtalk::sign_in::flow_cookie::FlowSeal;
use serde_json::json;

const SECRET: &[u8] = b"a secret of the benchmark, thirty-nine characters";
const NOW: i64 = 1_763_600_523;

fn sealing(criterion: &mut Criterion) {
    let seal = FlowSeal::new(SECRET, None, Entropy::secure());
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let begun = PendingFlow::new(
        "s_dingtalk",
        ReturnPath::parse("/signin?redirect=/admin/orders").unwrap(),
        &Entropy::secure(),
        now,
    );
    let flow = Flow::from(begun.returned("0123456789abcdef0123456789abcdef".into()));
    let name = flow.cookie_name(true);
    let value = seal.seal(&flow, true).unwrap();
    criterion.bench_function("seal a flow", |bench| {
        bench.iter(|| seal.seal(black_box(&flow), true));
    });
    criterion.bench_function("open a flow", |bench| {
        bench.iter(|| seal.open(&name, black_box(&value)).is_some());
    });
}

fn tokens(criterion: &mut Criterion) {
    let secret = SessionSecret::new(SECRET);
    let claims = Claims {
        user_id: UserId(7),
        temp: true,
        iat: NOW,
        sign_in_time: NOW * 1000,
        exp: NOW + 86_400,
        jti: Entropy::secure().uuid(),
    };
    let token = secret.sign(&claims).unwrap();
    let bridge = json!({
        "aud": "nocobase-dingtalk", "iat": NOW, "exp": NOW + 60, "origin": "https://nocobase.example",
        "host": "nocobase.example", "forwarded": { "for": "203.0.113.7", "proto": "https" }, "peer": "10.0.0.2",
    });
    let bridge = encode(&Header::default(), &bridge, &EncodingKey::from_secret(SECRET)).unwrap();
    criterion.bench_function("sign a session token", |bench| {
        bench.iter(|| secret.sign(black_box(&claims)));
    });
    criterion.bench_function("verify a session token", |bench| {
        bench.iter(|| secret.verify(black_box(&token)).is_ok());
    });
    criterion.bench_function("verify a bridge token", |bench| {
        bench.iter(|| secret.verify_bridge(black_box(&bridge), NOW).is_ok());
    });
}

fn matching(criterion: &mut Criterion) {
    criterion.bench_function("read a phone number and spell it in every way", |bench| {
        bench.iter(|| {
            Phone::parse(black_box(Some("86")), black_box(Some("138 0013-8000")))
                .map(|phone| phone.spellings())
        });
    });
}

criterion_group!(parts, sealing, tokens, matching);
criterion_main!(parts);
