//! Rates and latencies of the sidecar alone.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::StatusCode;

use crate::Outcome;
use crate::contest::{Contender, contest, millis, ratio, say_steps};
use crate::drive::{People, histogram, micros, open, per_second};
use crate::journey::{Journey, Kind};
use crate::process::Program;
use crate::report::{Row, Verdict};
use crate::stage::{FEW, Stage, fetch, gets, sign_ins};

/// Far from the people who are in the database.
pub const NEWCOMERS: u64 = 10_000_000;

/// The start beside a bare handler.
pub async fn redirect(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("redirect", &database, &double).start().await?;
    let bare = Program::of_ours(&["bare"], &stage.folder)?;
    let path = format!(
        "/api/auth:redirect?authenticator={}&return=%2Fsignin",
        crate::database::AUTHENTICATOR
    );
    let contender = |name, program: &Program| Contender {
        name,
        journey: gets(program.address, &path, StatusCode::FOUND),
        people: People::Known(1),
        processes: vec![("server", program.pid)],
    };
    let standings = contest(
        stage.plan,
        &[contender("start", &sidecar), contender("bare handler", &bare)],
    )
    .await?;
    let part = ratio(&standings[0], &standings[1]);
    drop(sidecar);
    database.drop().await?;
    Ok(vec![Row {
        what: "`auth:redirect` start, in parts of a bare actix handler's rate",
        target: "at least 0.7",
        measured: format!(
            "{part}: {:.0}/s of {:.0}/s",
            standings[0].rate(),
            standings[1].rate()
        ),
        verdict: Verdict::of(part.middle >= 0.7),
    }])
}

/// A returning sign-in beside the two calls and the statement that it cannot do without.
pub async fn floor(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("floor-sidecar", &database, &double).start().await?;
    let url = database.url().to_string();
    let floor = Program::of_ours(&["floor", &url, &double.url()], &stage.folder)?;
    let contender = |name, journey, program: &Program| Contender {
        name,
        journey,
        people: People::Known(FEW),
        processes: vec![("server", program.pid), ("DingTalk's double", double.pid)],
    };
    let browser = Kind::Browser {
        authenticator: crate::database::AUTHENTICATOR.to_owned(),
    };
    let standings = contest(
        stage.plan,
        &[
            contender("returning sign-in", sign_ins(&[&sidecar]), &sidecar),
            contender(
                "floor, one request",
                Rc::new(Journey {
                    at: vec![floor.address],
                    kind: Kind::FloorSignIn,
                }),
                &floor,
            ),
            contender(
                "floor, three requests",
                Rc::new(Journey {
                    at: vec![floor.address],
                    kind: browser,
                }),
                &floor,
            ),
        ],
    )
    .await?;
    let one = ratio(&standings[0], &standings[1]);
    let three = ratio(&standings[0], &standings[2]);
    drop((sidecar, floor));
    database.drop().await?;
    let p = |part| millis(standings[0].seen.whole.value_at_quantile(part));
    Ok(vec![
        Row {
            what: "returning sign-ins (three requests), 16 connections",
            target: "",
            measured: format!(
                "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
                standings[0].rate(),
                p(0.5),
                p(0.99)
            ),
            verdict: Verdict::Told,
        },
        Row {
            what: "returning sign-in, in parts of the floor's rate (the sign-in request alone)",
            target: "at least 0.6",
            measured: format!(
                "{one}: {:.0}/s of {:.0}/s",
                standings[0].rate(),
                standings[1].rate()
            ),
            verdict: Verdict::of(one.middle >= 0.6),
        },
        Row {
            what: "the same, the floor asked three times as the sidecar is",
            target: "",
            measured: format!("{three}: of {:.0}/s", standings[2].rate()),
            verdict: Verdict::Told,
        },
    ])
}

