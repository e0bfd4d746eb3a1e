//! A grant: what a person agreed to for an app, and the code and tokens that stand for it.

use std::collections::HashMap;
use std::time::Duration;

use super::ids::Ids;

/// Life of a code.
pub const CODE_LIFETIME: Duration = Duration::from_mins(5);
/// Life of a token of either kind.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(2);
const REFRESH_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A person's agreement with one app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The app.
    pub client_id: String,
    /// Key of the person.
    pub person: String,
    /// The organization chosen, when the app asked for one.
    pub corp_id: Option<String>,
}

/// For which of DingTalk's two ways of signing in a code was issued; neither takes the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// By the sign-in page, to be redeemed for the person's token.
    Web,
    /// By the client, to a page that is open in it.
    InClient,
}

/// Whom a token speaks for.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A person who signed in.
    User(Grant),
    /// An app, by client id.
    App(String),
}

/// What became of a code that was handed in; DingTalk answers all refusals alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// It was good, and is now used.
    Granted(Grant),
    /// No such code, or expired, or issued for another app.
    NotFound,
    /// It was redeemed before.
    Repeated,
}

/// An access token with the refresh token that goes with it.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

#[derive(Debug)]
struct Lasting<T> {
    value: T,
    until: Duration,
}

impl<T> Lasting<T> {
    fn at(&self, now: Duration) -> Option<&T> {
        (now < self.until).then_some(&self.value)
    }
}

#[derive(Debug)]
struct Code {
    grant: Lasting<Grant>,
    kind: CodeKind,
    is_used: bool,
}

/// All codes and tokens that were ever issued.
#[derive(Debug, Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    pairs: HashMap<Grant, TokenPair>,
    access: HashMap<String, Lasting<Grant>>,
    refresh: HashMap<String, Lasting<Grant>>,
    apps: HashMap<String, Lasting<String>>,
}

impl Grants {
    /// A fresh code.
    pub fn issue_code(&mut self, ids: &mut Ids, kind: CodeKind, grant: Grant, now: Duration) -> String {
        let code = ids.token();
        let until = now + CODE_LIFETIME;
        let issued = Code {
            grant: Lasting { value: grant, until },
            kind,
            is_used: false,
        };
        self.codes.insert(code.clone(), issued);
        code
    }

    /// Uses a code up; one of another app or kind stays good for its own.
    pub fn redeem(&mut self, code: &str, kind: CodeKind, client_id: &str, now: Duration) -> Redemption {
        let Some(code) = self.codes.get_mut(code).filter(|code| code.kind == kind) else {
            return Redemption::NotFound;
        };
        if code.is_used {
            return Redemption::Repeated;
        }
        match code.grant.at(now) {
            Some(grant) if grant.client_id == client_id => {
                code.is_used = true;
                Redemption::Granted(grant.clone())
            }
            Some(_) | None => Redemption::NotFound,
        }
    }

    /// Whose code this is, good or not.
    pub fn person_of_code(&self, code: &str) -> Option<&str> {
        self.codes.get(code).map(|code| code.grant.value.person.as_str())
    }

    /// How many codes of a person were redeemed.
    pub fn redeemed(&self, person: &str) -> usize {
        self.codes
            .values()
            .filter(|code| code.is_used && code.grant.value.person == person)
            .count()
    }

    /// The tokens of a grant: the same ones while they live, with their life begun anew.
    pub fn user_tokens(&mut self, ids: &mut Ids, grant: &Grant, now: Duration) -> TokenPair {
        let alive = self.pairs.get(grant).filter(|pair| {
            self.access
                .get(&pair.access)
                .is_some_and(|lasting| lasting.at(now).is_some())
        });
        let pair = alive.cloned().unwrap_or_else(|| TokenPair {
            access: ids.token(),
            refresh: ids.token(),
        });
        self.pairs.insert(grant.clone(), pair.clone());
        self.access.insert(
            pair.access.clone(),
            Lasting {
                value: grant.clone(),
                until: now + TOKEN_LIFETIME,
            },
        );
        self.refresh.insert(
            pair.refresh.clone(),
            Lasting {
                value: grant.clone(),
                until: now + REFRESH_LIFETIME,
            },
        );
        pair
    }

    /// The grant behind a refresh token of this app.
    pub fn refreshes(&self, refresh: &str, client_id: &str, now: Duration) -> Option<Grant> {
        self.refresh
            .get(refresh)?
            .at(now)
            .filter(|grant| grant.client_id == client_id)
            .cloned()
    }

    /// The token of an app: the same one while it lives, with its life begun anew.
    pub fn app_token(&mut self, ids: &mut Ids, client_id: &str, now: Duration) -> String {
        let alive = self
            .apps
            .get(client_id)
            .and_then(|lasting| lasting.at(now))
            .cloned();
        let token = alive.unwrap_or_else(|| ids.token());
        self.apps.insert(
            client_id.to_owned(),
            Lasting {
                value: token.clone(),
                until: now + TOKEN_LIFETIME,
            },
        );
        token
    }

    /// Whom a token speaks for, if it is alive.
    pub fn owner(&self, token: &str, now: Duration) -> Option<Owner> {
        let user = self
            .access
            .get(token)
            .and_then(|lasting| lasting.at(now))
            .cloned()
            .map(Owner::User);
        user.or_else(|| {
            let (client_id, _) = self
                .apps
                .iter()
                .find(|(_, lasting)| lasting.at(now).is_some_and(|alive| alive == token))?;
            Some(Owner::App(client_id.clone()))
        })
    }

    /// Ends every app access token at once, as if its time were over.
    pub fn expire_app_tokens(&mut self) {
        self.apps.clear();
    }

    /// Ends every user access token at once.
    pub fn expire_user_tokens(&mut self) {
        self.access.clear();
    }
}
