//! Statements in NocoBase's words, spelt as the database spells them.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{
    Alias, DynIden, Expr, ExprTrait as _, Func, InsertStatement, QueryStatementBuilder as _, SelectStatement,
};

use super::database::Database;
use super::names::{Column, Table};
use crate::clock::is_recent;

/// SQLite takes the fewest values in one statement: 32,766.
const VALUES_AT_ONCE: usize = 30_000;
/// The table is read whole no more often.
const READ_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(2);

/// How far the rows of a table are known: the largest `id`, and the largest `sort` of the rows up to it. Whoever moves
/// rows changes their places among themselves, so it holds; for how long, is bounded all the same.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::nocobase) struct Newest {
    id: i64,
    sort: i64,
    read_at: DateTime<Utc>,
}

impl Newest {
    /// What the whole table said.
    pub(in crate::nocobase) const fn read(id: i64, sort: i64, read_at: DateTime<Utc>) -> Self {
        Self { id, sort, read_at }
    }

    /// Whether the whole table was last read too long ago.
    pub(in crate::nocobase) fn is_old(&self, now: DateTime<Utc>) -> bool {
        !is_recent(self.read_at, now, READ_AGAIN_AFTER)
    }

    /// The largest `id` that is known.
    pub(in crate::nocobase) const fn id(&self) -> i64 {
        self.id
    }

    /// The largest `sort` up to there.
    pub(in crate::nocobase) const fn sort(&self) -> i64 {
        self.sort
    }

    /// How far a new row's `sort` is from its `id`.
    pub(in crate::nocobase) const fn distance(&self) -> i64 {
        self.sort - self.id
    }

    /// What is known at this time: nothing when the whole table was last read too long ago.
    pub(in crate::nocobase) fn at(&mut self, now: DateTime<Utc>) -> Self {
        if self.is_old(now) {
            *self = Self {
                read_at: now,
                ..Self::default()
            };
        }
        *self
    }

    /// Takes note of a row that was just made, and so has the largest `sort`.
    pub(in crate::nocobase) fn see(&mut self, id: i64, sort: i64) {
        self.id = id;
        self.sort = sort;
    }
}

impl Database {
    /// A select over one table with NocoBase's names for the columns of the answer.
    pub(in crate::nocobase) fn select(&self, table: Table, columns: &[Column]) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(self.names.table_ref(table));
        self.add_columns(&mut select, table, columns);
        select
    }

    /// Adds columns of a joined table to a select.
    pub(in crate::nocobase) fn add_columns(
        &self,
        select: &mut SelectStatement,
        table: Table,
        columns: &[Column],
    ) {
        for column in columns {
            let expr = self.col(table, *column);
            let expr = if column.is_json() {
                self.dialect.json_as_text(expr)
            } else {
                expr
            };
            select.expr_as(expr, column.camel());
        }
    }

    /// A column, qualified by its table.
    pub(in crate::nocobase) fn col(&self, table: Table, column: Column) -> Expr {
        Expr::col((
            Alias::new(self.names.table(table)),
            Alias::new(self.names.column(column)),
        ))
    }

    /// The largest `sort` of a table plus one, as NocoBase places new rows; for an INSERT into that table. NocoBase has
    /// no index on it, so only the rows after those that are known are read.
    pub(in crate::nocobase) fn next_sort(&self, table: Table, known: Newest) -> Expr {
        let largest = Alias::new("largest");
        let mut rows = SelectStatement::new();
        rows.from(self.names.table_ref(table))
            .expr_as(self.col(table, Column::Sort).max(), largest.clone())
            .and_where(self.col(table, Column::Id).gt(known.id));
        // MySQL reads the table it inserts into only through a table derived from it.
        let mut next = SelectStatement::new();
        let newer = Func::coalesce([Expr::col(largest), Expr::value(0)]);
        next.from_subquery(rows, Alias::new("sorts"))
            .expr(Expr::from(Func::greatest([newer.into(), Expr::value(known.sort)])).add(1));
        Expr::SubQuery(None, Box::new(next.into_sub_query_statement()))
    }

    /// An INSERT of one row.
    pub(in crate::nocobase) fn insert<const N: usize>(
        &self,
        table: Table,
        values: [(Column, Expr); N],
    ) -> InsertStatement {
        let mut insert = InsertStatement::new();
        insert
            .into_table(self.names.table_ref(table))
            .columns(values.iter().map(|(column, _)| self.names.iden(*column)));
        insert.values_panic(values.into_iter().map(|(_, value)| value));
        insert
    }

    /// INSERTs of many rows, as few as take all their values.
    pub(in crate::nocobase) fn insert_many(
        &self,
        table: Table,
        columns: &[DynIden],
        rows: Vec<Vec<Expr>>,
    ) -> Vec<InsertStatement> {
        let at_once = VALUES_AT_ONCE / columns.len().max(1);
        let mut inserts = Vec::new();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut insert = InsertStatement::new();
            insert
                .into_table(self.names.table_ref(table))
                .columns(columns.iter().cloned());
            for row in rows.by_ref().take(at_once) {
                insert.values_panic(row);
            }
            inserts.push(insert);
        }
        inserts
    }
}
