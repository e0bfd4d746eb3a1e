//! Links of many users at once, who are here already.

use std::collections::{HashMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::ExprTrait as _;
use serde_json::Value;

use super::super::link_transaction::LinkTransaction;
use super::super::links::{LINK_COLUMNS, Links};
use super::super::new_user::filled;
use super::super::sql::{Column, StoreError, Table};
use super::super::users::UserId;

const LINKS: Table = Table::UsersAuthenticators;
/// Databases take only so many values in one statement.
const IDS_AT_ONCE: usize = 500;

/// A link to be made.
#[derive(Clone)]
pub struct WantedLink {
    /// Who is linked.
    pub user: UserId,
    /// To whom of DingTalk.
    pub subject: String,
    /// What is noted with it.
    pub meta: Value,
    /// What they are called there.
    pub nickname: Option<String>,
}

impl fmt::Debug for WantedLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WantedLink")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOutcome {
    /// It was made.
    Linked,
    /// It was there.
    Present,
    /// The subject is another user's, and stays theirs.
    SubjectTaken(UserId),
    /// The user is linked to another subject, and stays so.
    UserTaken,
}

impl Links<'_> {
    /// Which of these users the authenticator has linked to nobody.
    pub async fn unlinked_of(
        self,
        authenticator: &str,
        users: &[UserId],
    ) -> Result<HashSet<UserId>, StoreError> {
        let mut unlinked: HashSet<UserId> = users.iter().copied().collect();
        for part in users.chunks(IDS_AT_ONCE) {
            let mut select = self.sql.select(LINKS, &[Column::UserId]);
            select
                .and_where(
                    self.sql
                        .dialect
                        .same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator),
                )
                .and_where(
                    self.sql
                        .col(LINKS, Column::UserId)
                        .is_in(part.iter().map(|user| user.0)),
                );
            for row in self.sql.find_rows(LINKS, &select).await? {
                unlinked.remove(&UserId(row.required_number(Column::UserId)?));
            }
        }
        Ok(unlinked)
    }
}

impl LinkTransaction {
    /// Makes links where neither subject nor user has one, and tells in their order what became of each.
    pub async fn link_many(
        &mut self,
        new: &[WantedLink],
        now: DateTime<Utc>,
    ) -> Result<Vec<LinkOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(new.len());
        for part in new.chunks(IDS_AT_ONCE) {
            outcomes.extend(self.link_part(part, now).await?);
        }
        Ok(outcomes)
    }

    async fn link_part(
        &mut self,
        new: &[WantedLink],
        now: DateTime<Utc>,
    ) -> Result<Vec<LinkOutcome>, StoreError> {
        let (mut by_subject, mut by_user) = self.held(new).await?;
        let sql = &self.store.sql;
        let time = sql.dialect.time(LINKS, now);
        let (mut outcomes, mut rows) = (Vec::with_capacity(new.len()), Vec::new());
        for link in new {
            let outcome = match (by_subject.get(&link.subject), by_user.get(&link.user)) {
                (Some(user), _) if *user == link.user => LinkOutcome::Present,
                (Some(user), _) => LinkOutcome::SubjectTaken(*user),
                (None, Some(_)) => LinkOutcome::UserTaken,
                (None, None) => LinkOutcome::Linked,
            };
            outcomes.push(outcome);
            if outcome != LinkOutcome::Linked {
                continue;
            }
            by_subject.insert(link.subject.clone(), link.user);
            by_user.insert(link.user, link.subject.clone());
            rows.push(vec![
                self.authenticator().into(),
                link.user.0.into(),
                link.subject.as_str().into(),
                filled(link.nickname.as_deref()).unwrap_or_default().into(),
                "".into(),
                sql.dialect.json(&link.meta),
                time.clone().into(),
                time.clone().into(),
            ]);
        }
        let columns = LINK_COLUMNS.map(|column| sql.names.iden(column));
        for insert in sql.insert_many(LINKS, &columns, rows) {
            sql.execute_in(&self.transaction, &insert).await?;
        }
        Ok(outcomes)
    }

    /// Who has these subjects, and which subjects these users have. Links that lead to nobody are removed.
    async fn held(
        &mut self,
        new: &[WantedLink],
    ) -> Result<(HashMap<String, UserId>, HashMap<UserId, String>), StoreError> {
        let (mut by_subject, mut by_user, mut dead) = (HashMap::new(), HashMap::new(), Vec::new());
        let subjects: Vec<String> = new.iter().map(|link| link.subject.clone()).collect();
        let sql = &self.store.sql;
        let mut select = sql.select(LINKS, &[Column::Uuid, Column::UserId]);
        sql.add_columns(&mut select, Table::Users, &[Column::Id]);
        let is_asked = sql
            .dialect
            .any_of_bytes(sql.col(LINKS, Column::Uuid), &subjects)
            .or(sql
                .col(LINKS, Column::UserId)
                .is_in(new.iter().map(|link| link.user.0)));
        select
            .left_join(
                sql.names.table_ref(Table::Users),
                sql.col(LINKS, Column::UserId)
                    .eq(sql.col(Table::Users, Column::Id)),
            )
            .and_where(
                sql.dialect
                    .same_bytes(sql.col(LINKS, Column::Authenticator), self.authenticator()),
            )
            .and_where(is_asked);
        for row in sql.find_rows_in(&self.transaction, LINKS, &select).await? {
            let subject = row.required_text(Column::Uuid)?;
            let user = UserId(row.required_number(Column::UserId)?);
            if row.number(Column::Id)?.is_none() {
                dead.push(subject);
            } else {
                by_user.insert(user, subject.clone());
                by_subject.insert(subject, user);
            }
        }
        for subject in dead {
            self.remove_dead(&subject).await?;
        }
        Ok((by_subject, by_user))
    }
}
