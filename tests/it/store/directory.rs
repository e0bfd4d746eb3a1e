//! What is kept of a directory that is kept in step.

use nocobase_dingtalk::nocobase::{
    ChangeRow, ColumnFitness, NewEvent, NewSyncSource, SecretChange, SyncSourceChanges, Users,
};

use super::*;

const SOURCE: i64 = 7;

pub(super) async fn a_sync_source(store: &Store, name: &str) -> i64 {
    let new = NewSyncSource {
        name: name.to_owned(),
        display_name: Some("DingTalk".to_owned()),
        enabled: true,
        options: json!({"clientId": "ding"}),
        secrets: Vec::new(),
    };
    store.sync_sources().create(new, now()).await.unwrap().id
}

fn an_event(id: &str, received: i64) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        event_type: "user_modify_org".to_owned(),
        subjects: vec![format!("of {id}"), "b".to_owned()],
        received,
    }
}

fn a_change(kind: &str, uid: &str) -> ChangeRow {
    ChangeRow {
        kind: kind.to_owned(),
        uid: uid.to_owned(),
        name: Some(format!("Nick {uid}")),
        user: (kind == "change").then_some(ROOT),
        detail: json!({"phone": "taken"}),
    }
}

#[tokio::test]
async fn sources_of_our_type_are_made_found_changed_and_removed_with_their_secrets() {
    on_every_database(|database| async move {
        let store = &database.store;
        database.with_directory().await;
        database
            .try_run(
                "CREATE TABLE `@dingtalk_secrets` (`id` BIGINT NOT NULL, `name` VARCHAR(255) NOT NULL, \
 `value` TEXT NOT NULL)",
            )
            .await;
        let id = a_sync_source(store, "ding").await;
        database
            .run(
                "INSERT INTO `@userDataSyncSources` (`id`, `name`, `sourceType`, `enabled`, `options`, \
 `createdAt`, `updatedAt`) VALUES (90, 'other', 'default', TRUE, '{}', \
 '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            )
            .await;
        // An authenticator may have the same id.
        database
            .run(&format!(
                "INSERT INTO `@dingtalk_secrets` (`id`, `name`, `value`) \
 VALUES ({id}, 'clientSecret', 'theirs')"
            ))
            .await;
        let changes = SyncSourceChanges {
            display_name: Some(None),
            options: Some(json!({"b": 1})),
            secrets: vec![SecretChange {
                place: "source.token",
                value: Some("ours".to_owned()),
            }],
            ..SyncSourceChanges::default()
        };

        let after = store
            .sync_sources()
            .update(id, changes, now())
            .await
            .unwrap()
            .unwrap();
        let other = store
            .sync_sources()
            .update(90, SyncSourceChanges::default(), now())
            .await
            .unwrap();
        let kept = store.kept_secrets().of_source(id).await.unwrap();
        let of_authenticator = store.kept_secrets().of(id).await.unwrap();

        assert_eq!(
            (after.display_name.as_deref(), &after.options),
            (None, &json!({"b": 1}))
        );
        assert_eq!(other, None);
        assert_eq!(
            kept.iter()
                .map(|kept| (kept.place.as_str(), kept.value.as_str()))
                .collect::<Vec<_>>(),
            [("source.token", "ours")]
        );
        assert_eq!(
            of_authenticator
                .iter()
                .map(|kept| kept.place.as_str())
                .collect::<Vec<_>>(),
            ["clientSecret"]
        );
        assert_eq!(
            store.sync_sources().enabled().await.unwrap(),
            std::slice::from_ref(&after)
        );
        assert_eq!(store.sync_sources().page(Page::ALL).await.unwrap().count, 1);
        assert_eq!(store.sync_sources().named("ding").await.unwrap(), Some(after));
        assert_eq!(store.sync_sources().named("Ding").await.unwrap(), None);
        store.directory_state().put(id, "run", "{}", 1).await.unwrap();
        assert_eq!(store.sync_sources().destroy(&[id, 90]).await.unwrap(), 1);
        assert_eq!(store.sync_sources().by_id(id).await.unwrap(), None);
        assert!(store.kept_secrets().of_source(id).await.unwrap().is_empty());
        assert_eq!(store.kept_secrets().of(id).await.unwrap().len(), 1);
        assert_eq!(store.directory_state().get(id, "run").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn where_a_plugin_never_ran_there_are_no_sources_and_nothing_is_known() {
    on_every_database(|database| async move {
        let store = &database.store;
        database.try_run("DROP TABLE `@userDataSyncSources`").await;

        assert!(store.sync_sources().enabled().await.unwrap().is_empty());
        assert_eq!(store.sync_sources().named("ding").await.unwrap(), None);
        assert_eq!(store.directory_state().get(SOURCE, "run").await.unwrap(), None);
        assert!(
            store
                .directory_state()
                .list(SOURCE, "left:")
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            store
                .directory_events()
                .pending(SOURCE, 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            store
                .directory_changes()
                .page(SOURCE, None, Page::ALL)
                .await
                .unwrap()
                .count,
            0
        );
        let on = store.system().directory_plugins().await.unwrap();
        assert_eq!(
            (on.sync, on.departments),
            (database.kind == Kind::Sqlite, database.kind == Kind::Sqlite)
        );
    })
    .await;
}

#[tokio::test]
async fn many_processes_make_the_tables_at_once() {
    on_every_database(|database| async move {
        let stores = [database.another_store().await, database.another_store().await];
        let making = (0..10).map(|index| {
            let store = stores[index % 2].clone();
            tokio::spawn(async move { store.ensure_directory_tables().await })
        });

        for made in making.collect::<Vec<_>>() {
            made.await.unwrap().unwrap();
        }

        database
            .store
            .directory_state()
            .put(SOURCE, "run", "ä", 5)
            .await
            .unwrap();
        assert_eq!(
            database
                .store
                .directory_state()
                .get(SOURCE, "run")
                .await
                .unwrap()
                .unwrap()
                .value,
            "ä"
        );
    })
    .await;
}

#[tokio::test]
async fn state_is_put_listed_by_its_beginning_and_removed() {
    on_every_database(|database| async move {
        database.with_directory().await;
        let state = database.store.directory_state();
        for (name, at) in [
            ("left:a", 1),
            ("left:A", 2),
            ("left:_", 3),
            ("left", 4),
            ("leftover", 5),
            ("left:a", 6),
        ] {
            state.put(SOURCE, name, &format!("of {name}"), at).await.unwrap();
        }
        state.put(8, "left:b", "another source's", 1).await.unwrap();

        let mut listed = state.list(SOURCE, "left:").await.unwrap();

        listed.sort_by_key(|entry| entry.at);
        assert_eq!(
            listed
                .iter()
                .map(|entry| (entry.name.as_str(), entry.at))
                .collect::<Vec<_>>(),
            [("left:A", 2), ("left:_", 3), ("left:a", 6)]
        );
        assert_eq!(state.list(SOURCE, "").await.unwrap().len(), 5);
        assert!(!state.put_new(SOURCE, "left:a", "again", 9).await.unwrap());
        assert!(state.delete(SOURCE, "left:a").await.unwrap());
        assert!(!state.delete(SOURCE, "left:a").await.unwrap());
        assert!(state.put_new(SOURCE, "left:a", "again", 9).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn of_many_who_want_a_source_one_gets_it_until_it_lets_go_or_its_time_is_over() {
    on_every_database(|database| async move {
        database.with_directory().await;
        let other = database.another_store().await;
        let takings = (0..20).map(|index| {
            let store = if index % 2 == 0 {
                database.store.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                let holder = format!("holder {index}");
                let state = store.directory_state();
                (
                    state.take_lease(SOURCE, &holder, 1000, 2000).await.unwrap(),
                    holder,
                )
            })
        });
        let mut holders = Vec::new();
        for taking in takings.collect::<Vec<_>>() {
            let (is_taken, holder) = taking.await.unwrap();
            holders.extend(is_taken.then_some(holder));
        }

        assert_eq!(holders.len(), 1, "{holders:?}");
        let state = database.store.directory_state();
        assert!(
            state.take_lease(SOURCE, &holders[0], 1500, 2500).await.unwrap(),
            "renewed"
        );
        assert!(!state.take_lease(SOURCE, "other", 2499, 9000).await.unwrap());
        assert_eq!(
            state.lease(SOURCE).await.unwrap(),
            Some((holders[0].clone(), 2500))
        );
        assert!(
            state.take_lease(SOURCE, "other", 2500, 9000).await.unwrap(),
            "over"
        );
        assert!(!state.take_lease(SOURCE, &holders[0], 2600, 9000).await.unwrap());
        state.give_back_lease(SOURCE, &holders[0]).await.unwrap();
        assert_eq!(
            state.lease(SOURCE).await.unwrap(),
            Some(("other".to_owned(), 9000))
        );
        state.give_back_lease(SOURCE, "other").await.unwrap();
        assert!(state.take_lease(SOURCE, "third", 2700, 9000).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_again_is_known_also_after_it_was_applied() {
    on_every_database(|database| async move {
        database.with_directory().await;
        let events = database.store.directory_events();

        assert_eq!(
            events
                .add(SOURCE, &[an_event("b", 20), an_event("a", 20), an_event("c", 10)])
                .await
                .unwrap(),
            3
        );
        assert_eq!(
            events
                .add(SOURCE, &[an_event("a", 30), an_event("A", 30)])
                .await
                .unwrap(),
            1
        );
        events.add(8, &[an_event("a", 1)]).await.unwrap();
        let pending = events.pending(SOURCE, 3).await.unwrap();
        assert_eq!(pending, [an_event("c", 10), an_event("a", 20), an_event("b", 20)]);
        assert_eq!(events.oldest_pending(SOURCE).await.unwrap(), Some((10, 4)));
        events
            .done(SOURCE, &["c".to_owned(), "a".to_owned()], 40)
            .await
            .unwrap();
        assert_eq!(events.add(SOURCE, &[an_event("c", 50)]).await.unwrap(), 0);
        assert_eq!(
            events.pending(SOURCE, 9).await.unwrap(),
            [an_event("b", 20), an_event("A", 30)]
        );
        assert_eq!(events.prune(SOURCE, 40).await.unwrap(), 0);
        assert_eq!(events.done_before(SOURCE, 30, 60).await.unwrap(), 1);
        assert_eq!(events.oldest_pending(SOURCE).await.unwrap(), Some((30, 1)));
        assert_eq!(events.prune(SOURCE, 61).await.unwrap(), 3);
        assert_eq!(events.add(SOURCE, &[an_event("c", 70)]).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_latest_run_is_told_page_by_page_and_row_by_row() {
    on_every_database(|database| async move {
        database.with_directory().await;
        let changes = database.store.directory_changes();
        changes
            .append(SOURCE, &[a_change("create", "old")])
            .await
            .unwrap();
        changes.begin(SOURCE).await.unwrap();
        let first: Vec<_> = (0..5)
            .map(|index| a_change("create", &index.to_string()))
            .collect();
        changes.append(SOURCE, &first).await.unwrap();
        changes.append(SOURCE, &[]).await.unwrap();
        changes
            .append(SOURCE, &[a_change("change", "5"), a_change("create", "6")])
            .await
            .unwrap();

        let page = changes
            .page(
                SOURCE,
                Some("create"),
                Page {
                    page: 2,
                    page_size: 4,
                },
            )
            .await
            .unwrap();
        let (mut all, mut position) = (Vec::new(), 0);
        loop {
            let (rows, next) = changes.after(SOURCE, position, 3).await.unwrap();
            all.extend(rows);
            let Some(next) = next else { break };
            position = next;
        }

        assert_eq!(
            (page.rows, page.count),
            (vec![first[4].clone(), a_change("create", "6")], 6)
        );
        assert_eq!(
            all.iter().map(|row| row.uid.as_str()).collect::<String>(),
            "0123456"
        );
        assert_eq!(all[5].user, Some(ROOT));
        let counts = changes.counts(SOURCE).await.unwrap();
        assert_eq!(
            counts.into_iter().collect::<Vec<_>>(),
            [("change".to_owned(), 1), ("create".to_owned(), 6)]
        );
    })
    .await;
}

#[tokio::test]
async fn only_text_columns_that_an_administrator_added_are_written() {
    on_every_database(|database| async move {
        let store = &database.store;
        database
            .run("ALTER TABLE `@users` ADD COLUMN `jobTitle` VARCHAR(255)")
            .await;
        database
            .run("ALTER TABLE `@users` ADD COLUMN `floor` BIGINT")
            .await;

        let fields = [
            "jobTitle",
            "floor",
            "nowhere",
            "password",
            "PasswordChangeTz",
            "created_at",
            "unionId",
            "mainDepartmentId",
        ];
        let (columns, judged) = store.users().custom_columns(&fields).await.unwrap();

        let judged: Vec<_> = judged.into_iter().map(|(_, fitness)| fitness).collect();
        assert_eq!(
            judged[..3],
            [ColumnFitness::Fit, ColumnFitness::NotText, ColumnFitness::Missing]
        );
        assert!(
            judged[3..].iter().all(|fitness| *fitness == ColumnFitness::Own),
            "{judged:?}"
        );
        assert!(columns.contains("jobTitle") && !columns.contains("floor"));
        assert!(Users::is_own_column("email"));
    })
    .await;
}
