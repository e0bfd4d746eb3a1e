//! The query DingTalk's answer comes with, asked of the whole HTTP surface by a browser with a sign-in under way:
//! with exactly its own `state` the browser goes to the sign-in page it came from and nowhere else, with anything
//! else nothing changes, and a code never shows in an address.

#![no_main]

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::{StatusCode, Uri, header};
use actix_web::{App, test, web};
use chrono::{DateTime, Offset as _, Utc};
use libfuzzer_sys::{Corpus, fuzz_target};
use nocobase_dingtalk::audit::Audit;
use nocobase_dingtalk::background::Background;
use nocobase_dingtalk::call_counts::CallCounts;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Cors, Mode};
use nocobase_dingtalk::dingtalk::{DingTalk, Endpoints, Limits};
use nocobase_dingtalk::directory::events::{Callbacks, Inbox};
use nocobase_dingtalk::directory::{self, Directory, OwnWriter, SiteWriter};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::{
    AppState, Edge, Installation, Metrics, Ops, Packages, Throttles, TrustedProxies, routes,
};
use nocobase_dingtalk::nocobase::{DatabaseSettings, Store};
use nocobase_dingtalk::origin::Origin;
use nocobase_dingtalk::session::{FirstPassword, Passwords, SessionSecret, Sessions};
use nocobase_dingtalk::sign_in::flow::{Flow, PendingFlow};
use nocobase_dingtalk::sign_in::flow_cookie::FlowSeal;
use nocobase_dingtalk::sign_in::{Parts, ReturnPath, SignIn, Site};
use url::Url;
use url::form_urlencoded::parse;

const SECRET: &[u8] = b"a secret of the fuzzer";
const ORIGIN: &str = "http://nocobase.example";
const PAGE: &str = "/signin?redirect=/admin";

type Ask = Box<dyn Fn(Uri) -> Pin<Box<dyn Future<Output = ServiceResponse>>>>;

struct Surface {
    runtime: tokio::runtime::Runtime,
    ask: Ask,
    state: String,
    handle: String,
}

thread_local! {
    static SITE: RefCell<Option<&'static Surface>> = const { RefCell::new(None) };
}

/// The production surface, over a database that nothing here asks: its folder is gone once all is open. It is never
/// dropped, because a runtime cannot be at the end of a thread.
fn site() -> Surface {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(DateTime::from_timestamp(1_763_600_000, 0).unwrap());
    let entropy = Entropy::seeded(1);
    let begun = PendingFlow::new(
        "dingtalk",
        ReturnPath::parse(PAGE).unwrap(),
        &entropy,
        clock.now(),
    );
    let state = begun.state().to_owned();
    let flow = Flow::from(begun);
    let cookie = FlowSeal::new(SECRET, None, entropy.clone())
        .seal(&flow, false)
        .unwrap();
    let cookie = format!("{}={cookie}", flow.cookie_name(false));
    let handle = flow.handle().to_owned();
    let app = runtime.block_on(async {
        let database = DatabaseSettings::Sqlite {
            path: folder.path().join("fuzz.sqlite"),
        };
        let store = Store::connect(&database, std::sync::Arc::new(|_| ()))
            .await
            .unwrap();
        let audit = Audit::open(&folder.path().join("audit"), "fuzz", 0, clock.now()).unwrap();
        let dingtalk = DingTalk::new(
            &Endpoints::default(),
            Limits::default(),
            std::sync::Arc::new(|_| ()),
        )
        .unwrap();
        let background = Background::of_this_runtime();
        let sessions = Sessions::new(
            store.clone(),
            SessionSecret::new(SECRET),
            Passwords::new(std::sync::Arc::new(|_| ())),
            clock.clone(),
            entropy.clone(),
            background.clone(),
        );
        let sign_in = SignIn::new(Parts {
            store: store.clone(),
            dingtalk: dingtalk.clone(),
            sessions: sessions.clone(),
            audit: audit.clone(),
            secret: SECRET.to_vec().into(),
            aes_key: None,
            site: Site {
                api_base: "/api/".to_owned(),
                public_path: "/".to_owned(),
                plugin_row_decides: false,
            },
            clock: clock.clone(),
            entropy: entropy.clone(),
            background: background.clone(),
        });
        // Nobody looks after anything.
        let directory = Directory::new(directory::DirectoryParts {
            store: store.clone(),
            dingtalk: dingtalk.clone(),
            registry: sign_in.authenticators().clone(),
            writer: SiteWriter::Own(OwnWriter::new(store.clone(), clock.clone())),
            audit: audit.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            background,
            zone: Utc.fix(),
        });
        let events = Callbacks::new(
            Inbox::new(store.clone(), clock.clone(), std::sync::Arc::new(|_, _| ())),
            store.clone(),
            sign_in.authenticators().clone(),
            clock.clone(),
            entropy.clone(),
        );
        let state = web::Data::new(AppState {
            mode: Mode::BesideNocoBase,
            store,
            sessions,
            // Nothing is written there: it holds no password.
            first_password: FirstPassword::in_folder(&std::env::temp_dir()).unwrap(),
            sign_in,
            dingtalk,
            directory,
            events,
            edge: Edge {
                api_base: "/api/".to_owned(),
                public_path: "/".to_owned(),
                public_origin: Origin::parse(ORIGIN),
                proxies: TrustedProxies::new(Vec::new()),
                cors: Cors::default(),
                body_within: Duration::from_secs(10),
            },
            // Nobody is limited: each input is to reach what answers it.
            throttles: Throttles::new(0, &clock),
            ops: Ops {
                audit,
                // Nothing is written: DingTalk is not called.
                calls: CallCounts::new(&std::env::temp_dir(), "fuzz", clock.clone()),
                metrics: Metrics::new().unwrap(),
                packages: Packages::new("/"),
                sidecar_url: None,
            },
            installation: Installation {
                started: clock.now(),
                managed: None,
                subject_index: None,
                nocobase_url: None,
                demo: None,
            },
            clock,
            entropy,
        });
        test::init_service(App::new().configure(|config| routes(config, &state))).await
    });
    let ask: Ask = Box::new(move |uri| {
        let request = test::TestRequest::get()
            .uri(&uri.to_string())
            .insert_header((header::COOKIE, cookie.as_str()));
        let answer = app.call(request.to_request());
        Box::pin(async { answer.await.unwrap() })
    });
    Surface {
        runtime,
        ask,
        state,
        handle,
    }
}

