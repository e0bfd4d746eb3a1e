//! A flow comes out of a cookie only as it was sealed: not from garbage, not from a changed value, not under
//! another name, not with another secret.

#![no_main]

use std::sync::LazyLock;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::sign_in::ReturnPath;
use nocobase_dingtalk::sign_in::flow::{Flow, PendingFlow, Proof};
use nocobase_dingtalk::sign_in::flow_cookie::{FlowSeal, SEALED_LIMIT};
use secrecy::ExposeSecret as _;

static ENTROPY: LazyLock<Entropy> = LazyLock::new(|| Entropy::seeded(1));
static SEAL: LazyLock<FlowSeal> =
    LazyLock::new(|| FlowSeal::new(b"a secret of the fuzzer", None, ENTROPY.clone()));
static OTHER: LazyLock<FlowSeal> = LazyLock::new(|| FlowSeal::new(b"another secret", None, ENTROPY.clone()));

fn flow(authenticator: &str, return_path: &ReturnPath, code: Option<&str>) -> Flow {
    let now = DateTime::from_timestamp(1_763_600_000, 0).unwrap();
    let begun = PendingFlow::new(authenticator, return_path.clone(), &ENTROPY, now);
    match code {
        Some(code) => begun.returned(code.into()).into(),
        None => begun.into(),
    }
}

fuzz_target!(|input: (&str, &str, &str, &str, usize, u8)| {
    let (value, name, authenticator, return_path, position, change) = input;
    assert!(SEAL.open(name, value).is_none(), "garbage was opened");

    let code = (change % 2 == 1).then_some(value);
    let return_path = ReturnPath::parse_or(Some(return_path), "/signin");
    let flow = flow(authenticator, &return_path, code);
    let cookie = flow.cookie_name(change % 3 == 0);
    let Some(sealed) = SEAL.seal(&flow, change % 3 == 0) else {
        // Only what is too long for a cookie is not sealed; JSON writes a byte with six at most.
        assert!(
            6 * (authenticator.len() + return_path.as_str().len() + value.len()) + 400 > SEALED_LIMIT / 4 * 3
        );
        return;
    };
    assert!(sealed.len() <= SEALED_LIMIT && sealed.bytes().all(|byte| byte.is_ascii_graphic()));
    let opened = SEAL.open(&cookie, &sealed).expect("a sealed flow is opened");
    assert_eq!(opened.authenticator(), authenticator);
    assert_eq!(opened.return_path(), &return_path);
    assert_eq!(
        (opened.handle(), opened.ends_at()),
        (flow.handle(), flow.ends_at())
    );
    match (&opened, &flow) {
        (Flow::Pending(_), Flow::Pending(flow)) => assert!(opened.has_state(flow.state())),
        (Flow::Authorized(opened), Flow::Authorized(flow)) => {
            assert_eq!(opened.id(), flow.id());
            assert!(matches!(opened.proof(), Proof::Code(code) if code.expose_secret() == value));
        }
        _ => panic!("a flow moved by itself"),
    }

    assert!(
        OTHER.open(&cookie, &sealed).is_none(),
        "opened with another secret"
    );
    assert!(
        name == cookie || SEAL.open(name, &sealed).is_none(),
        "opened under another name"
    );
    let mut changed = sealed.clone().into_bytes();
    let position = position % changed.len();
    changed[position] ^= change & 0x7f;
    let changed = String::from_utf8(changed).unwrap();
    assert!(
        changed == sealed || SEAL.open(&cookie, &changed).is_none(),
        "a changed value was opened"
    );
    assert!(
        SEAL.open(&cookie, &sealed[..position]).is_none(),
        "half a value was opened"
    );
});
