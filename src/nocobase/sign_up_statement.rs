//! The sign-up of a person who was never here, in one statement.
//!
//! Where PostgreSQL's unique index keeps subjects apart, it makes user, role, link and session of somebody in whose way
//! nothing stands. Whatever stands in the way makes it do nothing, and a [`LinkTransaction`](super::LinkTransaction)
//! finds out what it is.
//!
//! It is a second way to what that transaction does, and pays for itself: tried on 2026-11-29 without turn and row lock,
//! with the index and one retry to keep people apart, the transaction's eleven round trips came to half of this
//! statement's rate, and to 23, 25 and 26 times the community plugin's in three runs, with rounds down to 6 on tables
//! that were new, where this statement came to 47, 45 and 38. At least 25 are wanted, on a new site too.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ExprTrait as _, SelectStatement, Value as SqlValue};
use serde_json::{Value, json};

use super::by_hand::{SESSION_COLUMNS, SESSION_VALUES, Spelt};
use super::issued_tokens::IssuedToken;
use super::links::LINK_COLUMNS;
use super::new_user::{NewUser, filled};
use super::sql::{Column, Newest, StoreError, Table};
use super::store::Store;
use super::users::{LinkedUser, PREFERRED_ROLE, USER_COLUMNS};

/// A person who signs in for the first time. No `Debug`: subject and numbers are in no log.
pub struct SignUp<'a> {
    /// The subject to link.
    pub subject: &'a str,
    /// The user to make.
    pub user: NewUser,
    /// Every spelling in which a user of today may have the phone number.
    pub phone_spellings: &'a [String],
    /// What is noted with the link.
    pub meta: Value,
}

pub(super) const PARAMETERS: usize = 15;
/// The statement has a place for so many; a number has no more.
const PHONE_SPELLINGS: usize = 4;

impl Store {
    /// Makes a user with the default role, links them and records their session; `None` when nothing was done: somebody
    /// has the phone number, the subject is linked, authenticator or default role are missing.
    pub async fn sign_up(
        &self,
        newcomer: &SignUp<'_>,
        session: &IssuedToken,
        now: DateTime<Utc>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let Some(statements) = self.usable_statements() else {
            return Ok(None);
        };
        let spellings = newcomer.phone_spellings;
        if spellings.len() > PHONE_SPELLINGS {
            return Ok(None);
        }
        let mut values = self.session_parameters(session, now);
        let user = &newcomer.user;
        values.extend([
            newcomer.subject.into(),
            filled(user.nickname.as_deref()).into(),
            filled(user.phone.as_deref()).into(),
            self.newest_user(now).await?.distance().into(),
            newcomer.meta.to_string().into(),
        ]);
        values.extend(spellings.iter().map(|spelling| spelling.as_str().into()));
        // No number equals NULL.
        values.resize(PARAMETERS, SqlValue::String(None));
        match self.row_of(&statements.sign_up, values).await {
            // Somebody was faster, or the index is gone by now: nothing was done, and a linking sees why.
            Err(
                StoreError::Duplicate { .. }
                | StoreError::Conflict
                | StoreError::ValueRequired { .. }
                | StoreError::TextRefused
                | StoreError::Unexpected(_),
            ) => Ok(None),
            outcome => outcome,
        }
    }

    async fn newest_user(&self, now: DateTime<Utc>) -> Result<Newest, StoreError> {
        let mut known = self.turn().await?;
        if known.is_old(now) {
            let mut select = SelectStatement::new();
            let largest = |column| self.sql.col(Table::Users, column).max();
            select
                .from(self.sql.names.table_ref(Table::Users))
                .expr_as(largest(Column::Id), Column::Id.camel())
                .expr_as(largest(Column::Sort), Column::Sort.camel());
            if let Some(row) = self.sql.find_row(Table::Users, &select).await? {
                let largest = |column| row.number(column).map(Option::unwrap_or_default);
                *known = Newest::read(largest(Column::Id)?, largest(Column::Sort)?, now);
            }
        }
        Ok(*known)
    }
}

/// `$7` is the subject, `$8` the nickname, `$9` the phone number, `$10` how far `sort` is from `id`, `$11` what is
/// noted with the link, `$12` to `$15` are the spellings of the number.
pub(super) fn spell(spelt: &Spelt<'_>) -> String {
    let (users, authenticators, roles) = (
        spelt.table(Table::Users),
        spelt.table(Table::Authenticators),
        spelt.table(Table::Roles),
    );
    let [id, name, default, phone, authenticator, uuid, user_id] = [
        Column::Id,
        Column::Name,
        Column::Default,
        Column::Phone,
        Column::Authenticator,
        Column::Uuid,
        Column::UserId,
    ]
    .map(|column| spelt.column(column));
    let user = spelt.insert(
        Table::Users,
        &[
            Column::Id,
            Column::Sort,
            Column::Nickname,
            Column::Phone,
            Column::SystemSettings,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    );
    let role = spelt.insert(
        Table::RolesUsers,
        &[
            Column::RoleName,
            Column::UserId,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    );
    let link = spelt.insert(Table::UsersAuthenticators, &LINK_COLUMNS);
    let session = spelt.insert(Table::IssuedTokens, &SESSION_COLUMNS);
    let settings = json!({});
    let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
    let made = columns
        .map(|column| spelt.column(column))
        .collect::<Vec<_>>()
        .join(", ");
    let answer = spelt.user_as("made");
    let sequence = format!(
        "pg_get_serial_sequence({}, {})",
        text(&users),
        text(&spelt.names.column(Column::Id))
    );
    // Everybody adds one to `sort` for each `id`, so its distance holds for all who come at this moment, and no two
    // of them get one place.
    //
    // ON CONFLICT: without a unique index over these columns PostgreSQL refuses the statement; and whom the index
    // knows already makes it fail, since no link is without a user.
    format!(
        "WITH authenticator AS (\
           SELECT a.{name} AS name FROM {authenticators} a WHERE a.{name} = $1\
         ), role AS (\
           SELECT r.{name} AS name FROM {roles} r WHERE r.{default} LIMIT 1\
         ), next AS (\
           SELECT nextval({sequence}) AS id FROM authenticator, role \
           WHERE NOT EXISTS (SELECT 1 FROM {users} u WHERE u.{phone} IN ($12, $13, $14, $15))\
         ), made AS (\
           {user} SELECT next.id, next.id + $10, $8, $9, CAST('{settings}' AS json), $6, $6 FROM next \
           RETURNING {made}\
         ), given AS (\
           {role} SELECT role.name, made.{id}, $6, $6 FROM role, made\
         ), linked AS (\
           {link} SELECT authenticator.name, made.{id}, $7, COALESCE($8, ''), '', CAST($11 AS json), $6, $6 \
           FROM authenticator, made \
           ON CONFLICT ({authenticator}, {uuid}) DO UPDATE SET {user_id} = NULL\
         ), session AS (\
           {session} SELECT {SESSION_VALUES}, made.{id} FROM made\
         ) SELECT {answer}, $11 AS \"meta\", role.name AS \"{PREFERRED_ROLE}\" FROM made, role"
    )
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
