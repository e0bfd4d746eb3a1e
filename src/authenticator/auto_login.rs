//! Automatic login: whoever opens a page inside DingTalk is signed in without a click.

use serde_json::Value;

/// How it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoLogin {
    /// The page asks DingTalk's client for a code: nobody has to tap anything.
    #[default]
    Internal,
    /// The page starts the web sign-in by itself: DingTalk asks for one tap.
    OAuth,
}

impl AutoLogin {
    /// The name in the settings, and in the answer of `dingtalk:checkLogin`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::OAuth => "oauth",
        }
    }

    /// The way of this name.
    pub fn named(label: &str) -> Option<Self> {
        [Self::Internal, Self::OAuth]
            .into_iter()
            .find(|way| way.label() == label)
    }

    /// The way that options ask for as they are about to be stored.
    pub fn wanted(options: &Value) -> Option<Self> {
        let is_wanted = options.get("autoLogin").and_then(Value::as_bool) == Some(true);
        let way = options.get("autoLoginType").and_then(Value::as_str);
        is_wanted.then(|| way.and_then(Self::named).unwrap_or_default())
    }
}
