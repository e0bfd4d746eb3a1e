//! Two sidecars on one database, and people who come at the same moment.

use std::sync::Arc;

use nocobase_dingtalk::app::App;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Sources};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::Stop;

use crate::support::database::{Kind, TestDatabase, now, on};
use crate::support::shared_site::SharedSite;

const KINDS: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::MariaDb];

/// A site with two sidecars.
struct TwoDoors {
    site: Arc<SharedSite>,
    urls: Vec<String>,
    stops: Vec<Stop>,
}

impl TwoDoors {
    async fn on(database: Arc<TestDatabase>) -> Self {
        let site = SharedSite::on(database, Clock::manual(now())).await;
        let (mut urls, mut stops) = (Vec::new(), Vec::new());
        for instance in ["1", "2"] {
            let settings = site.settings(instance, &[]);
            let pairs: Vec<(&str, &str)> = settings
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let config = Config::load(&Sources::of_pairs(&pairs)).unwrap();
            let app = App::build(config, Clock::manual(now()), Entropy::secure(), None)
                .await
                .unwrap();
            let url = format!("http://{}", app.address());
            site.register_sidecar(&url);
            urls.push(url);
            stops.push(app.stopper());
            tokio::spawn(app.run());
        }
        Self {
            site: Arc::new(site),
            urls,
            stops,
        }
    }

    async fn close(self) {
        for stop in self.stops {
            stop.now().await;
        }
    }
}

#[tokio::test]
async fn one_person_who_comes_twenty_times_at_once_to_two_sidecars_is_one_user() {
    for kind in KINDS {
        on(kind, |database| async move {
            let two = TwoDoors::on(database).await;
            two.site.one_person_in_many_browsers(&two.urls, 1, 20).await;
            two.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn people_whose_sign_ins_interleave_are_never_taken_for_each_other() {
    for kind in KINDS {
        on(kind, |database| async move {
            let two = TwoDoors::on(database).await;
            two.site.many_different_people(&two.urls, 1, 24, now()).await;
            two.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn of_two_people_who_claim_one_phone_number_at_once_one_gets_in() {
    for kind in KINDS {
        on(kind, |database| async move {
            let two = TwoDoors::on(database).await;
            two.site.one_phone_claimed_twice(&two.urls, 1, 6, now()).await;
            two.close().await;
        })
        .await;
    }
}
