//! The control of a simulator: what its page can do, for the process it runs in.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::web;
use url::Url;

use super::app::App;
use super::call::CallKind;
use super::department::Department;
use super::fault::Fault;
use super::grant::{CodeKind, Grant};
use super::login::{AuthorizationRequest, LoginRefused};
use super::org_event::OrgEvent;
use super::person::{Membership, Person};
use super::population::Population;
use super::world::{LoginAnswer, Shared};

/// Why the client gives a page no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthCodeRefused {
    /// The organization has no such app: error 3 of the JSAPI.
    OtherOrganization,
    /// Nobody is in DingTalk who belongs to the organization.
    NoMember,
}

impl AuthCodeRefused {
    /// The number of the JSAPI.
    pub const fn number(self) -> i64 {
        match self {
            Self::OtherOrganization => 3,
            Self::NoMember => -1,
        }
    }

    /// The text of the JSAPI.
    pub const fn message(self) -> &'static str {
        match self {
            Self::OtherOrganization => "对应企业没有某域名微应用",
            Self::NoMember => "当前用户不在该企业中",
        }
    }
}

/// A handle on a running simulator; clones control the same one.
#[derive(Clone, Debug)]
pub struct Control(pub(super) web::Data<Shared>);

impl Control {
    pub(super) fn new(shared: web::Data<Shared>) -> Self {
        Self(shared)
    }

    /// Goes back to the options the simulator was started with; nothing was asked or issued.
    pub fn reset(&self) {
        self.0.lock().reset();
    }

    /// Registers an app, in place of one with the same client id.
    pub fn add_app(&self, app: App) {
        let mut world = self.0.lock();
        world.apps.retain(|known| known.client_id != app.client_id);
        world.apps.push(app);
    }

    /// Changes an app; whether there was one.
    pub fn edit_app(&self, client_id: &str, edit: impl FnOnce(&mut App)) -> bool {
        let mut world = self.0.lock();
        world
            .apps
            .iter_mut()
            .find(|app| app.client_id == client_id)
            .map(edit)
            .is_some()
    }

    /// The registered apps.
    pub fn apps(&self) -> Vec<App> {
        self.0.lock().apps.clone()
    }

    /// Gives somebody an account, in place of one with the same key.
    pub fn add_person(&self, person: Person) {
        let is_heard = self.has_listeners();
        let events = {
            let mut world = self.0.lock();
            let events = if is_heard {
                OrgEvent::between(world.find_person(&person.key), Some(&person))
            } else {
                Vec::new()
            };
            let people = world.people_mut();
            people.retain(|known| known.key != person.key);
            people.push(person);
            events
        };
        self.fire_all(events);
    }

    /// Changes a person; whether there was one.
    pub fn edit_person(&self, key: &str, edit: impl FnOnce(&mut Person)) -> bool {
        let is_heard = self.has_listeners();
        let events = {
            let mut world = self.0.lock();
            let Some(person) = world.people_mut().iter_mut().find(|person| person.key == key) else {
                return false;
            };
            let before = is_heard.then(|| person.clone());
            edit(person);
            before
                .map(|before| OrgEvent::between(Some(&before), Some(person)))
                .unwrap_or_default()
        };
        self.fire_all(events);
        true
    }

    /// Somebody leaves an organization, and keeps their account; whether they were in it.
    pub fn leave(&self, key: &str, corp_id: &str) -> bool {
        let mut was_member = false;
        self.edit_person(key, |person| {
            let before = person.memberships.len();
            person
                .memberships
                .retain(|membership| membership.corp_id != corp_id);
            was_member = person.memberships.len() < before;
        });
        was_member
    }

    /// Somebody joins an organization, or comes back to it, under this id.
    pub fn join(&self, key: &str, corp_id: &str, user_id: &str) -> bool {
        self.leave(key, corp_id);
        self.edit_person(key, |person| {
            person.memberships.push(Membership::employee(corp_id, user_id));
        })
    }

    /// The people with an account.
    pub fn people(&self) -> Vec<Person> {
        self.0.lock().people().to_vec()
    }

    /// Adds a department to an organization.
    pub fn add_department(&self, department: Department) {
        let event = OrgEvent::of_department("org_dept_create", department.id);
        let corp_id = department.corp_id.clone();
        self.0.lock().departments_mut().push(department);
        self.fire(&corp_id, &event);
    }

    /// Changes a department; whether there was one.
    pub fn edit_department(&self, corp_id: &str, id: i64, edit: impl FnOnce(&mut Department)) -> bool {
        let is_there = self
            .0
            .lock()
            .departments_mut()
            .iter_mut()
            .find(|department| department.corp_id == corp_id && department.id == id)
            .map(edit)
            .is_some();
        if is_there {
            self.fire(corp_id, &OrgEvent::of_department("org_dept_modify", id));
        }
        is_there
    }

    /// Removes a department; whether there was one. Who is in it, or below it, is for the caller to move.
    pub fn remove_department(&self, corp_id: &str, id: i64) -> bool {
        let was_there = {
            let mut world = self.0.lock();
            let departments = world.departments_mut();
            let before = departments.len();
            departments.retain(|department| department.corp_id != corp_id || department.id != id);
            departments.len() < before
        };
        if was_there {
            self.fire(corp_id, &OrgEvent::of_department("org_dept_remove", id));
        }
        was_there
    }

