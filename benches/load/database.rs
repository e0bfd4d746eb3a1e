//! A database in NocoBase's table shapes, filled with people, dropped at the end.

use sqlx::{Connection as _, Executor as _, MySqlConnection, PgConnection};
use url::Url;

use crate::Outcome;

/// The authenticator that everybody signs in with.
pub const AUTHENTICATOR: &str = "s_load";
const OPTIONS: &str = r#"{"clientId":"ding","clientSecret":"secret","public":{"autoSignup":true}}"#;
const SEED: &str = include_str!("../../tests/it/support/nocobase_seed.sql");

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    MariaDb,
}

/// Where a server is, and the database made there.
pub struct Database {
    dialect: Dialect,
    server: Url,
    name: String,
}

impl Database {
    /// Makes one with so many people, each with a role and a link.
    pub async fn with_people(dialect: Dialect, server: &Url, people: u64) -> Outcome<Self> {
        // Runs side by side do not meet; what a killed run left behind is replaced by the next of that number.
        let name = format!("nbdt_load_{}_{people}", std::process::id());
        let database = Self {
            dialect,
            server: server.clone(),
            name,
        };
        let created = format!("CREATE DATABASE {}", database.name);
        database.run_at(&database.server, &[created]).await?;
        let schema = match dialect {
            Dialect::Postgres => include_str!("../../tests/it/support/nocobase_postgres.sql"),
            Dialect::MariaDb => include_str!("../../tests/it/support/nocobase_mariadb.sql"),
        };
        let tables = schema.split(';').chain(SEED.split(";\n")).map(str::to_owned);
        let statements: Vec<String> = tables.chain(database.people(people)).collect();
        database.run_at(&database.url(), &statements).await?;
        Ok(database)
    }

    fn people(&self, people: u64) -> Vec<String> {
        let numbers = match self.dialect {
            Dialect::Postgres => format!("FROM generate_series(0, {people} - 1) AS numbers(n)"),
            Dialect::MariaDb => format!(
                "FROM (SELECT seq AS n FROM seq_0_to_{}) AS numbers",
                people.saturating_sub(1)
            ),
        };
        let text = match self.dialect {
            Dialect::Postgres => "VARCHAR",
            Dialect::MariaDb => "CHAR",
        };
        let day = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'";
        let mut statements = vec![format!(
            "INSERT INTO `@authenticators` (`name`, `authType`, `description`, `options`, `enabled`, `sort`, `createdAt`, `updatedAt`)
             VALUES ('{AUTHENTICATOR}', 'dingtalk', '', '{OPTIONS}', TRUE, 9, {day})"
        )];
        if people == 0 {
            return statements;
        }
        statements.push(format!(
            "INSERT INTO `@users` (`id`, `nickname`, `phone`, `systemSettings`, `sort`, `createdAt`, `updatedAt`)
             SELECT n + 1000, CONCAT('Person ', n), CAST(13000000000 + n AS {text}), '{{}}', n + 1000, {day} {numbers}"
        ));
        statements.push(format!(
            "INSERT INTO `@rolesUsers` (`roleName`, `userId`, `default`, `createdAt`, `updatedAt`)
             SELECT 'member', n + 1000, TRUE, {day} {numbers}"
        ));
        statements.push(format!(
            "INSERT INTO `@usersAuthenticators` (`authenticator`, `userId`, `uuid`, `nickname`, `avatar`, `meta`, `createdAt`, `updatedAt`)
             SELECT '{AUTHENTICATOR}', n + 1000, CONCAT('union', n), '', '', '{{}}', {day} {numbers}"
        ));
        match self.dialect {
            Dialect::Postgres => {
                statements.push(format!(
                    "SELECT setval(pg_get_serial_sequence('`@users`', 'id'), {})",
                    people + 1000
                ));
                statements.push("VACUUM ANALYZE".to_owned());
            }
            Dialect::MariaDb => {
                statements.push("ANALYZE TABLE `@users`, `@rolesUsers`, `@usersAuthenticators`".to_owned());
            }
        }
        statements
    }

    /// For who connects by itself.
    pub fn url(&self) -> Url {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url
    }

    /// For the sidecar, in NocoBase's variables.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let (dialect, port) = match self.dialect {
            Dialect::Postgres => ("postgres", 5432),
            Dialect::MariaDb => ("mariadb", 3306),
        };
        vec![
            ("DB_DIALECT", dialect.to_owned()),
            (
                "DB_HOST",
                self.server.host_str().unwrap_or("127.0.0.1").to_owned(),
            ),
            ("DB_PORT", self.server.port().unwrap_or(port).to_string()),
            ("DB_DATABASE", self.name.clone()),
            ("DB_USER", self.server.username().to_owned()),
            (
                "DB_PASSWORD",
                self.server.password().unwrap_or_default().to_owned(),
            ),
        ]
    }

    /// Gone with everything in it.
    pub async fn drop(self) -> Outcome<()> {
        let force = if self.dialect == Dialect::Postgres {
            " WITH (FORCE)"
        } else {
            ""
        };
        self.run_at(&self.server, &[format!("DROP DATABASE {}{force}", self.name)])
            .await
    }

    async fn run_at(&self, url: &Url, statements: &[String]) -> Outcome<()> {
        let statements = statements.iter().filter(|statement| !statement.trim().is_empty());
        let statements: Vec<String> = statements
            .map(|statement| self.dialect.spell(statement))
            .collect();
        match self.dialect {
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(url.as_str()).await?;
                for statement in statements {
                    connection
                        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)))
                        .await?;
                }
            }
            Dialect::MariaDb => {
                let mut connection = MySqlConnection::connect(url.as_str()).await?;
                for statement in statements {
                    connection
                        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)))
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// The server's own word on what it is.
    pub async fn version(dialect: Dialect, server: &Url) -> Outcome<String> {
        let sql = "SELECT version()";
        Ok(match dialect {
            Dialect::Postgres => {
                let version: String = sqlx::query_scalar(sql)
                    .fetch_one(&mut PgConnection::connect(server.as_str()).await?)
                    .await?;
                version.split(" on ").next().unwrap_or_default().to_owned()
            }
            Dialect::MariaDb => {
                sqlx::query_scalar(sql)
                    .fetch_one(&mut MySqlConnection::connect(server.as_str()).await?)
                    .await?
            }
        })
    }
}

impl Dialect {
    /// The seed names tables `@so`.
    fn spell(self, sql: &str) -> String {
        let sql = sql.replace("`@", "`");
        if self == Self::Postgres {
            sql.replace('`', "\"")
        } else {
            sql
        }
    }
}
