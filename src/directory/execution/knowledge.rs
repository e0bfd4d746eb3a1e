//! What is known here, looked up once a run.

use super::Execution;
use crate::directory::known::{Emails, KnownLinks, KnownSite, Records, holders};
use crate::directory::left::{LEFT, Left, MISSING};
use crate::nocobase::{RecordKind, StoreError};

impl Execution<'_> {
    pub(super) async fn known_departments(&self) -> Result<Records, StoreError> {
        if !self.has_departments {
            return Ok(Records::default());
        }
        let records = self.directory.parts().store.sync_records();
        let all = records.all(&self.source.name, RecordKind::Department).await?;
        Ok(Records::new(all))
    }

    /// Of everybody, or of these people only.
    pub(super) async fn known(&self, uids: Option<&[String]>) -> Result<KnownSite, StoreError> {
        let store = &self.directory.parts().store;
        let (source, records) = (&self.source, store.sync_records());
        let people = match uids {
            None => records.all(&source.name, RecordKind::Person).await?,
            Some(uids) => records.some(&source.name, RecordKind::Person, uids).await?,
        };
        let people = Records::new(people);
        let links = match &source.link {
            Some(link) => KnownLinks::new(store.links().subjects(&link.authenticator).await?),
            None => KnownLinks::default(),
        };
        let phones = holders(store.users().phones().await?);
        let emails = if source.options.fields.email {
            Emails::new(store.users().emails().await?)
        } else {
            Emails::default()
        };
        let state = store.directory_state();
        let left = state.list(source.id, LEFT).await?;
        let left = left.into_iter().filter_map(|entry| {
            let left: Left = serde_json::from_str(&entry.value).ok()?;
            Some((entry.name.strip_prefix(LEFT)?.to_owned(), left))
        });
        let missing = state.list(source.id, MISSING).await?;
        let missing = missing
            .into_iter()
            .filter_map(|entry| Some((entry.name.strip_prefix(MISSING)?.to_owned(), entry.at)));
        Ok(KnownSite {
            people,
            departments: self.known_departments().await?,
            links,
            phones,
            emails,
            administrators: store.roles().administrators().await?,
            left: left.collect(),
            missing: missing.collect(),
        })
    }
}
