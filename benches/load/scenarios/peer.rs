//! The sidecar and its bridge beside the community plugin, in one NocoBase on one database.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hyper::StatusCode;

use super::speed::NEWCOMERS;
use crate::Outcome;
use crate::contest::{Contender, Standing, contest, millis, ratio};
use crate::database::AUTHENTICATOR;
use crate::drive::{People, Until, closed};
use crate::journey::{Bridge, Journey, Kind};
use crate::process::Memory;
use crate::report::{Row, Verdict};
use crate::stage::{Peer, Stage, gets};

/// People who are made by signing in once, so that they can return.
const REGULARS: u64 = 64;
/// The community plugin's people are others than ours: two users cannot share a phone number.
const THEIRS: u64 = 20_000_000;
const PUBLIC_LIST: &str = "/api/authenticators:publicList";

/// Nothing without a NocoBase to compare with.
pub async fn compare(stage: &Stage) -> Outcome<Vec<Row>> {
    let Some(peer) = &stage.peer else {
        println!("left out: there is no --peer");
        return Ok(Vec::new());
    };
    let mut rows = returning(stage, peer).await?;
    rows.push(whole_journey(stage, peer).await?);
    rows.push(first(stage, peer).await?);
    rows.push(public_list(stage, peer).await?);
    rows.push(Row {
        what: "resident memory of NocoBase / the sidecar after these",
        target: "",
        measured: format!(
            "{} / {} MiB",
            Memory::of(peer.nocobase_pid)?.now / 1024,
            Memory::of(peer.sidecar_pid)?.now / 1024
        ),
        verdict: Verdict::Told,
    });
    Ok(rows)
}

impl Peer {
    fn sidecar(&self) -> Rc<Journey> {
        let bridge = Bridge::new(self.app_key.as_bytes(), &format!("http://{}", self.nocobase));
        Rc::new(Journey {
            at: vec![self.sidecar],
            kind: Kind::Sidecar(bridge),
        })
    }

    fn in_nocobase(&self, kind: Kind) -> Rc<Journey> {
        Rc::new(Journey {
            at: vec![self.nocobase],
            kind,
        })
    }

    fn contender(&self, name: &'static str, journey: Rc<Journey>, people: People) -> Contender {
        let processes = vec![
            ("NocoBase", self.nocobase_pid),
            ("sidecar", self.sidecar_pid),
            ("DingTalk's double", self.double_pid),
        ];
        Contender {
            name,
            journey,
            people,
            processes,
        }
    }
}

/// A range of people who have all been here once.
async fn regulars(journey: &Rc<Journey>, from: u64) -> Outcome<People> {
    let newcomers = People::New(Arc::new(AtomicU64::new(from)));
    // One after another: the community plugin refuses people who come at once.
    closed("making people", journey, &newcomers, 1, Until::Done(REGULARS)).await?;
    Ok(People::KnownFrom(from, REGULARS))
}

async fn returning(stage: &Stage, peer: &Peer) -> Outcome<Vec<Row>> {
    let (ours, theirs) = (
        peer.sidecar(),
        peer.in_nocobase(Kind::CommunityCallback {
            authenticator: peer.community.clone(),
        }),
    );
    let our_people = regulars(&ours, NEWCOMERS).await?;
    let their_people = regulars(&theirs, THEIRS).await?;
    let standings = contest(
        stage.plan,
        &[
            peer.contender("returning, sidecar alone", ours, our_people),
            peer.contender("returning, community plugin's callback", theirs, their_people),
        ],
    )
    .await?;
    let times = ratio(&standings[0], &standings[1]);
    let p99 = |standing: &Standing| millis(standing.seen.whole.value_at_quantile(0.99));
    let (our_p99, their_p99) = (p99(&standings[0]), p99(&standings[1]));
    Ok(vec![
        Row {
            what: "returning sign-in (three requests) at the sidecar, in times of the community plugin's callback",
            target: "at least 40",
            measured: format!(
                "{times}: {:.0}/s, {:.0}/s",
                standings[0].rate(),
                standings[1].rate()
            ),
            verdict: Verdict::of(times.middle >= 40.0),
        },
        Row {
            what: "its p99, in parts of the community plugin's",
            target: "at most 1/20",
            measured: format!(
                "1/{:.0}: {our_p99:.1} ms of {their_p99:.1} ms",
                their_p99 / our_p99
            ),
            verdict: Verdict::of(our_p99 * 20.0 <= their_p99),
        },
    ])
}

async fn whole_journey(stage: &Stage, peer: &Peer) -> Outcome<Row> {
    let ours = peer.in_nocobase(Kind::Browser {
        authenticator: AUTHENTICATOR.to_owned(),
    });
    let theirs = peer.in_nocobase(Kind::Community {
        authenticator: peer.community.clone(),
    });
    let standings = contest(
        stage.plan,
        &[
            peer.contender(
                "whole journey, bridge",
                ours,
                People::KnownFrom(NEWCOMERS, REGULARS),
            ),
            peer.contender(
                "whole journey, community plugin",
                theirs,
                People::KnownFrom(THEIRS, REGULARS),
            ),
        ],
    )
    .await?;
    let times = ratio(&standings[0], &standings[1]);
    Ok(Row {
        what: "whole journey through the bridge, in times of the community plugin's (address and callback)",
        target: "at least 3",
        measured: format!(
            "{times}: {:.0}/s, {:.0}/s",
            standings[0].rate(),
            standings[1].rate()
        ),
        verdict: Verdict::of(times.middle >= 3.0),
    })
}

async fn first(stage: &Stage, peer: &Peer) -> Outcome<Row> {
    let theirs = peer.in_nocobase(Kind::CommunityCallback {
        authenticator: peer.community.clone(),
    });
    let newcomers = |from| People::New(Arc::new(AtomicU64::new(from + REGULARS)));
    let standings = contest(
        stage.plan,
        &[
            peer.contender("first, sidecar alone", peer.sidecar(), newcomers(NEWCOMERS)),
            peer.contender("first, community plugin's callback", theirs, newcomers(THEIRS)),
        ],
    )
    .await?;
    let times = ratio(&standings[0], &standings[1]);
    Ok(Row {
        what: "first sign-in at the sidecar, in times of the community plugin's",
        target: "at least 25",
        measured: format!(
            "{times}: {:.0}/s, {:.0}/s",
            standings[0].rate(),
            standings[1].rate()
        ),
        verdict: Verdict::of(times.middle >= 25.0),
    })
}

async fn public_list(stage: &Stage, peer: &Peer) -> Outcome<Row> {
    let list = |at| gets(at, PUBLIC_LIST, StatusCode::OK);
    let standings = contest(
        stage.plan,
        &[
            peer.contender("publicList, sidecar", list(peer.sidecar), People::Known(1)),
            peer.contender("publicList, NocoBase", list(peer.nocobase), People::Known(1)),
        ],
    )
    .await?;
    let times = ratio(&standings[0], &standings[1]);
    Ok(Row {
        what: "`authenticators:publicList` at the sidecar, in times of NocoBase's",
        target: "at least 50",
        measured: format!(
            "{times}: {:.0}/s, {:.0}/s",
            standings[0].rate(),
            standings[1].rate()
        ),
        verdict: Verdict::of(times.middle >= 50.0),
    })
}