    /// Adds the departments and people that are not there yet, as many as there are.
    pub fn populate(&self, population: Population) {
        let mut world = self.0.lock();
        let known: HashSet<i64> = world.departments().iter().map(|known| known.id).collect();
        let new = population.departments.into_iter();
        let new: Vec<_> = new.filter(|department| !known.contains(&department.id)).collect();
        world.departments_mut().extend(new);
        let known: HashSet<String> = world.people().iter().map(|known| known.key.clone()).collect();
        let new = population.people.into_iter();
        let new: Vec<_> = new.filter(|person| !known.contains(&person.key)).collect();
        world.people_mut().extend(new);
    }

    /// Puts a fault in force, after those already there.
    pub fn set_fault(&self, fault: Fault) {
        self.0.lock().faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.0.lock().faults.clear();
    }

    /// Makes every call take this long.
    pub fn set_latency(&self, latency: Duration) {
        self.0.lock().latency = latency;
    }

    /// Limits the calls per second of one app to one operation; none lifts the limit.
    pub fn enforce_qps(&self, per_second: Option<u32>) {
        self.0.lock().throttle.enforce(per_second);
    }

    /// Chooses what the sign-in page sends back.
    pub fn set_login_answer(&self, answer: LoginAnswer) {
        self.0.lock().login_answer = answer;
    }

    /// Stops the simulator's time, but for [`Control::advance`].
    pub fn hold_time(&self) {
        self.0.lock().time.hold();
    }

    /// Moves the simulator's time forward: codes live 5 minutes, tokens 2 hours.
    pub fn advance(&self, by: Duration) {
        self.0.lock().time.advance(by);
    }

    /// Ends every app access token at once, as DingTalk does when a secret is reset.
    pub fn expire_app_tokens(&self) {
        self.0.lock().grants.expire_app_tokens();
    }

    /// Ends every user access token at once.
    pub fn expire_user_tokens(&self) {
        self.0.lock().grants.expire_user_tokens();
    }

    /// Does in the browser's place what a person does: opens the authorization URL, chooses, approves.
    ///
    /// The answer is where the browser would be sent.
    pub fn approve(&self, authorization_url: &Url, person: &str) -> Result<Url, LoginRefused> {
        let mut world = self.0.lock();
        let request = AuthorizationRequest::read(&world, authorization_url.query().unwrap_or_default())?;
        request.approve(&mut world, person, None)
    }

    /// Opens the authorization URL and refuses.
    pub fn refuse(&self, authorization_url: &Url) -> Result<Url, LoginRefused> {
        let mut world = self.0.lock();
        let request = AuthorizationRequest::read(&world, authorization_url.query().unwrap_or_default())?;
        Ok(request.refuse(&mut world))
    }

    /// A code as a person's approval gives it, without any sign-in page.
    pub fn issue_code(&self, client_id: &str, person: &str, corp_id: Option<&str>) -> String {
        let mut world = self.0.lock();
        let world = &mut *world;
        let grant = Grant {
            client_id: client_id.to_owned(),
            person: person.to_owned(),
            corp_id: corp_id.map(str::to_owned),
        };
        world
            .grants
            .issue_code(&mut world.ids, CodeKind::Web, grant, world.time.now())
    }

    /// A code as the client gives it to a page of this app, to the person who is signed in there.
    pub fn request_auth_code(
        &self,
        client_id: &str,
        corp_id: &str,
        person: &str,
    ) -> Result<String, AuthCodeRefused> {
        let mut world = self.0.lock();
        let world = &mut *world;
        let owned = world
            .find_app(client_id)
            .is_some_and(|app| app.corp_id == corp_id);
        if !owned {
            return Err(AuthCodeRefused::OtherOrganization);
        }
        if world
            .find_person(person)
            .and_then(|found| found.membership(corp_id))
            .is_none()
        {
            return Err(AuthCodeRefused::NoMember);
        }
        let grant = Grant {
            client_id: client_id.to_owned(),
            person: person.to_owned(),
            corp_id: Some(corp_id.to_owned()),
        };
        Ok(world
            .grants
            .issue_code(&mut world.ids, CodeKind::InClient, grant, world.time.now()))
    }

    /// How often an operation was called since the start or the last reset.
    pub fn calls(&self, kind: CallKind) -> usize {
        self.0.lock().calls.counted(kind)
    }

    /// As [`Control::calls`], for one person; an app's own calls are nobody's.
    pub fn calls_of(&self, kind: CallKind, person: &str) -> usize {
        self.0.lock().calls.counted_of(kind, person)
    }

    /// How many codes of a person were redeemed.
    pub fn redeemed(&self, person: &str) -> usize {
        self.0.lock().grants.redeemed(person)
    }

    /// How often anything was called since the start or the last reset.
    pub fn all_calls(&self) -> usize {
        let world = self.0.lock();
        CallKind::ALL
            .into_iter()
            .map(|kind| world.calls.counted(kind))
            .sum()
    }

    /// Requests that a correct client never sends, oldest first.
    pub fn unexpected(&self) -> Vec<String> {
        self.0.lock().calls.unexpected().to_vec()
    }
}
