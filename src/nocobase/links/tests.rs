use std::sync::Arc;

use super::super::{DatabaseSettings, Store};
use super::*;

#[test]
fn a_masked_subject_shows_only_its_ends() {
    assert_eq!(masked("CaseUNiEiE7y"), "Cas***E7y");
    assert_eq!(masked("manager7"), "m***7");
    assert_eq!(masked("abc"), "***");
    assert_eq!(masked(""), "***");
}

#[tokio::test]
async fn the_embedded_database_reads_no_table_to_find_who_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::Sqlite {
        path: folder.path().join("site.sqlite"),
    };
    let store = Store::connect(&settings, Arc::new(|_| ())).await.unwrap();
    store
        .create_embedded(None, "en-US", DateTime::UNIX_EPOCH)
        .await
        .unwrap();
    store.ensure_subject_index().await.unwrap();

    for join in [JoinType::InnerJoin, JoinType::LeftJoin] {
        let select = store.links().select_linked(join, "s_ding", "union1");
        let statement = store.sql.statement(&select);
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let values = statement.values.unwrap().0;
        let steps = store.sql.raw_rows(&explain, values).await.unwrap();

        let steps: Vec<String> = steps
            .iter()
            .map(|step| step.try_get("", "detail").unwrap())
            .collect();
        assert!(!steps.is_empty(), "{join:?}");
        assert!(
            steps.iter().all(|step| !step.contains("SCAN")),
            "{join:?}: {steps:?}"
        );
    }
}
