//! `$env` templates: text without one stays as it is, a value is never expanded again, and a secret variable shows
//! only where its own name stands. Options read through them never print the client secret.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::aes_key::AesKey;
use nocobase_dingtalk::authenticator::{AuthenticatorOptions, Environment};
use nocobase_dingtalk::nocobase::EnvironmentVariable;
use nocobase_dingtalk::origin::Origin;
use secrecy::ExposeSecret as _;
use serde_json::json;

/// "s3cret-värde" under the key below, made with `openssl enc -aes-256-cbc`.
const SECRET: &str = "00112233445566778899aabbccddeeffa4bf57ee90824863b5f86a3e0ca87aa4";
const PLAIN: &str = "s3cret-värde";

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let key = AesKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap();
    let variable = |name: &str, secret, value: &str| EnvironmentVariable {
        name: name.to_owned(),
        secret,
        value: value.to_owned(),
    };
    let variables = vec![
        variable("S", true, SECRET),
        variable("BAD", true, "00"),
        // Both would give the secret away if a value were read as a template.
        variable("T", false, "{{$env.S}}"),
        variable("OPEN", false, "{{$env."),
    ];
    Environment::new(variables, Some(&key))
});

fuzz_target!(|text: &str| {
    let rendered = ENVIRONMENT.render(text);
    if !text.contains("{{") {
        assert_eq!(rendered.as_ref().unwrap().as_ref().unwrap().expose_secret(), text);
    }
    if !text.contains("$env.BAD") {
        // A text without its `ä` cannot spell the secret by itself, with templates that give nothing between.
        let rendered = rendered.unwrap();
        let shown = rendered
            .as_ref()
            .is_some_and(|value| value.expose_secret().contains(PLAIN));
        assert!(!shown || text.contains("$env.S") || text.contains('ä'));
    }
    let options = serde_json::from_str(text).unwrap_or_else(|_| {
        json!({"clientId": text, "clientSecret": text, "corpId": "{{$env.T}}", "callbackOrigin": text, "subject": text})
    });
    if let Ok(options) = AuthenticatorOptions::parse(&options, &ENVIRONMENT) {
        if let Some(secret) = options
            .client_secret
            .as_ref()
            .filter(|secret| secret.expose_secret().len() > 40)
        {
            let only_there = options
                .client_id
                .as_deref()
                .is_none_or(|id| !id.contains(secret.expose_secret()))
                && options
                    .corp_id
                    .as_deref()
                    .is_none_or(|id| !id.contains(secret.expose_secret()))
                && options
                    .callback_origin
                    .as_deref()
                    .is_none_or(|id| !id.contains(secret.expose_secret()));
            assert!(!only_there || !format!("{options:?}").contains(secret.expose_secret()));
        }
        assert!(
            options
                .callback_origin
                .is_none_or(|origin| Origin::parse(&origin).is_some())
        );
        for text in [options.client_id, options.corp_id].into_iter().flatten() {
            assert!(!text.is_empty() && text.trim() == text);
        }
    }
});
