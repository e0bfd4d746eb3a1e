//! The world: everything the simulator remembers, behind one lock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SimulatorOptions;
use super::answer::Refusal;
use super::app::{App, AppStatus};
use super::call::{CallKind, Calls, Generation};
use super::department::Department;
use super::fault::Faults;
use super::grant::{Grants, Owner};
use super::ids::Ids;
use super::limit::{Limit, Throttle};
use super::person::Person;
use super::push::Pushes;
use super::request::ApiRequest;
use super::roster::Roster;
use super::streams::Streams;
use super::time::Time;

/// What the sign-in page puts into the address it sends the browser back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginAnswer {
    /// `code`, `authCode` and `state`.
    #[default]
    Complete,
    /// Without `code`.
    AuthCodeOnly,
    /// Without `authCode`.
    CodeOnly,
    /// Without `state`.
    MissingState,
    /// With another `state`.
    WrongState,
}

impl LoginAnswer {
    /// All answers with their names in forms.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Complete, "complete"),
        (Self::AuthCodeOnly, "auth-code-only"),
        (Self::CodeOnly, "code-only"),
        (Self::MissingState, "missing-state"),
        (Self::WrongState, "wrong-state"),
    ];
}

/// Everything the simulator remembers.
#[derive(Debug)]
pub struct World {
    start: SimulatorOptions,
    /// Registered apps.
    pub apps: Vec<App>,
    people: Vec<Person>,
    departments: Vec<Department>,
    /// Of each organization that was asked about since the last change.
    rosters: HashMap<String, Arc<Roster>>,
    /// Codes and tokens.
    pub grants: Grants,
    /// Faults in force.
    pub faults: Faults,
    /// Time every call takes.
    pub latency: Duration,
    /// What the sign-in page sends back.
    pub login_answer: LoginAnswer,
    /// The limit that is counted.
    pub throttle: Throttle,
    /// What was asked.
    pub calls: Calls,
    /// Callbacks.
    pub push: Pushes,
    /// Streams.
    pub stream: Streams,
    /// Source of identifiers.
    pub ids: Ids,
    /// Source of time.
    pub time: Time,
}

impl World {
    /// As the options describe it.
    pub fn new(options: SimulatorOptions) -> Self {
        let mut throttle = Throttle::default();
        throttle.enforce(options.enforce_qps);
        Self {
            apps: options.apps.clone(),
            people: options.people.clone(),
            departments: options.departments.clone(),
            rosters: HashMap::new(),
            grants: Grants::default(),
            faults: Faults::default(),
            latency: options.latency,
            login_answer: LoginAnswer::default(),
            throttle,
            calls: Calls::default(),
            push: Pushes::default(),
            stream: Streams::default(),
            ids: Ids::new(options.seed.unwrap_or_else(rand::random)),
            time: Time::start(),
            start: options,
        }
    }

    /// Goes back to the start: people, apps, limits, and nothing asked or issued yet.
    pub fn reset(&mut self) {
        *self = Self::new(self.start.clone());
    }

    /// The app of a client id.
    pub fn find_app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// People with an account.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The same, to change them.
    pub fn people_mut(&mut self) -> &mut Vec<Person> {
        self.rosters.clear();
        &mut self.people
    }

    /// Departments of organizations, besides the root of each.
    pub fn departments(&self) -> &[Department] {
        &self.departments
    }

    /// The same, to change them.
    pub fn departments_mut(&mut self) -> &mut Vec<Department> {
        self.rosters.clear();
        &mut self.departments
    }

    /// Who and what belongs where in an organization.
    pub fn roster(&mut self, corp_id: &str) -> Arc<Roster> {
        if let Some(known) = self.rosters.get(corp_id) {
            return Arc::clone(known);
        }
        let roster = Arc::new(Roster::of(corp_id, &self.people, &self.departments));
        self.rosters.insert(corp_id.to_owned(), Arc::clone(&roster));
        roster
    }

