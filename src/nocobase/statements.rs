//! Statements in NocoBase's words, spelt as the database spells them.

use sea_orm::sea_query::{Alias, Expr, InsertStatement, SelectStatement};

use super::names::{Column, Table};
use super::store::Store;

impl Store {
    /// A select over one table with NocoBase's names for the columns of the answer.
    pub(super) fn select(&self, table: Table, columns: &[Column]) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(self.names.table_ref(table));
        self.add_columns(&mut select, table, columns);
        select
    }

    /// Adds columns of a joined table to a select.
    pub(super) fn add_columns(&self, select: &mut SelectStatement, table: Table, columns: &[Column]) {
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
    pub(super) fn col(&self, table: Table, column: Column) -> Expr {
        Expr::col((
            Alias::new(self.names.table(table)),
            Alias::new(self.names.column(column)),
        ))
    }

    /// An INSERT of one row.
    pub(super) fn insert<const N: usize>(
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
}
