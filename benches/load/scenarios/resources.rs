//! Calls, statements, memory, start-up, growth, size.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::speed::NEWCOMERS;
use crate::Outcome;
use crate::contest::{Contender, Plan, contest, ratio};
use crate::database::{Database, Dialect};
use crate::drive::{People, Until, closed};
use crate::process::Program;
use crate::report::{Row, Verdict};
use crate::stage::{FEW, Stage, fetch, sign_ins};

const COUNTED: u64 = 200;

/// Calls and statements of returning sign-ins, counted at their receivers; `tests/it/cost.rs` asserts them exactly.
pub async fn cost(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("cost", &database, &double).start().await?;
    let journey = sign_ins(&[&sidecar]);
    let people = People::Known(FEW);
    closed("warming up", &journey, &people, 1, Until::Done(5)).await?;
    let before = (calls(&double).await?, statements(&sidecar).await?);
    closed("counting", &journey, &people, 1, Until::Done(COUNTED)).await?;
    let after = (calls(&double).await?, statements(&sidecar).await?);
    drop(sidecar);
    database.drop().await?;
    let (calls, statements) = (after.0 - before.0, after.1 - before.1);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let each = |count: u64| count as f64 / COUNTED as f64;
    // With what is asked or done only now and then: settings every two seconds, ended sessions every five.
    let statements = each(statements);
    Ok(vec![
        Row {
            what: "DingTalk calls of a returning sign-in (`unionId`)",
            target: "exactly 2",
            measured: format!("{:.2}", each(calls)),
            verdict: Verdict::of(calls == 2 * COUNTED),
        },
        Row {
            what: "SQL statements of a returning sign-in, on the path of its answer",
            target: "at most 2",
            measured: format!("{statements:.2}, with those that are run now and then"),
            verdict: Verdict::of(statements < 2.05),
        },
    ])
}

async fn calls(double: &Program) -> Outcome<u64> {
    Ok(fetch(double.address, "/calls").await?.parse()?)
}

async fn statements(sidecar: &Program) -> Outcome<u64> {
    let metrics = fetch(sidecar.address, "/metrics").await?;
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("nocobase_dingtalk_database_seconds_count"));
    Ok(counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum())
}

const SIGN_INS: u64 = 100_000;
/// What a third hundred thousand may leave on top of the second.
const FLAT: f64 = 1.5;
const SETTLING: Duration = Duration::from_secs(2);

pub async fn memory(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("memory", &database, &double).start().await?;
    let mut resident = Vec::new();
    let mut measure = async || -> Outcome<()> {
        tokio::time::sleep(SETTLING).await;
        resident.push(mebibytes(sidecar.resident()?.now));
        Ok(())
    };
    measure().await?;
    let journey = sign_ins(&[&sidecar]);
    for turn in 1..=3 {
        let name = format!("hundred thousand number {turn}");
        closed(
            &name,
            &journey,
            &People::Known(FEW),
            stage.plan.connections,
            Until::Done(SIGN_INS),
        )
        .await?;
        measure().await?;
    }
    let most = mebibytes(sidecar.resident()?.most);
    drop(sidecar);
    database.drop().await?;
    let [idle, first, second, third] = resident[..] else {
        return Err("four figures were wanted".into());
    };
    Ok(vec![Row {
        what: "resident memory, idle / after 100 000 sign-ins / 200 000 / 300 000",
        target: "at most 20 MB / 40 MB, then flat",
        measured: format!("{idle:.1} / {first:.1} / {second:.1} / {third:.1} MiB, at most {most:.1}"),
        verdict: Verdict::of(megabytes(idle) <= 20.0 && megabytes(first) <= 40.0 && third - second <= FLAT),
    }])
}

#[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn megabytes(mebibytes: f64) -> f64 {
    mebibytes * 1.048_576
}

const STARTS: usize = 20;

pub async fn start_up(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("start-up", &database, &double);
    sidecar.time_to_ready().await?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(sidecar.time_to_ready().await?);
    }
    database.drop().await?;
    times.sort();
    let (middle, most) = (times[STARTS / 2], times[STARTS - 1]);
    Ok(vec![Row {
        what: "from exec to `/readyz` on an existing database",
        target: "at most 150 ms",
        measured: format!(
            "{} ms, at most {} ms in {STARTS} starts",
            middle.as_millis(),
            most.as_millis()
        ),
        verdict: Verdict::of(most <= Duration::from_millis(150)),
    }])
}

pub async fn growth(stage: &Stage) -> Outcome<Vec<Row>> {
    let small = stage.database(FEW).await?;
    let big = stage.database(stage.many).await?;
    let mut rows = vec![
        grown(
            stage,
            "returning sign-in on PostgreSQL with 1 000 000 users and links, in parts of the time with 1000",
            small,
            big,
        )
        .await?,
    ];
    if let Some(server) = &stage.mariadb {
        let small = Database::with_people(Dialect::MariaDb, server, FEW).await?;
        let big = Database::with_people(Dialect::MariaDb, server, stage.many).await?;
        rows.push(grown(stage, "the same on MariaDB", small, big).await?);
    }
    Ok(rows)
}

async fn grown(stage: &Stage, what: &'static str, small: Database, big: Database) -> Outcome<Row> {
    let double = stage.double(0)?;
    let at_small = stage.sidecar("growth-small", &small, &double).start().await?;
    let at_big = stage.sidecar("growth-big", &big, &double).start().await?;
    let contender = |name, sidecar: &Program, people| Contender {
        name,
        journey: sign_ins(&[sidecar]),
        people: People::Scattered(people),
        processes: vec![("sidecar", sidecar.pid), ("DingTalk's double", double.pid)],
    };
    let contenders = [
        contender("few users", &at_small, FEW),
        contender("many users", &at_big, stage.many),
    ];
    let standings = contest(stage.plan, &contenders).await?;
    let one_at_a_time = Plan {
        connections: 1,
        ..stage.plan
    };
    let alone = contest(one_at_a_time, &contenders).await?;
    let newcomers = People::New(Arc::new(AtomicU64::new(NEWCOMERS)));
    let first = |name, sidecar: &Program| Contender {
        people: newcomers.clone(),
        ..contender(name, sidecar, FEW)
    };
    let first = [
        first("first, few users", &at_small),
        first("first, many users", &at_big),
    ];
    let first = contest(stage.plan, &first).await?;
    let times = ratio(&standings[0], &standings[1]);
    let times_alone = ratio(&alone[0], &alone[1]);
    let times_first = ratio(&first[0], &first[1]);
    drop((at_small, at_big));
    small.drop().await?;
    big.drop().await?;
    Ok(Row {
        what,
        target: "at most 1.2",
        measured: format!("{times} at 16 connections, {times_alone} at one; first sign-ins {times_first}"),
        verdict: Verdict::of(times.middle <= 1.2 && times_alone.middle <= 1.2),
    })
}

const LARGEST_MB: f64 = 25.0;

pub async fn size(stage: &Stage) -> Outcome<Vec<Row>> {
    let bytes = std::fs::metadata(stage.binary())?.len();
    #[expect(clippy::cast_precision_loss, reason = "the size of a file")]
    let megabytes = bytes as f64 / 1e6;
    Ok(vec![Row {
        what: "stripped release binary",
        target: "at most 25 MB",
        measured: format!("{megabytes:.1} MB"),
        verdict: Verdict::of(megabytes <= LARGEST_MB),
    }])
}