    /// The person of a key.
    pub fn find_person(&self, key: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.key == key)
    }

    /// Key of the person a call speaks of or for; none for an app's own.
    pub fn person_of(&self, kind: CallKind, request: &ApiRequest) -> Option<String> {
        match kind {
            CallKind::UserAccessToken | CallKind::UserInfo => self
                .grants
                .person_of_code(request.field("code")?)
                .map(str::to_owned),
            CallKind::Profile => match self.grants.owner(request.header_token()?, self.time.now())? {
                Owner::User(grant) => Some(grant.person),
                Owner::App(_) => None,
            },
            CallKind::UserIdByUnionId => {
                let union_id = request.field("unionid")?;
                let person = self.people.iter().find(|person| person.union_id == union_id)?;
                Some(person.key.clone())
            }
            CallKind::AppAccessToken
            | CallKind::CorpAccessToken
            | CallKind::GetToken
            | CallKind::UserDetails
            | CallKind::UserIdByMobile
            | CallKind::AuthScopes
            | CallKind::OpenStream
            | CallKind::FailedCallbacks
            | CallKind::DepartmentsOfUser
            | CallKind::DepartmentsBelow
            | CallKind::DepartmentMembers
            | CallKind::Department
            | CallKind::MemberCount => None,
        }
    }

    /// Lets a call for an app through to its operation, as DingTalk's gateway does.
    pub fn admit(&mut self, kind: CallKind, client_id: &str, peer: Option<IpAddr>) -> Result<App, Refusal> {
        let app = self
            .find_app(client_id)
            .ok_or_else(|| Refusal::credentials(kind))?
            .clone();
        match (app.status, kind.generation()) {
            (AppStatus::Published, _) => {}
            (AppStatus::Unpublished, _)
            | (AppStatus::Disabled | AppStatus::OrganizationDisabled, Generation::Open) => {
                return Err(Refusal::credentials(kind));
            }
            (AppStatus::Disabled, Generation::Top | Generation::Bare) => {
                return Err(Refusal::gateway(50003, "应用已停用"));
            }
            (AppStatus::OrganizationDisabled, Generation::Top | Generation::Bare) => {
                return Err(Refusal::gateway(50005, "企业已被禁用"));
            }
        }
        if !app.accepts_address(peer) {
            return Err(Refusal::address(kind, peer, client_id));
        }
        let now = self.time.now();
        if !self.throttle.admits(client_id, kind, now) {
            return Err(Refusal::limited(kind, Limit::AppAndApi));
        }
        Ok(app)
    }
}

impl Refusal {
    /// Client id or secret is wrong, in the words of each operation.
    pub fn credentials(kind: CallKind) -> Self {
        match kind {
            CallKind::UserAccessToken => Self::open(
                400,
                "invalidParameter.idOrSecret.notFound",
                "clientId或者clientSecret错误",
            ),
            CallKind::CorpAccessToken => {
                Self::open(400, "invalid.client", "无效的client_id或者client_secret")
            }
            CallKind::AppAccessToken | CallKind::Profile => {
                Self::open(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
            }
            CallKind::OpenStream => Self::open(401, "authFailed", "鉴权失败"),
            CallKind::GetToken => Self::business(40096, "不合法的appKey或appSecret"),
            CallKind::UserIdByUnionId
            | CallKind::UserDetails
            | CallKind::UserIdByMobile
            | CallKind::UserInfo
            | CallKind::AuthScopes
            | CallKind::FailedCallbacks
            | CallKind::DepartmentsOfUser
            | CallKind::DepartmentsBelow
            | CallKind::DepartmentMembers
            | CallKind::Department
            | CallKind::MemberCount => Self::gateway(40014, "不合法的access_token"),
        }
    }
}

/// The world as the server's workers and [`super::Control`] share it.
#[derive(Debug)]
pub struct Shared(Mutex<World>);

impl Shared {
    /// Around a fresh world.
    pub fn new(world: World) -> Self {
        Self(Mutex::new(world))
    }

    /// Waits for the lock; a panic elsewhere does not end the simulation.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