/// People who were never here.
pub async fn sign_up(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let sidecar = stage.sidecar("sign-up", &database, &double).start().await?;
    let contender = Contender {
        name: "first sign-in",
        journey: sign_ins(&[&sidecar]),
        people: People::New(Arc::new(AtomicU64::new(NEWCOMERS))),
        processes: vec![("sidecar", sidecar.pid), ("DingTalk's double", double.pid)],
    };
    let standings = contest(stage.plan, &[contender]).await?;
    drop(sidecar);
    database.drop().await?;
    let p = |part| millis(standings[0].seen.whole.value_at_quantile(part));
    Ok(vec![Row {
        what: "first sign-ins, 16 connections",
        target: "",
        measured: format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            standings[0].rate(),
            p(0.5),
            p(0.99)
        ),
        verdict: Verdict::Told,
    }])
}

const CALL_MS: u64 = 50;
const PER_SECOND: u64 = 500;
/// A generator or a sidecar that falls behind this part of the rate measures something easier.
const KEPT_UP: f64 = 0.98;

/// What the sidecar adds to a DingTalk that takes its time.
pub async fn latency(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(CALL_MS)?;
    let sidecar = stage.sidecar("latency", &database, &double).start().await?;
    let (journey, people) = (sign_ins(&[&sidecar]), People::Known(FEW));
    open(
        "warming up",
        &journey,
        &people,
        PER_SECOND,
        Duration::from_secs(3),
    )
    .await?;
    fetch(double.address, "/held").await?;
    let lasting = stage.plan.lasting * u32::try_from(stage.plan.rounds)?;
    let (seen, took) = open("open loop", &journey, &people, PER_SECOND, lasting).await?;
    let held: HashMap<u64, u64> = serde_json::from_str(&fetch(double.address, "/held").await?)?;
    drop(sidecar);
    database.drop().await?;
    println!("{PER_SECOND} sign-ins a second: {:.0}/s came about", seen.rate());
    say_steps(&seen);
    let mut added = histogram()?;
    for (attempt, took) in &took {
        let held = held
            .get(attempt)
            .ok_or("DingTalk's double does not know a sign-in")?;
        added.saturating_record(micros(*took).saturating_sub(*held));
    }
    let (p50, p99) = (
        millis(added.value_at_quantile(0.5)),
        millis(added.value_at_quantile(0.99)),
    );
    let was_kept_up = seen.rate() >= per_second(PER_SECOND, Duration::from_secs(1)) * KEPT_UP;
    Ok(vec![Row {
        what: "added to DingTalk's own time (50 ms a call), open loop at 500 sign-ins a second",
        target: "p50 at most 3 ms, p99 at most 25 ms",
        measured: format!(
            "p50 {p50:.1} ms, p90 {:.1} ms, p99 {p99:.1} ms, p99.9 {:.1} ms at {:.0}/s",
            millis(added.value_at_quantile(0.9)),
            millis(added.value_at_quantile(0.999)),
            seen.rate()
        ),
        verdict: Verdict::of(was_kept_up && p50 <= 3.0 && p99 <= 25.0),
    }])
}

/// Two sidecars on one database, each request of a sign-in at the other one.
pub async fn replicas(stage: &Stage) -> Outcome<Vec<Row>> {
    let database = stage.database(FEW).await?;
    let double = stage.double(0)?;
    let first = stage.sidecar("replica-1", &database, &double).start().await?;
    let second = stage.sidecar("replica-2", &database, &double).start().await?;
    let one = Contender {
        name: "one replica",
        journey: sign_ins(&[&first]),
        people: People::Known(FEW),
        processes: vec![("sidecar", first.pid), ("DingTalk's double", double.pid)],
    };
    let both = Contender {
        name: "two replicas, each request at the other one",
        journey: sign_ins(&[&first, &second]),
        people: People::Known(FEW),
        processes: vec![
            ("first", first.pid),
            ("second", second.pid),
            ("DingTalk's double", double.pid),
        ],
    };
    let standings = contest(stage.plan, &[one, both]).await?;
    let part = ratio(&standings[1], &standings[0]);
    drop((first, second));
    database.drop().await?;
    Ok(vec![Row {
        what: "two replicas on the same two cores, in parts of one's rate",
        target: "",
        measured: format!(
            "{part}: {:.0}/s of {:.0}/s",
            standings[1].rate(),
            standings[0].rate()
        ),
        verdict: Verdict::Told,
    }])
}
