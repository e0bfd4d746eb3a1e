//! People whom nobody here has yet, made many at once: users with their role, departments, record and link.
//!
//! Nothing of somebody new is in NocoBase's memory, so this is the one thing of a directory that is written past it: its own
//! engine takes 52 ms for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, DeleteStatement, DynIden, Expr, ExprTrait as _, IntoIden as _, SelectStatement,
};
use serde_json::{Value, json};

use super::super::first_rights::FirstRights;
use super::super::fitness::judged;
use super::super::links::LINK_COLUMNS;
use super::super::new_user::filled;
use super::super::sql::{Column, Database, Newest, StoreError, Table, Transaction};
use super::super::store::Store;
use super::super::users::UserId;
use super::person::SyncedPerson;
use super::records::{RESOURCE_COLUMNS, RecordKind, SyncRecords, read_resources};

/// Somebody else may make a user at the same moment, which we cannot tell from ours; the next time they were before us.
const TRIES: usize = 3;

/// Somebody to be made a user.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Who they are.
    pub person: SyncedPerson,
    /// By what they will sign in.
    pub link: Option<NewPersonLink>,
}

/// A link to be made with a user.
#[derive(Clone)]
pub struct NewPersonLink {
    /// The subject.
    pub subject: String,
    /// What is noted with it.
    pub meta: Value,
}

impl fmt::Debug for NewPersonLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewPersonLink").finish_non_exhaustive()
    }
}

/// For whom people are made, and what they get.
#[derive(Clone, Copy, Debug)]
pub struct NewPeople<'a> {
    /// The name of the source.
    pub source: &'a str,
    /// The authenticator that links them.
    pub authenticator: Option<&'a str>,
    /// Their roles; a department is the source's to say.
    pub rights: &'a FirstRights,
}

/// Who was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddedPeople {
    /// Their id in the source, and here.
    pub added: Vec<(String, UserId)>,
    /// Who was here by then: somebody else wrote them, or they signed in.
    pub known: Vec<String>,
}

impl Store {
    /// Makes these people users, all or none: `Duplicate` when somebody has the phone number or e-mail address of one of
    /// them. `None` when source or authenticator are gone by then.
    pub async fn add_people(
        &self,
        how: &NewPeople<'_>,
        people: &[NewPerson],
        now: DateTime<Utc>,
    ) -> Result<Option<AddedPeople>, StoreError> {
        let mut newest = self.turn().await?;
        for _ in 1..TRIES {
            match self.try_to_add(how, people, &mut newest, now).await {
                Err(StoreError::Conflict) => {}
                outcome => return outcome,
            }
        }
        self.try_to_add(how, people, &mut newest, now).await
    }

    async fn try_to_add(
        &self,
        how: &NewPeople<'_>,
        people: &[NewPerson],
        newest: &mut Newest,
        now: DateTime<Utc>,
    ) -> Result<Option<AddedPeople>, StoreError> {
        let transaction = self.sql.begin().await?;
        let addition = Addition {
            store: self,
            transaction: &transaction,
            how,
            now,
        };
        if !addition.lock().await? {
            return Ok(None);
        }
        let known = addition.known(people).await?;
        let new: Vec<&NewPerson> = people
            .iter()
            .filter(|new| !known.contains(new.person.uid.as_str()))
            .collect();
        let mut added = Vec::new();
        if !new.is_empty() {
            let before = newest.at(now);
            let roles = addition.roles().await?;
            let made = addition.make_users(&new, before).await?;
            addition.give_roles(&made.ids, &roles).await?;
            addition.record(&new, &made.ids).await?;
            addition.put_into_departments(&new, &made.ids).await?;
            addition.link(&new, &made.ids).await?;
            Database::commit(transaction).await?;
            if let Some(last) = made.ids.last() {
                newest.see(last.0, made.last_sort);
            }
            added = new
                .iter()
                .map(|new| new.person.uid.clone())
                .zip(made.ids)
                .collect();
        }
        Ok(Some(AddedPeople {
            added,
            known: known.into_iter().map(str::to_owned).collect(),
        }))
    }
}

