//! Leaky buckets: how many times something has happened for a key of late. Each time is forgotten after a while, one after
//! the other, as water drips from a leaking bucket; so one number a key is all that is kept.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, TimeDelta, Utc};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Keys remembered; whoever commands more addresses than this is not to be held by a limit for each.
const KEYS: u64 = 10_000;
/// The part of an IPv6 address that one customer is given.
const IPV6_NETWORK: u128 = !0 << 64;

/// What is counted, key by key. Who shares one guards it: reading and writing are two steps.
pub struct LeakyBuckets<K> {
    forgets_one_each: TimeDelta,
    held: Cache<K, Bucket>,
}

/// What is held against one key.
#[derive(Clone, Copy)]
pub struct Bucket {
    /// When the last one will be forgotten.
    forgotten_at: DateTime<Utc>,
    /// When the last one was added.
    last: DateTime<Utc>,
}

impl<K: Hash + Eq + Send + Sync + 'static> LeakyBuckets<K> {
    /// Counts that fall by one in each of these spans.
    pub fn new(forgets_one_each: TimeDelta) -> Self {
        let held = Cache::builder()
            .max_capacity(KEYS)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self {
            forgets_one_each,
            held,
        }
    }

    /// How many there are now.
    pub fn count(&self, key: &K, now: DateTime<Utc>) -> u32 {
        let left = self.held.get(key).map(|held| held.forgotten_at - now);
        let each = self.forgets_one_each.num_milliseconds();
        let count = left.map_or(0, |left| (left.num_milliseconds().max(0) + each - 1) / each);
        count.try_into().unwrap_or(u32::MAX)
    }

    /// How long it takes until there are fewer than `most`.
    pub fn time_until_fewer(&self, key: &K, most: u32, now: DateTime<Utc>) -> TimeDelta {
        let allowed = self.forgets_one_each * i32::try_from(most.saturating_sub(1)).unwrap_or(i32::MAX);
        self.held
            .get(key)
            .map_or_else(TimeDelta::zero, |held| held.forgotten_at - allowed - now)
    }

    /// When the last one was added.
    pub fn last(&self, key: &K) -> Option<DateTime<Utc>> {
        self.held.get(key).map(|held| held.last)
    }

    /// Adds one.
    pub fn add(&self, key: K, now: DateTime<Utc>) {
        let before = self.held.get(&key).map_or(now, |held| held.forgotten_at.max(now));
        let held = Bucket {
            forgotten_at: before + self.forgets_one_each,
            last: now,
        };
        self.held.insert(key, held);
    }

    /// Takes some back that should not have been added.
    pub fn take_back(&self, key: K, count: u32) {
        if let Some(held) = self.held.get(&key) {
            let by = self.forgets_one_each * i32::try_from(count).unwrap_or(i32::MAX);
            let forgotten_at = held.forgotten_at - by;
            self.held.insert(key, Bucket { forgotten_at, ..held });
        }
    }

    /// Forgets all of a key.
    pub fn forget(&self, key: &K) {
        self.held.invalidate(key);
    }
}

/// Whom an address stands for: an IPv4 address itself, an IPv6 address the network it is in, because a customer has
/// 2^64 addresses there to choose from.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_forgotten_one_by_one() {
        let tally = LeakyBuckets::new(TimeDelta::seconds(10));
        let start = DateTime::<Utc>::UNIX_EPOCH;
        for _ in 0..3 {
            tally.add("a", start);
        }

        for (seconds, count) in [(0, 3), (10, 2), (19, 2), (20, 1), (29, 1), (30, 0), (900, 0)] {
            let now = start + TimeDelta::seconds(seconds);
            assert_eq!(tally.count(&"a", now), count, "after {seconds} s");
        }
        assert_eq!(tally.count(&"b", start), 0);
        assert_eq!(tally.time_until_fewer(&"a", 3, start), TimeDelta::seconds(10));
        assert_eq!(tally.time_until_fewer(&"a", 4, start), TimeDelta::zero());
    }

    #[test]
    fn no_more_is_taken_back_than_there_is() {
        let tally = LeakyBuckets::new(TimeDelta::seconds(10));
        let start = DateTime::<Utc>::UNIX_EPOCH;
        tally.add("a", start);
        tally.take_back("a", 5);

        assert_eq!(tally.count(&"a", start), 0);
        tally.add("a", start);
        assert_eq!(tally.count(&"a", start), 1, "nothing was saved up");
    }

    #[test]
    fn memory_is_bounded_however_many_keys_there_are() {
        let tally = LeakyBuckets::new(TimeDelta::seconds(10));
        for key in 0..3 * KEYS {
            tally.add(key, DateTime::<Utc>::UNIX_EPOCH);
        }
        tally.held.run_pending_tasks();

        assert_eq!(tally.held.entry_count(), KEYS);
    }

    #[test]
    fn an_address_stands_for_the_network_a_customer_has() {
        for (address, stands_for) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ] {
            let found = network(address.parse().unwrap());
            assert_eq!(found, stands_for.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
