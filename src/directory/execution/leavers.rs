//! Leavers: who is taken out, when, and who is not whatever happens.

use std::collections::HashMap;

use serde_json::json;

use super::departments::by_uid;
use super::evidence::{Evidence, usual};
use super::{Execution, RunError};
use crate::audit::{Entry, Event};
use crate::dingtalk::{DingTalkUserId, ErrorKind};
use crate::directory::desk::name;
use crate::directory::known::KnownSite;
use crate::directory::left::{LEFT, Left, MISSING};
use crate::directory::options::LeaversMode;
use crate::directory::plan::{Leaver, Plan};
use crate::directory::reading::patiently;
use crate::directory::rows::{self, Kind};
use crate::directory::writer::{Done, How, Leaving, Operation};
use crate::nocobase::{StoreError, UserId};

/// Each is asked about at DingTalk before.
const AT_ONCE: usize = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who is not there any more, and what follows.
#[derive(Default)]
pub struct Judged {
    /// They are taken out.
    pub due: Vec<Leaver>,
    /// They are missing for too short a time, or are only told.
    pub waiting: Vec<Leaver>,
}

impl Execution<'_> {
    pub(super) fn judge_leavers(&self, plan: &Plan, known: &KnownSite, evidence: &Evidence) -> Judged {
        let options = &self.source.options;
        let needs_a_look = evidence.is_narrower && self.run.confirmed.is_none();
        if needs_a_look && options.leavers != LeaversMode::Report {
            return Judged {
                due: plan.leavers.clone(),
                waiting: Vec::new(),
            };
        }
        if !evidence.is_complete {
            return Judged::default();
        }
        let (now, grace) = (self.directory.now_ms(), i64::from(options.grace_days) * DAY_MS);
        let is_due = |leaver: &Leaver| {
            let since = known.missing.get(&leaver.uid).copied();
            options.leavers != LeaversMode::Report
                && (grace == 0 || since.is_some_and(|since| now - since >= grace))
        };
        let (due, waiting) = plan.leavers.iter().cloned().partition(is_due);
        Judged { due, waiting }
    }

    /// Why somebody has to look at it before anything is written.
    pub(super) async fn reason_to_ask(
        &self,
        plan: &Plan,
        known: &KnownSite,
        evidence: &Evidence,
        leavers: &Judged,
    ) -> Result<Option<RunError>, RunError> {
        let count = leavers.due.len();
        if let Some(confirmed) = self.run.confirmed {
            let is_more = count > confirmed.removals;
            return Ok(is_more.then_some(RunError::Held { count }));
        }
        let state = self.directory.parts().store.directory_state();
        let accepted = state.get(self.source.id, name::ACCEPTED).await?;
        Ok(if self.source.options.preview && accepted.is_none() {
            Some(RunError::Preview)
        } else if evidence.is_narrower && !plan.leavers.is_empty() {
            Some(RunError::Narrowed {
                count: plan.leavers.len(),
            })
        } else if count > usual(known.people.living().count()) {
            Some(RunError::Held { count })
        } else {
            None
        })
    }

    pub(super) async fn accept(&self) -> Result<(), RunError> {
        let state = self.directory.parts().store.directory_state();
        let now = self.directory.now_ms();
        state.put_new(self.source.id, name::ACCEPTED, "", now).await?;
        Ok(())
    }

    pub(super) async fn write_leavers(
        &mut self,
        plan: &Plan,
        leavers: &Judged,
        evidence: &Evidence,
    ) -> Result<(), RunError> {
        let state = self.directory.parts().store.directory_state();
        for uid in &plan.found_again {
            state.delete(self.source.id, &missing(uid)).await?;
        }
        if let Some(doubt) = evidence.doubt {
            if !plan.leavers.is_empty() {
                let detail = json!({ "reason": doubt, "count": plan.leavers.len() });
                self.add_row(rows::row(Kind::Told, "", None, None, detail))
                    .await?;
            }
            return Ok(());
        }
        for leaver in &leavers.waiting {
            self.note_missing(leaver).await?;
        }
        let Some(how) = How::of(self.source.options.leavers) else {
            return Ok(());
        };
        for part in leavers.due.chunks(AT_ONCE) {
            let mut gone = Vec::new();
            for leaver in part {
                if self.has_left(leaver).await? {
                    gone.push(leaver.clone());
                }
            }
            self.take_out(how, &gone).await?;
            self.tell().await?;
        }
        Ok(())
    }

    /// Notes since when somebody is missing.
    pub(super) async fn note_missing(&mut self, leaver: &Leaver) -> Result<(), RunError> {
        let now = self.directory.now_ms();
        let state = self.directory.parts().store.directory_state();
        state
            .put_new(self.source.id, &missing(&leaver.uid), "", now)
            .await?;
        self.say(leaver, "MISSING").await
    }

    /// Whether DingTalk itself says that somebody is not there.
    async fn has_left(&mut self, leaver: &Leaver) -> Result<bool, RunError> {
        let Some(user_id) = DingTalkUserId::parse(&leaver.uid) else {
            self.say(leaver, "STILL_THERE").await?;
            return Ok(false);
        };
        let dingtalk = self.directory.parts().dingtalk.clone();
        let credentials = self.source.credentials.clone();
        match patiently(|| dingtalk.member(&credentials, &user_id)).await {
            Ok(None) => Ok(true),
            Ok(Some(_)) => {
                self.say(leaver, "STILL_THERE").await?;
                Ok(false)
            }
            Err(error) if matches!(error.kind, ErrorKind::NotInScope) => {
                self.say(leaver, "NOT_IN_SCOPE").await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes people out of whom it is known that they have left.
    pub(super) async fn take_out(&mut self, how: How, leavers: &[Leaver]) -> Result<(), RunError> {
        let is_actor = |leaver: &&Leaver| Some(leaver.user) == self.run.actor;
        let (spared, leavers): (Vec<&Leaver>, Vec<&Leaver>) = leavers.iter().partition(is_actor);
        for leaver in spared {
            self.say(leaver, "ACTOR").await?;
        }
        if leavers.is_empty() {
            return Ok(());
        }
        let people = leavers.iter().map(|leaver| Leaving {
            uid: leaver.uid.clone(),
            user_id: leaver.user,
        });
        let operation = Operation::Leavers {
            how,
            except: self.run.actor,
            people: people.collect(),
        };
        let outcome = self.write_down(&operation).await?;
        let failed = by_uid(&outcome);
        let done: HashMap<&str, &Done> = outcome
            .done
            .iter()
            .map(|done| (done.uid.as_str(), done))
            .collect();
        for leaver in leavers {
            if let Some(not_done) = failed.get(leaver.uid.as_str()) {
                self.fail(not_done, None, Some(leaver.user)).await?;
                continue;
            }
            let Some(done) = done.get(leaver.uid.as_str()) else {
                continue;
            };
            match done.outcome.as_deref() {
                Some("lastRoot") => self.say(leaver, "LAST_ROOT").await?,
                Some("gone") => self.say(leaver, "USER_GONE").await?,
                outcome => {
                    self.note_departure(leaver, done, outcome.unwrap_or_default())
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn note_departure(&mut self, leaver: &Leaver, done: &Done, outcome: &str) -> Result<(), RunError> {
        let (state, now) = (
            self.directory.parts().store.directory_state(),
            self.directory.now_ms(),
        );
        if outcome == "rolesRemoved" {
            let left = Left {
                user_id: leaver.user,
                roles: done.roles.clone(),
                at: now,
            };
            let left_name = format!("{LEFT}{}", leaver.uid);
            self.directory.put(self.source.id, &left_name, &left).await?;
        }
        state.delete(self.source.id, &missing(&leaver.uid)).await?;
        self.count_removal(now).await?;
        self.audit(
            Event::Departure,
            leaver.user,
            &format!("left_the_organization, outcome={outcome}"),
        )
        .await;
        self.run.counts.remove += 1;
        self.run.progress.written += 1;
        let detail = json!({ "outcome": outcome });
        self.add_row(rows::row(
            Kind::Remove,
            &leaver.uid,
            None,
            Some(leaver.user),
            detail,
        ))
        .await?;
        if done.api_keys > 0 {
            let detail = json!({ "reason": "API_KEYS", "count": done.api_keys });
            self.add_row(rows::row(
                Kind::Told,
                &leaver.uid,
                None,
                Some(leaver.user),
                detail,
            ))
            .await?;
        }
        Ok(())
    }

    async fn count_removal(&self, now: i64) -> Result<(), StoreError> {
        let mut removals = self.recent_removals(now).await?;
        removals.push(now);
        self.directory
            .put(self.source.id, name::REMOVALS, &removals)
            .await
    }

    /// When people were taken out within the last hour.
    pub(super) async fn recent_removals(&self, now: i64) -> Result<Vec<i64>, StoreError> {
        const HOUR_MS: i64 = 60 * 60 * 1000;
        let removals: Option<Vec<i64>> = self.directory.read(self.source.id, name::REMOVALS).await?;
        let mut removals = removals.unwrap_or_default();
        removals.retain(|at| now - at < HOUR_MS);
        Ok(removals)
    }

    async fn say(&mut self, leaver: &Leaver, reason: &str) -> Result<(), RunError> {
        let detail = json!({ "reason": reason });
        let row = rows::row(Kind::Told, &leaver.uid, None, Some(leaver.user), detail);
        self.add_row(row).await
    }

    pub(super) async fn audit(&self, event: Event, user: UserId, reason: &str) {
        let link = self.source.link.as_ref();
        let entry = Entry {
            authenticator: link.map(|link| link.authenticator.clone()).unwrap_or_default(),
            user_id: Some(user.0),
            actor_id: self.run.actor.map(|actor| actor.0),
            detail: Some(format!("{reason}, source={}", self.source.name)),
            ..Entry::new(self.directory.now(), &self.run.id, event, Ok(()))
        };
        self.directory.parts().audit.note(&entry).await;
    }
}

fn missing(uid: &str) -> String {
    format!("{MISSING}{uid}")
}