struct Addition<'a> {
    store: &'a Store,
    transaction: &'a Transaction,
    how: &'a NewPeople<'a>,
    now: DateTime<Utc>,
}

struct Made {
    /// In the order of the people.
    ids: Vec<UserId>,
    last_sort: i64,
}

impl Addition<'_> {
    /// Waits for whoever makes or links people of the same source or authenticator; false when one of these is gone.
    async fn lock(&self) -> Result<bool, StoreError> {
        let rows = [
            (Table::Authenticators, self.how.authenticator),
            (Table::UserDataSyncSources, Some(self.how.source)),
        ];
        for (table, name) in rows {
            let Some(name) = name else { continue };
            let sql = &self.store.sql;
            let mut lock = sql.select(table, &[Column::Id]);
            lock.and_where(sql.dialect.same_bytes(sql.col(table, Column::Name), name))
                .lock_exclusive();
            if sql.find_row_in(self.transaction, table, &lock).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Who has become a user meanwhile. What is left of users who are gone is removed.
    async fn known<'p>(&self, people: &'p [NewPerson]) -> Result<BTreeSet<&'p str>, StoreError> {
        let mut known = self.recorded(people).await?;
        if let Some(authenticator) = self.how.authenticator {
            known.extend(self.linked(authenticator, people).await?);
        }
        Ok(known)
    }

    async fn recorded<'p>(&self, people: &'p [NewPerson]) -> Result<BTreeSet<&'p str>, StoreError> {
        let (sql, records, kind) = (&self.store.sql, self.records(), RecordKind::Person);
        let uids: Vec<String> = people.iter().map(|new| new.person.uid.clone()).collect();
        let table = Table::UserDataSyncRecords;
        let mut select = records.of(self.how.source, kind, &[Column::Id, Column::SourceUk]);
        select.and_where(sql.dialect.any_of_bytes(sql.col(table, Column::SourceUk), &uids));
        let rows = sql.find_rows_in(self.transaction, table, &select).await?;
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut found: BTreeMap<i64, String> = BTreeMap::new();
        for row in &rows {
            found.insert(
                row.required_number(Column::Id)?,
                row.required_text(Column::SourceUk)?,
            );
        }
        let select = records.select_resources(kind, found.keys().copied());
        let resources = Table::UserDataSyncRecordsResources;
        let rows = sql.find_rows_in(self.transaction, resources, &select).await?;
        let leads_to = read_resources(&rows)?;
        let mut select = sql.select(Table::Users, &[Column::Id]);
        select.and_where(
            sql.col(Table::Users, Column::Id)
                .is_in(leads_to.values().copied()),
        );
        let rows = sql.find_rows_in(self.transaction, Table::Users, &select).await?;
        let users = rows.iter().map(|row| row.required_number(Column::Id));
        let users = users.collect::<Result<BTreeSet<_>, _>>()?;
        let is_dead = |record: &&i64| leads_to.get(record).is_none_or(|user| !users.contains(user));
        let dead: Vec<i64> = found.keys().filter(is_dead).copied().collect();
        records.forget_in(self.transaction, &dead).await?;
        found.retain(|record, _| !dead.contains(record));
        let living: BTreeSet<&String> = found.values().collect();
        Ok(people
            .iter()
            .filter(|new| living.contains(&new.person.uid))
            .map(|new| new.person.uid.as_str())
            .collect())
    }

    async fn linked<'p>(
        &self,
        authenticator: &str,
        people: &'p [NewPerson],
    ) -> Result<Vec<&'p str>, StoreError> {
        let (sql, table) = (&self.store.sql, Table::UsersAuthenticators);
        let by_subject: HashMap<&str, &str> = people
            .iter()
            .filter_map(|new| Some((new.link.as_ref()?.subject.as_str(), new.person.uid.as_str())))
            .collect();
        let subjects: Vec<String> = by_subject.keys().map(|subject| (*subject).to_owned()).collect();
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let mut select = sql.select(table, &[Column::Uuid]);
        sql.add_columns(&mut select, Table::Users, &[Column::Id]);
        select
            .left_join(
                sql.names.table_ref(Table::Users),
                sql.col(table, Column::UserId)
                    .eq(sql.col(Table::Users, Column::Id)),
            )
            .and_where(
                sql.dialect
                    .same_bytes(sql.col(table, Column::Authenticator), authenticator),
            )
            .and_where(sql.dialect.any_of_bytes(sql.col(table, Column::Uuid), &subjects));
        let (mut known, mut dead) = (Vec::new(), Vec::new());
        for row in sql.find_rows_in(self.transaction, table, &select).await? {
            let subject = row.required_text(Column::Uuid)?;
            if row.number(Column::Id)?.is_none() {
                dead.push(subject);
            } else if let Some(uid) = by_subject.get(subject.as_str()) {
                known.push(*uid);
            }
        }
        dead.retain(|subject| {
            by_subject
                .get(subject.as_str())
                .is_some_and(|uid| !known.contains(uid))
        });
        if !dead.is_empty() {
            let column = |column| Expr::col(sql.names.iden(column));
            let mut delete = DeleteStatement::new();
            delete
                .from_table(sql.names.table_ref(table))
                .and_where(
                    sql.dialect
                        .same_bytes(column(Column::Authenticator), authenticator),
                )
                .and_where(sql.dialect.any_of_bytes(column(Column::Uuid), &dead));
            sql.execute_in(self.transaction, &delete).await?;
        }
        Ok(known)
    }

    /// The names of the roles that everybody gets.
    async fn roles(&self) -> Result<Vec<String>, StoreError> {
        let (sql, rights) = (&self.store.sql, self.how.rights);
        let table = Table::Roles;
        let mut roles = Vec::new();
        if rights.default_role.is_none() {
            let mut select = sql.select(table, &[Column::Name]);
            select
                .and_where(sql.col(table, Column::Default).eq(true))
                .limit(1);
            let row = sql.find_row_in(self.transaction, table, &select).await?;
            let row = row.ok_or(StoreError::NoDefaultRole)?;
            roles.push(row.required_text(Column::Name)?);
        }
        let named: Vec<&str> = rights
            .default_role
            .iter()
            .chain(&rights.roles)
            .map(String::as_str)
            .collect();
        if named.is_empty() {
            return Ok(roles);
        }
        let select = self.store.roles().select_named(&named);
        let rows = sql.find_rows_in(self.transaction, table, &select).await?;
        for (role, fitness) in judged(&named, &rows)? {
            if fitness.may_be_given(rights.may_administrate) {
                if !roles.contains(&role) {
                    roles.push(role);
                }
            } else if rights.default_role.as_ref() == Some(&role) {
                return Err(StoreError::RoleUnusable { role });
            }
        }
        Ok(roles)
    }

    async fn make_users(&self, new: &[&NewPerson], known: Newest) -> Result<Made, StoreError> {
        let (sql, table) = (&self.store.sql, Table::Users);
        let newest = self.newest_user(known).await?;
        let time = sql.dialect.time(table, self.now);
        let custom: BTreeSet<&String> = new.iter().flat_map(|new| new.person.columns.keys()).collect();
        let has_main = new.iter().any(|new| new.person.main_department.is_some());
        let columns = [
            Column::Nickname,
            Column::Phone,
            Column::Email,
            Column::SystemSettings,
            Column::Sort,
            Column::CreatedAt,
            Column::UpdatedAt,
        ];
        let mut columns: Vec<DynIden> = columns.map(|column| sql.names.iden(column)).into();
        columns.extend(has_main.then(|| sql.names.iden(Column::MainDepartmentId)));
        columns.extend(
            custom
                .iter()
                .map(|column| Alias::new(column.as_str()).into_iden()),
        );
        let rows = (newest.sort() + 1..).zip(new).map(|(sort, new)| {
            let person = &new.person;
            let mut row: Vec<Expr> = vec![
                filled(person.nickname.as_deref()).into(),
                filled(person.phone.as_deref()).into(),
                filled(person.email.as_deref()).into(),
                sql.dialect.json(&json!({})),
                sort.into(),
                time.clone().into(),
                time.clone().into(),
            ];
            row.extend(has_main.then(|| person.main_department.into()));
            row.extend(
                custom
                    .iter()
                    .map(|column| filled(person.columns.get(*column).map(String::as_str)).into()),
            );
            row
        });
        for insert in sql.insert_many(table, &columns, rows.collect()) {
            sql.execute_in(self.transaction, &insert).await?;
        }
        let last_sort = newest.sort() + i64::try_from(new.len()).unwrap_or_default();
        let mut select = sql.select(table, &[Column::Id, Column::Sort]);
        select
            .and_where(sql.col(table, Column::Id).gt(newest.id()))
            .and_where(sql.col(table, Column::Sort).gt(newest.sort()))
            .and_where(sql.col(table, Column::Sort).lte(last_sort));
        let mut ids = BTreeMap::new();
        let rows = sql.find_rows_in(self.transaction, table, &select).await?;
        for row in &rows {
            let id = UserId(row.required_number(Column::Id)?);
            ids.insert(row.required_number(Column::Sort)?, id);
        }
        // Ours are among them, so more than these are somebody's who took the same place at this moment.
        if rows.len() != new.len() || ids.len() != new.len() {
            return Err(StoreError::Conflict);
        }
        Ok(Made {
            ids: ids.into_values().collect(),
            last_sort,
        })
    }

    async fn newest_user(&self, known: Newest) -> Result<Newest, StoreError> {
        let (sql, table) = (&self.store.sql, Table::Users);
        let largest = |column| sql.col(table, column).max();
        let mut select = SelectStatement::new();
        select
            .from(sql.names.table_ref(table))
            .expr_as(largest(Column::Id), Column::Id.camel())
            .expr_as(largest(Column::Sort), Column::Sort.camel())
            .and_where(sql.col(table, Column::Id).gt(known.id()));
        let row = sql.find_row_in(self.transaction, table, &select).await?;
        let largest = |column| match &row {
            Some(row) => row.number(column).map(Option::unwrap_or_default),
            None => Ok(0),
        };
        Ok(Newest::read(
            Ord::max(largest(Column::Id)?, known.id()),
            Ord::max(largest(Column::Sort)?, known.sort()),
            self.now,
        ))
    }

    async fn give_roles(&self, users: &[UserId], roles: &[String]) -> Result<(), StoreError> {
        let table = Table::RolesUsers;
        let time = self.store.sql.dialect.time(table, self.now);
        let columns = [
            Column::RoleName,
            Column::UserId,
            Column::CreatedAt,
            Column::UpdatedAt,
        ];
        let rows = users.iter().flat_map(|user| {
            roles.iter().map(|role| {
                vec![
                    role.as_str().into(),
                    user.0.into(),
                    time.clone().into(),
                    time.clone().into(),
                ]
            })
        });
        self.insert(table, &columns, rows.collect()).await
    }

    /// Notes whence they came, and where NocoBase's engine would note their departments, too.
    async fn record(&self, new: &[&NewPerson], users: &[UserId]) -> Result<(), StoreError> {
        let (sql, records, table) = (&self.store.sql, self.records(), Table::UserDataSyncRecords);
        let mut last = SelectStatement::new();
        last.from(sql.names.table_ref(table))
            .expr_as(sql.col(table, Column::Id).max(), Column::Id.camel());
        let last = sql.find_row_in(self.transaction, table, &last).await?;
        let last = last.map(|row| row.number(Column::Id)).transpose()?.flatten();
        let time = sql.dialect.time(table, self.now);
        let columns = [
            Column::SourceName,
            Column::SourceUk,
            Column::DataType,
            Column::MetaData,
            Column::CreatedAt,
            Column::UpdatedAt,
        ];
        let rows = new.iter().map(|new| {
            vec![
                self.how.source.into(),
                new.person.uid.as_str().into(),
                RecordKind::Person.data_type().into(),
                sql.dialect.json(&new.person.record),
                time.clone().into(),
                time.clone().into(),
            ]
        });
        self.insert(table, &columns, rows.collect()).await?;
        let mut select = records.of(
            self.how.source,
            RecordKind::Person,
            &[Column::Id, Column::SourceUk],
        );
        select.and_where(sql.col(table, Column::Id).gt(last.unwrap_or_default()));
        let mut ids = HashMap::new();
        for row in sql.find_rows_in(self.transaction, table, &select).await? {
            let uid = row.required_text(Column::SourceUk)?;
            // NocoBase itself wrote somebody of this source at this moment.
            if ids.insert(uid, row.required_number(Column::Id)?).is_some() {
                return Err(StoreError::Conflict);
            }
        }
        let mut resources = Vec::new();
        for (new, user) in new.iter().zip(users) {
            let record = *ids.get(&new.person.uid).ok_or(StoreError::Conflict)?;
            resources.push(records.resource_row(record, RecordKind::Person, user.0, self.now));
            for department in new.person.departments.keys() {
                resources.push(records.resource_row(record, RecordKind::Department, *department, self.now));
            }
        }
        self.insert(Table::UserDataSyncRecordsResources, &RESOURCE_COLUMNS, resources)
            .await
    }

    async fn put_into_departments(&self, new: &[&NewPerson], users: &[UserId]) -> Result<(), StoreError> {
        let table = Table::DepartmentsUsers;
        let time = self.store.sql.dialect.time(table, self.now);
        let columns = [
            Column::DepartmentId,
            Column::UserId,
            Column::IsOwner,
            Column::IsMain,
            Column::CreatedAt,
            Column::UpdatedAt,
        ];
        let rows = new.iter().zip(users).flat_map(|(new, user)| {
            new.person.departments.iter().map(|(department, is_owner)| {
                vec![
                    (*department).into(),
                    user.0.into(),
                    (*is_owner).into(),
                    // Which one is the main one stands with the user.
                    false.into(),
                    time.clone().into(),
                    time.clone().into(),
                ]
            })
        });
        self.insert(table, &columns, rows.collect()).await
    }

    async fn link(&self, new: &[&NewPerson], users: &[UserId]) -> Result<(), StoreError> {
        let Some(authenticator) = self.how.authenticator else {
            return Ok(());
        };
        let (sql, table) = (&self.store.sql, Table::UsersAuthenticators);
        let time = sql.dialect.time(table, self.now);
        let rows = new.iter().zip(users).filter_map(|(new, user)| {
            let link = new.link.as_ref()?;
            let nickname = filled(new.person.nickname.as_deref()).unwrap_or_default();
            Some(vec![
                authenticator.into(),
                user.0.into(),
                link.subject.as_str().into(),
                nickname.into(),
                "".into(),
                sql.dialect.json(&link.meta),
                time.clone().into(),
                time.clone().into(),
            ])
        });
        self.insert(table, &LINK_COLUMNS, rows.collect()).await
    }

    async fn insert(&self, table: Table, columns: &[Column], rows: Vec<Vec<Expr>>) -> Result<(), StoreError> {
        let sql = &self.store.sql;
        let columns: Vec<_> = columns.iter().map(|column| sql.names.iden(*column)).collect();
        for insert in sql.insert_many(table, &columns, rows) {
            sql.execute_in(self.transaction, &insert).await?;
        }
        Ok(())
    }

    const fn records(&self) -> SyncRecords<'_> {
        SyncRecords { sql: &self.store.sql }
    }
}
