//! How many links still hold what people were recognized by earlier, where they are recognized by union id now.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use super::SignIn;
use crate::authenticator::LookUpError;
use crate::clock::{Clock, is_recent};
use crate::nocobase::{Authenticator, LinkKinds, Page, Store, StoreError, SubjectKind};
use crate::product::AUTH_TYPE;
use crate::ttl_cell::TtlCell;

const AUTHENTICATORS_REMEMBERED: u64 = 100;
/// Counting reads all links, of which a site may have fifty thousand. Where none was left, only new settings could have
/// brought some about: so long it is not counted again, and not relied on while the settings are as young.
const NONE_REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(1);

/// Which kinds of id the links of each authenticator hold, remembered for a moment; clones share it.
#[derive(Clone)]
pub struct FormerLinks {
    store: Store,
    clock: Clock,
    kinds: Cache<String, Arc<TtlCell<LinkKinds>>>,
    none_left: Cache<String, NoneLeft>,
}

/// When none was left, under settings of which time.
#[derive(Clone, Copy)]
struct NoneLeft {
    at: DateTime<Utc>,
    settings_of: DateTime<Utc>,
}

impl FormerLinks {
    /// Those of these tables.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            kinds: Cache::new(AUTHENTICATORS_REMEMBERED),
            none_left: Cache::new(AUTHENTICATORS_REMEMBERED),
        }
    }

    /// Which kinds of id the links of this authenticator hold.
    pub(super) async fn kinds(&self, authenticator: &Authenticator) -> Result<LinkKinds, StoreError> {
        let (name, now) = (authenticator.name.as_str(), self.clock.now());
        let settings_of = authenticator.updated_at;
        let known = self.none_left.get(name);
        if known.is_some_and(|none| {
            is_recent(none.at, now, NONE_REMEMBERED_FOR) && settings_of == Some(none.settings_of)
        }) {
            return Ok(LinkKinds::default());
        }
        let remembered = self
            .kinds
            .get_with_by_ref(name, || Arc::new(TtlCell::new(self.clock.clone())));
        let kinds = remembered.get(self.store.links().kinds(name)).await?;
        let settled = settings_of.filter(|changed| now - *changed > NONE_REMEMBERED_FOR);
        if let Some(settings_of) = settled
            && kinds.former() == 0
        {
            let none = NoneLeft { at: now, settings_of };
            self.none_left.insert(name.to_owned(), none);
        }
        Ok(kinds)
    }
}

impl SignIn {
    /// The links that will be converted, of one authenticator or of all.
    pub async fn former_links(&self, authenticator: Option<&str>) -> Result<LinkKinds, StoreError> {
        let mut all = LinkKinds::default();
        for row in self.store.authenticators().page(Page::ALL).await?.rows {
            if row.auth_type != AUTH_TYPE || authenticator.is_some_and(|name| name != row.name) {
                continue;
            }
            match self.registry.options_of(&row).await {
                Ok(options) if options.subject == SubjectKind::UnionId => {
                    all.add(self.store.links().kinds(&row.name).await?);
                }
                Err(LookUpError::Store(error)) => return Err(error),
                // By something else, or by nothing that can be read: nothing is converted.
                Ok(_) | Err(LookUpError::Options(_) | LookUpError::NotFound) => {}
            }
        }
        Ok(all)
    }
}
