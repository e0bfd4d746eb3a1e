//! The two statements with which PostgreSQL signs a person in, spelt by hand over the names of this database.

use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::link_source::{CLIENT_ID, CORP_ID, KIND};
use super::links::LINK_COLUMNS;
use super::sql::{Column, Dialect, Names, Table};
use super::users::{PREFERRED_ROLE, USER_COLUMNS};

/// The statements, in the names of this database.
pub(super) struct SignInStatements {
    pub(super) sign_in: String,
    pub(super) sign_up: String,
    /// Whether the index was seen.
    pub(super) has_unique_subjects: AtomicBool,
}

/// `$1` to `$6` are the session: authenticator, key, `jti`, when it was issued, when the person signed in, now.
const SESSION_COLUMNS: [Column; 8] = [
    Column::Authenticator,
    Column::Id,
    Column::Jti,
    Column::IssuedTime,
    Column::SignInTime,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::UserId,
];
const SESSION_VALUES: &str = "$1, $2, $3, $4, $5, $6, $6";
pub(super) const SIGN_UP_PARAMETERS: usize = 15;

impl SignInStatements {
    /// The statements, where the database can.
    pub(super) fn new(dialect: Dialect, names: &Names) -> Option<Self> {
        (dialect == Dialect::Postgres).then(|| {
            let spelt = Spelt { dialect, names };
            Self {
                sign_in: spelt.sign_in(),
                sign_up: spelt.sign_up(),
                has_unique_subjects: AtomicBool::new(false),
            }
        })
    }
}

struct Spelt<'a> {
    dialect: Dialect,
    names: &'a Names,
}

impl Spelt<'_> {
    /// `$7` is the subject, `$8` its kind, `$9` the app and `$10` the organization that the link notes.
    fn sign_in(&self) -> String {
        let (users, links, roles) = (
            self.table(Table::Users),
            self.table(Table::UsersAuthenticators),
            self.table(Table::RolesUsers),
        );
        let [id, user_id, role, default, authenticator, uuid, meta] = [
            Column::Id,
            Column::UserId,
            Column::RoleName,
            Column::Default,
            Column::Authenticator,
            Column::Uuid,
            Column::Meta,
        ]
        .map(|column| self.column(column));
        let person = self.user_as("u");
        let session = self.insert(Table::IssuedTokens, &SESSION_COLUMNS);
        format!(
            "WITH person AS (\
               SELECT {person}, l.{meta}::text AS \"meta\", (\
                 SELECT r.{role} FROM {roles} r WHERE r.{user_id} = u.{id} \
                 ORDER BY CASE WHEN r.{default} THEN 0 ELSE 1 END, r.{role} LIMIT 1\
               ) AS \"{PREFERRED_ROLE}\" \
               FROM {links} l JOIN {users} u ON u.{id} = l.{user_id} \
               WHERE l.{authenticator} = $1 AND l.{uuid} = $7 AND l.{meta}->>'{KIND}' = $8 \
               AND l.{meta}->>'{CLIENT_ID}' = $9 AND l.{meta}->>'{CORP_ID}' IS NOT DISTINCT FROM $10\
             ), session AS (\
               {session} SELECT {SESSION_VALUES}, person.\"id\" FROM person\
             ) SELECT * FROM person"
        )
    }

    /// `$7` is the subject, `$8` the nickname, `$9` the phone number, `$10` how far `sort` is from `id`, `$11` what is
    /// noted with the link, `$12` to `$15` are the spellings of the number.
    fn sign_up(&self) -> String {
        let (users, authenticators, roles) = (
            self.table(Table::Users),
            self.table(Table::Authenticators),
            self.table(Table::Roles),
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
        .map(|column| self.column(column));
        let user = self.insert(
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
        let role = self.insert(
            Table::RolesUsers,
            &[
                Column::RoleName,
                Column::UserId,
                Column::CreatedAt,
                Column::UpdatedAt,
            ],
        );
        let link = self.insert(Table::UsersAuthenticators, &LINK_COLUMNS);
        let session = self.insert(Table::IssuedTokens, &SESSION_COLUMNS);
        let settings = json!({});
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let made = columns
            .map(|column| self.column(column))
            .collect::<Vec<_>>()
            .join(", ");
        let answer = self.user_as("made");
        let sequence = format!(
            "pg_get_serial_sequence({}, {})",
            text(&users),
            text(&self.names.column(Column::Id))
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

    /// What is read of a user, by NocoBase's names.
    fn user_as(&self, from: &str) -> String {
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let columns = columns.map(|column| {
            let (stored, name) = (self.column(column), column.camel());
            let cast = if column.is_json() { "::text" } else { "" };
            format!("{from}.{stored}{cast} AS \"{name}\"")
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    fn insert(&self, table: Table, columns: &[Column]) -> String {
        let columns: Vec<_> = columns.iter().map(|column| self.column(*column)).collect();
        format!("INSERT INTO {} ({})", self.table(table), columns.join(", "))
    }

    fn table(&self, table: Table) -> String {
        let name = self.dialect.quoted(&self.names.table(table));
        match &self.names.schema {
            Some(schema) => format!("{}.{name}", self.dialect.quoted(schema)),
            None => name,
        }
    }

    fn column(&self, column: Column) -> String {
        self.dialect.quoted(&self.names.column(column))
    }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
