//! The numbers that people keep in a spelling of their own, remembered for a moment.
//!
//! An index finds a number by how it is spelt, and there is no end of spellings. So those that are not plainly one of the
//! mainland's are read as a whole and compared by what is dialled; a crowd of first sign-ins reads them once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::nocobase::{Store, StoreError};
use crate::phone::Dialled;
use crate::ttl_cell::TtlCell;

/// Sorted by number.
type PhonesByNumber = Arc<[(Dialled, String)]>;

/// The unusual spellings of a site; clones share them.
#[derive(Clone)]
pub struct KnownPhones {
    store: Store,
    known: Arc<TtlCell<PhonesByNumber>>,
    /// What was understood the last time: asking the plans of numbers costs more than reading the numbers.
    understood: Arc<Mutex<PhonesByNumber>>,
}

impl KnownPhones {
    /// Those of these tables.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            known: Arc::new(TtlCell::new(clock)),
            understood: Arc::new(Mutex::new(PhonesByNumber::from([]))),
        }
    }

    /// How users have spelt this number, where their spelling is unusual.
    pub async fn of(&self, number: Dialled) -> Result<Vec<String>, StoreError> {
        let known = self.known.get(self.read()).await?;
        let first = known.partition_point(|(other, _)| *other < number);
        let same = known[first..].iter().take_while(|(other, _)| *other == number);
        Ok(same.map(|(_, spelling)| spelling.clone()).collect())
    }

    async fn read(&self) -> Result<PhonesByNumber, StoreError> {
        let unusual = self.store.users().unusual_phones().await?;
        let mut understood = self.understood.lock().unwrap_or_else(PoisonError::into_inner);
        let before: HashMap<&str, Dialled> = understood
            .iter()
            .map(|(number, spelling)| (spelling.as_str(), *number))
            .collect();
        let number_of = |spelling: &str| before.get(spelling).copied().or_else(|| Dialled::read(spelling));
        let mut now: Vec<_> = unusual
            .into_iter()
            .filter_map(|spelling| Some((number_of(&spelling)?, spelling)))
            .collect();
        now.sort_unstable();
        *understood = now.into();
        Ok(Arc::clone(&understood))
    }
}
