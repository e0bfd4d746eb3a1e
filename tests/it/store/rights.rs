//! What new users are given, and what of a profile changes, on every database.

use nocobase_dingtalk::nocobase::{DepartmentFitness, FirstRights, GivenRights, ProfileChanges, RoleFitness};

use super::*;

const TIMES: &str = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'";

async fn a_role(database: &database::TestDatabase, name: &str, snippets: &str) {
    database
        .run(&format!(
            "INSERT INTO `@roles` (`name`, `title`, `snippets`, `createdAt`, `updatedAt`) \
             VALUES ('{name}', 'title of {name}', '{snippets}', {TIMES})"
        ))
        .await;
}

async fn the_departments(database: &database::TestDatabase) {
    for statement in [
        "CREATE TABLE `@departments` (`id` BIGINT PRIMARY KEY, `parentId` BIGINT)",
        "CREATE TABLE `@departmentsUsers` (`departmentId` BIGINT NOT NULL, `userId` BIGINT NOT NULL, \
         `isOwner` BOOLEAN NOT NULL, `isMain` BOOLEAN NOT NULL, `createdAt` TIMESTAMP NULL, `updatedAt` TIMESTAMP NULL)",
        "CREATE TABLE `@departmentsRoles` (`departmentId` BIGINT NOT NULL, `roleName` VARCHAR(255) NOT NULL)",
        "ALTER TABLE `@users` ADD COLUMN `mainDepartmentId` BIGINT",
        "INSERT INTO `@departments` (`id`, `parentId`) VALUES (1, NULL), (2, 1), (3, NULL)",
        "INSERT INTO `@departmentsRoles` (`departmentId`, `roleName`) VALUES (1, 'admin'), (3, 'member')",
    ] {
        database.run(statement).await;
    }
    database
        .run(&format!(
            "INSERT INTO `@applicationPlugins` (`name`, `enabled`, `createdAt`, `updatedAt`) \
             VALUES ('departments', TRUE, {TIMES})"
        ))
        .await;
}

async fn create(store: &Store, rights: &FirstRights) -> Result<(UserId, GivenRights), StoreError> {
    let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
    let created = linking
        .create_user_with(NewUser::default(), rights, now())
        .await?;
    linking.commit().await.unwrap();
    Ok(created)
}

async fn names(store: &Store, user: UserId) -> Vec<String> {
    let roles = store.roles().of(user).await.unwrap();
    roles.into_iter().map(|role| role.name).collect()
}

#[tokio::test]
async fn roles_are_given_with_the_user_and_those_of_administrators_only_where_allowed() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        a_role(&database, "sales", "[]").await;
        a_role(&database, "builder", r#"["ui.*"]"#).await;
        let rights = FirstRights {
            roles: ["sales", "builder", "root", "Sales", "member", "sales"]
                .map(str::to_owned)
                .into(),
            ..FirstRights::default()
        };

        let (user, given) = create(store, &rights).await.unwrap();

        assert_eq!(names(store, user).await, ["member", "sales"]);
        assert_eq!(given.roles, ["sales"]);
        let refused = [
            ("builder", RoleFitness::Administrative),
            ("root", RoleFitness::Root),
            ("Sales", RoleFitness::Missing),
        ];
        assert_eq!(
            given.refused_roles,
            refused.map(|(name, fitness)| (name.to_owned(), fitness))
        );

        let bold = FirstRights {
            default_role: Some("builder".to_owned()),
            may_administrate: true,
            ..rights.clone()
        };
        let (user, _) = create(store, &bold).await.unwrap();
        assert_eq!(names(store, user).await, ["builder", "member", "sales"]);

        for role in ["nobody", "root", "admin", "Member"] {
            let wrong = FirstRights {
                default_role: Some(role.to_owned()),
                ..FirstRights::default()
            };
            let error = create(store, &wrong).await.unwrap_err();
            assert!(
                matches!(error, StoreError::RoleUnusable { .. }),
                "{role}: {error:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_main_department_is_given_with_the_user_unless_it_gives_the_site_away() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let of = |id, may_administrate| FirstRights {
            main_department: Some(id),
            may_administrate,
            ..FirstRights::default()
        };
        let (_, given) = create(store, &of(3, true)).await.unwrap();
        assert_eq!(given.refused_department, Some(DepartmentFitness::Off));
        assert_eq!(
            store.roles().judge_department(3).await.unwrap(),
            DepartmentFitness::Off
        );
        the_departments(&database).await;

        for (id, may_administrate, fitness, is_given) in [
            (3, false, DepartmentFitness::Plain, true),
            (9, true, DepartmentFitness::Missing, false),
            (1, false, DepartmentFitness::Administrative, false),
            (2, false, DepartmentFitness::Administrative, false),
            (2, true, DepartmentFitness::Administrative, true),
        ] {
            assert_eq!(store.roles().judge_department(id).await.unwrap(), fitness, "{id}");
            let (user, given) = create(store, &of(id, may_administrate)).await.unwrap();
            assert_eq!(given.department, is_given.then_some(id), "{id}");
            let members = format!(
                "SELECT COUNT(*) FROM `@departmentsUsers` WHERE `userId` = {user} AND `departmentId` = {id}"
            );
            assert_eq!(database.number(&members).await, i64::from(is_given), "{id}");
            let main = format!("SELECT COALESCE(`mainDepartmentId`, 0) FROM `@users` WHERE `id` = {user}");
            assert_eq!(
                database.number(&main).await,
                if is_given { id } else { 0 },
                "{id}"
            );
        }
        database
            .run("UPDATE `@applicationPlugins` SET `enabled` = FALSE WHERE `name` = 'departments'")
            .await;
        assert_eq!(
            store.roles().judge_department(3).await.unwrap(),
            DepartmentFitness::Off
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_fields_that_are_given_change() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let user = sign_up(store, "union1", Some("13900000001")).await;
        sign_up(store, "union2", Some("13900000002")).await;
        assert!(!store.users().have_avatar().await.unwrap());
        database
            .run("ALTER TABLE `@users` ADD COLUMN `avatar` VARCHAR(255)")
            .await;
        assert!(store.users().have_avatar().await.unwrap());
        let later = now() + TimeDelta::seconds(5);

        let changes = ProfileChanges {
            nickname: Some("李雷".to_owned()),
            ..ProfileChanges::default()
        };
        change(store, user.id, &changes, later).await.unwrap();
        let found = store.users().find(user.id).await.unwrap().unwrap();
        assert_eq!(found.nickname.as_deref(), Some("李雷"));
        assert_eq!((&found.phone, found.updated_at), (&user.phone, Some(later)));
        assert_eq!(changes.fields(), ["nickname"]);

        let changes = ProfileChanges {
            phone: Some("13900000003".to_owned()),
            avatar: Some("https://example.com/a.png".to_owned()),
            ..ProfileChanges::default()
        };
        change(store, user.id, &changes, later).await.unwrap();
        let found = store.users().find(user.id).await.unwrap().unwrap();
        assert_eq!(found.phone.as_deref(), Some("13900000003"));
        let avatar = store.users().avatar(user.id).await.unwrap();
        assert_eq!(avatar.as_deref(), Some("https://example.com/a.png"));

        let taken = ProfileChanges {
            phone: Some("13900000002".to_owned()),
            ..ProfileChanges::default()
        };
        let error = change(store, user.id, &taken, later).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Duplicate { field: "phone" }),
            "{error:?}"
        );
    })
    .await;
}

async fn change(
    store: &Store,
    user: UserId,
    changes: &ProfileChanges,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
    linking.change_profile(user, changes, now).await?;
    linking.commit().await
}
