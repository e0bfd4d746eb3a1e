//! The order of authenticators, moved one at a time as NocoBase's drag and drop does.

use sea_orm::sea_query::{Expr, ExprTrait as _, UpdateStatement};

use super::authenticators::Authenticators;
use super::sql::{Column, Database, StoreError, Table};

const TABLE: Table = Table::Authenticators;

impl Authenticators<'_> {
    /// Puts one authenticator in the place of another and shifts those between; false when either is not there.
    pub async fn move_to(self, source_id: i64, target_id: i64) -> Result<bool, StoreError> {
        let transaction = self.sql.begin().await?;
        let mut select = self.sql.select(TABLE, &[Column::Id, Column::Sort]);
        select
            .and_where(self.sql.col(TABLE, Column::Id).is_in([source_id, target_id]))
            .lock_exclusive();
        let (mut source, mut target) = (None, None);
        for row in self.sql.find_rows_in(&transaction, TABLE, &select).await? {
            let (id, sort) = (
                row.required_number(Column::Id)?,
                row.number(Column::Sort)?.unwrap_or_default(),
            );
            if id == source_id {
                source = Some(sort);
            }
            if id == target_id {
                target = Some(sort);
            }
        }
        let (Some(source), Some(target)) = (source, target) else {
            return Ok(false);
        };

        let sort = || Expr::col(self.sql.names.iden(Column::Sort));
        let mut shift = UpdateStatement::new();
        shift.table(self.sql.names.table_ref(TABLE));
        if target > source {
            shift
                .value(self.sql.names.iden(Column::Sort), sort().sub(1))
                .and_where(sort().gt(source))
                .and_where(sort().lte(target));
        } else {
            shift
                .value(self.sql.names.iden(Column::Sort), sort().add(1))
                .and_where(sort().lt(source))
                .and_where(sort().gte(target));
        }
        self.sql.execute_in(&transaction, &shift).await?;

        let mut place = UpdateStatement::new();
        place
            .table(self.sql.names.table_ref(TABLE))
            .value(self.sql.names.iden(Column::Sort), target)
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(source_id));
        self.sql.execute_in(&transaction, &place).await?;
        Database::commit(transaction).await?;
        Ok(true)
    }
}
