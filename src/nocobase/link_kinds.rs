//! Which kinds of id the links of an authenticator hold, and how a link comes to hold another one.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, Asterisk, CaseStatement, Expr, ExprTrait as _, SelectStatement, UpdateStatement,
};
use serde_json::Value;

use super::link_source::SubjectKind;
use super::link_transaction::LinkTransaction;
use super::links::Links;
use super::sql::{Column, Dialect, StoreError, Table};
use super::users::UserId;

/// How many links hold which kind of id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkKinds {
    /// The same in all apps; those that say nothing and are spelt like one count here.
    pub union_id: u64,
    /// The id in the organization.
    pub user_id: u64,
    /// The phone number.
    pub mobile: u64,
    /// They say nothing: an older version made them, or another plugin.
    pub unknown: u64,
}

impl LinkKinds {
    /// How many do not hold the union id.
    pub const fn former(&self) -> u64 {
        self.user_id + self.mobile + self.unknown
    }

    /// Counts these as well.
    pub const fn add(&mut self, others: Self) {
        self.union_id += others.union_id;
        self.user_id += others.user_id;
        self.mobile += others.mobile;
        self.unknown += others.unknown;
    }
}

const LINKS: Table = Table::UsersAuthenticators;
/// How nearly all union ids end, and hardly anything else. A wrong guess costs a look, or a call.
const LIKE_A_UNION_ID: &str = "%iE";
const KIND: &str = "kind";
const COUNT: &str = "count";

impl Links<'_> {
    /// How many links of this authenticator hold which kind of id. It reads all of them, so nobody asks it for each
    /// person.
    pub async fn kinds(self, authenticator: &str) -> Result<LinkKinds, StoreError> {
        let (dialect, uuid) = (self.sql.dialect, self.sql.col(LINKS, Column::Uuid));
        let noted = self.noted_kind();
        let kind = CaseStatement::new()
            .case(noted.clone().is_not_null(), noted)
            .case(
                uuid.like(LIKE_A_UNION_ID),
                Expr::val(SubjectKind::UnionId.label()),
            )
            .finally(Expr::val(""));
        let mut each = SelectStatement::new();
        each.from(self.sql.names.table_ref(LINKS))
            .expr_as(kind, KIND)
            .and_where(dialect.same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator));
        // Grouped outside: PostgreSQL takes two spellings with parameters for two expressions.
        let mut counted = SelectStatement::new();
        counted
            .from_subquery(each, Alias::new("links"))
            .expr_as(dialect.json_as_text(Expr::col(Alias::new(KIND))), KIND)
            .expr_as(Expr::col(Asterisk).count(), COUNT)
            .group_by_col(Alias::new(KIND));
        let mut kinds = LinkKinds::default();
        for row in self.sql.find_rows(LINKS, &counted).await? {
            let count = u64::try_from(row.number_as(COUNT)?.unwrap_or_default()).unwrap_or_default();
            let kind = row.text_as(KIND)?.unwrap_or_default();
            let found = SubjectKind::ALL.into_iter().find(|known| known.label() == kind);
            *match found {
                Some(SubjectKind::UnionId) => &mut kinds.union_id,
                Some(SubjectKind::UserId) => &mut kinds.user_id,
                Some(SubjectKind::Mobile) => &mut kinds.mobile,
                None => &mut kinds.unknown,
            } += count;
        }
        Ok(kinds)
    }

    fn noted_kind(self) -> Expr {
        let meta = || self.sql.col(LINKS, Column::Meta);
        match self.sql.dialect {
            Dialect::Postgres => Expr::cust_with_exprs("$1 ->> 'subject'", [meta()]),
            Dialect::MySql { .. } => {
                Expr::cust_with_exprs("JSON_UNQUOTE(JSON_EXTRACT(?, '$.subject'))", [meta()])
            }
            Dialect::Sqlite => Expr::cust_with_exprs(
                "CASE WHEN json_valid(?) THEN json_extract(?, '$.subject') END",
                [meta(), meta()],
            ),
        }
    }
}

impl LinkTransaction {
    /// Has the link of a user hold another subject, noted so.
    pub async fn convert(
        &mut self,
        user: UserId,
        subject: &str,
        meta: &Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = &self.store.sql;
        let column = |column| Expr::col(sql.names.iden(column));
        let mut update = UpdateStatement::new();
        update
            .table(sql.names.table_ref(LINKS))
            .value(sql.names.iden(Column::Uuid), subject)
            .value(sql.names.iden(Column::Meta), sql.dialect.json(meta))
            .value(sql.names.iden(Column::UpdatedAt), sql.dialect.time(LINKS, now))
            .and_where(
                sql.dialect
                    .same_bytes(column(Column::Authenticator), self.authenticator()),
            )
            .and_where(column(Column::UserId).eq(user.0));
        sql.execute_in(&self.transaction, &update).await.map(drop)
    }
}
