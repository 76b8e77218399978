//! Which replica has which objects: each object is in one of a number of shards, for ever, and a shard is one replica's at
//! a time. Decides by numbers alone; whose a shard is, it is told.
use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    /// The shard of the object whose pass runs.
    static CURRENT: usize;
}

/// Tells whether this replica may write for a shard at this moment.
type Held = dyn Fn(usize) -> bool + Send + Sync;

/// The shards, and those of them that are ours. Clones share it.
#[derive(Clone)]
pub struct Shards {
    count: usize,
    held: Arc<Held>,
}

impl Default for Shards {
    /// One, which is ours.
    fn default() -> Self {
        Self { count: 1, held: Arc::new(|_| true) }
    }
}

impl Shards {
    /// So many shards (at least one); `held` tells which are ours, and is asked before each write.
    pub fn new(count: usize, held: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self { count: count.max(1), held: Arc::new(held) }
    }

    /// The shard of an object, by what tells it from all others of its name.
    pub fn of(&self, uid: &str) -> usize {
        shard_of(uid, self.count)
    }

    /// Whether the object is ours now.
    pub fn has(&self, uid: &str) -> bool {
        (self.held)(self.of(uid))
    }

    /// Runs the pass of an object: its writes are asked about by [`Shards::may_write`].
    pub async fn within<T>(&self, uid: &str, pass: impl Future<Output = T>) -> T {
        CURRENT.scope(self.of(uid), pass).await
    }

    /// Whether the pass that runs may write at this moment. Outside of any pass nobody may.
    ///
    /// # Errors
    /// Why not.
    pub fn may_write(&self) -> Result<(), String> {
        match CURRENT.try_with(|shard| (self.held)(*shard)) {
            Ok(true) => Ok(()),
            Ok(false) => Err("another replica leads: this one does not write".to_owned()),
            Err(_) => Err("no pass runs: nothing is written".to_owned()),
        }
    }
}

/// Rendezvous hashing: the shard with the highest score. A shard more takes its share from each of the others, and moves
/// nothing between these.
pub fn shard_of(uid: &str, count: usize) -> usize {
    (0..count).max_by_key(|shard| score(uid, *shard)).unwrap_or_default()
}

/// FNV-1a over both, then mixed (its high bits know little of the last bytes). The same in every process and version:
/// replicas must agree.
fn score(uid: &str, shard: usize) -> u64 {
    let shard = u64::try_from(shard).unwrap_or_default().to_le_bytes();
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = uid.as_bytes().iter().chain(&shard).fold(0xcbf2_9ce4_8422_2325, fnv);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids() -> impl Iterator<Item = String> {
        (0..10_000).map(|n| format!("3f1c9d1e-0000-4000-8000-{n:012x}"))
    }

    #[test]
    fn objects_are_spread_evenly() {
        for count in [1, 2, 3, 7] {
            let mut sizes = vec![0_usize; count];
            uids().for_each(|uid| sizes[shard_of(&uid, count)] += 1);
            let even = 10_000 / count;
            assert!(sizes.iter().all(|size| size.abs_diff(even) < even / 10), "{sizes:?}");
        }
    }

    #[test]
    fn a_shard_more_moves_nothing_between_the_others() {
        for uid in uids() {
            let (before, after) = (shard_of(&uid, 3), shard_of(&uid, 4));
            assert!(after == before || after == 3, "{uid}");
        }
    }

    /// What is written down here stands in every version: replicas of two versions run at once while one is rolled out.
    #[test]
    fn shards_are_the_same_for_ever() {
        let uid = "b7a0b3c1-7d0f-4a52-9a9e-4c1d5c2f9a11";
        assert_eq!([1, 2, 3, 5, 8].map(|count| shard_of(uid, count)), [0, 0, 2, 4, 4]);
    }

    #[tokio::test]
    async fn only_a_pass_of_a_shard_that_is_held_may_write() {
        let shards = Shards::new(2, |shard| shard == 0);
        assert!(shards.may_write().is_err());
        for uid in uids().take(20) {
            let may = shards.within(&uid, async { shards.may_write().is_ok() }).await;
            assert_eq!(may, shards.has(&uid));
            assert_eq!(may, shards.of(&uid) == 0);
        }
    }
}