fuzz_target!(|text: &str| -> Corpus {
    SITE.with_borrow_mut(|site| {
        run(
            site.get_or_insert_with(|| Box::leak(Box::new(self::site()))),
            text,
        )
    })
});

fn run(site: &Surface, text: &str) -> Corpus {
    // One byte for the state: no mutation would find it.
    let query = text.replace('$', &site.state);
    let only = |name: &str| {
        let values: Vec<_> = parse(query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value)
            .collect();
        (
            values.len(),
            values
                .first()
                .map(|value| value.clone().into_owned())
                .unwrap_or_default(),
        )
    };
    if ["state", "code", "authCode"].iter().all(|name| only(name).0 == 0) {
        // The start of a sign-in, not its return.
        return Corpus::Reject;
    }
    let Ok(uri) = format!("/api/auth:redirect?{query}").parse::<Uri>() else {
        return Corpus::Reject;
    };
    if uri.query() != Some(&query) {
        // Cut off at its `#`.
        return Corpus::Reject;
    }
    let answer = site.runtime.block_on((site.ask)(uri));

    let cookies: Vec<_> = answer
        .headers()
        .get_all(header::SET_COOKIE)
        .map(|value| value.to_str().unwrap())
        .collect();
    let is_ours = only("state") == (1, site.state.clone());
    if !is_ours {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(cookies.is_empty() && !answer.headers().contains_key(header::LOCATION));
        return Corpus::Keep;
    }
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert!(
        cookies
            .iter()
            .all(|cookie| cookie.starts_with(&format!("nbdt_{}=", site.handle)))
            && cookies.len() == 1
    );
    let location = answer.headers().get(header::LOCATION).unwrap().to_str().unwrap();
    let page = Url::parse(ORIGIN).unwrap();
    let target = page.join(location).unwrap();
    assert_eq!((target.origin(), target.path()), (page.origin(), "/signin"));
    let pairs: Vec<(String, String)> = target.query_pairs().into_owned().collect();
    let (name, value) = &pairs[2];
    assert_eq!(
        pairs[..2],
        [
            ("redirect".into(), "/admin".into()),
            ("authenticator".into(), "dingtalk".into())
        ]
    );
    let code = match only("authCode") {
        (1, code) if !code.is_empty() => code,
        _ => only("code").1,
    };
    let is_refused = only("error").0 > 0;
    match name.as_str() {
        "dingtalk" => {
            assert_eq!(pairs.len(), 3);
            assert!(value == &site.handle && !is_refused);
            assert!(
                !code.is_empty() && code.len() <= 256 && code.bytes().all(|byte| byte.is_ascii_graphic())
            );
        }
        "error" => {
            let code = if is_refused {
                "DINGTALK_DENIED"
            } else {
                "FLOW_NOT_FOUND"
            };
            assert_eq!(value, code);
            assert_eq!((pairs.len(), pairs[3].0.as_str()), (4, "dingtalkReference"));
        }
        other => panic!("{other} was added"),
    }
    Corpus::Keep
}
