//! Bugs that the operator could have, planted between the engine and the world. A simulation that does not find them would
//! not find others. They stand in this test alone: the product has no switch for them.

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Takes everything in the target for ours.
    SkipOwnership,
    /// Takes the finalizer for written without writing it.
    ForgetFinalizer,
    /// Lets an object go without asking whether its resource went.
    BelieveDelete,
    /// Writes whether it holds the Lease or not.
    WriteWithoutLease,
    /// Leaves the revision out of its updates.
    ForgetRevision,
    /// Reads objects from a cache that lags.
    TrustStaleCache,
    /// Loses an event of a watch now and then, and goes on.
    LoseEvent,
    /// Does not hear of Secrets that change.
    LoseSecret,
    /// Takes a read's noise for somebody's change.
    SeeGhosts,
    /// Logs the values of Secrets.
    LogSecret,
}

impl Bug {
    /// All, with a part of what is said of the wrong that each does.
    pub const ALL: [(Self, &'static [&'static str]); 10] = [
        (Self::SkipOwnership, &["what is not ours is written"]),
        (Self::ForgetFinalizer, &["the resource is left behind"]),
        (Self::BelieveDelete, &["its finalizer goes before its resource"]),
        (Self::WriteWithoutLease, &["written without the Lease"]),
        (Self::ForgetRevision, &["what is not ours is written"]),
        (Self::TrustStaleCache, &["the resource differs", "there is no resource", "says", "should be"]),
        (
            Self::LoseEvent,
            &["the resource differs", "there is no resource", "says", "should be", "does not go"],
        ),
        (Self::LoseSecret, &["another secret", "should be"]),
        (Self::SeeGhosts, &["it writes in peace"]),
        (Self::LogSecret, &["a secret stands in the log"]),
    ];
}
