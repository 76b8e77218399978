//! Several objects that ask for one resource: which of them has it. The first does whose write is on record, then the
//! oldest; so every process says the same, and a restart changes nothing. Pure: decides from what the store holds.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource as _;

use super::status;
use crate::kube::object::{Key, Object};

/// How an object asks for its resource, as far as it matters to others that ask for the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stake {
    /// A write for it is on record.
    pub recorded: bool,
    /// When it was made, in seconds since the epoch.
    pub born: i64,
    /// It is to go.
    pub deleting: bool,
    /// Nothing is written for it: it is to be left alone, or to be compared only.
    pub aside: bool,
    /// What identifies the resource beside the name, where there is more.
    pub parts: Box<[String]>,
}

/// The others that ask for the resource of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    /// The one that has it before the object does.
    pub first: Option<Key>,
    /// Those that take it over when the object goes, if they stay.
    pub heirs: Vec<Key>,
}

impl Stake {
    /// The stake of an object as it was read.
    pub fn of(object: &Object, aside: bool, parts: Box<[String]>) -> Self {
        Self {
            recorded: status::record(&object.status()).is_some_and(|record| record.is_of_a_write()),
            born: object.meta().creation_timestamp.as_ref().map_or(0, |Time(born)| born.as_second()),
            deleting: object.is_deleting(),
            aside,
            parts,
        }
    }

    /// Whether it keeps others from the resource.
    pub fn stands(&self) -> bool {
        !self.deleting && !self.aside
    }

    /// The smaller has the resource.
    fn rank<'a>(&self, uid: &'a str) -> (bool, i64, &'a str) {
        (!self.recorded, self.born, uid)
    }
}

/// Who else there is, for an object of this uid and stake, among the others that ask for the same.
pub fn rivals<'a>(
    uid: &str,
    stake: &Stake,
    others: impl Iterator<Item = (&'a Key, &'a str, &'a Stake)>,
) -> Rivals {
    let mut rivals = Rivals::default();
    let mut before = stake.rank(uid);
    for (key, uid, other) in others.filter(|(_, _, other)| other.stands() && other.parts == stake.parts) {
        rivals.heirs.push(key.clone());
        let rank = other.rank(uid);
        if rank < before {
            before = rank;
            rivals.first = Some(key.clone());
        }
    }
    rivals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(recorded: bool, born: i64) -> Stake {
        Stake { recorded, born, ..Stake::default() }
    }

    fn first(uid: &str, mine: &Stake, others: &[(&str, Stake)]) -> Option<String> {
        let keys: Vec<_> = others.iter().map(|(uid, _)| Key::new("K", "ns", *uid)).collect();
        let others = keys.iter().zip(others).map(|(key, (uid, claim))| (key, *uid, claim));
        rivals(uid, mine, others).first.map(|key| key.name.to_string())
    }

    #[test]
    fn who_wrote_has_it_and_else_the_oldest() {
        for (mine, other, has_it) in [
            (stake(false, 1), stake(false, 2), true),
            (stake(false, 2), stake(false, 1), false),
            (stake(true, 2), stake(false, 1), true),
            (stake(false, 1), stake(true, 2), false),
            (stake(true, 2), stake(true, 1), false),
            // Made in the same second: the uid says.
            (stake(false, 1), stake(false, 1), true),
        ] {
            let (me, it) = (("a", &mine), ("b", &other));
            assert_eq!(first(me.0, me.1, &[(it.0, it.1.clone())]).is_none(), has_it, "{mine:?} {other:?}");
            // The other one says the same.
            assert_eq!(first(it.0, it.1, &[(me.0, me.1.clone())]).is_none(), !has_it, "{mine:?} {other:?}");
        }
    }

    #[test]
    fn of_many_one_has_it() {
        let all =
            [("a", stake(false, 3)), ("b", stake(true, 9)), ("c", stake(true, 7)), ("d", stake(false, 1))];
        for (uid, mine) in &all {
            let others: Vec<_> = all.iter().filter(|(other, _)| other != uid).cloned().collect();
            assert_eq!(first(uid, mine, &others), (*uid != "c").then(|| "c".to_owned()), "{uid}");
        }
    }

    #[test]
    fn who_goes_stands_aside_or_means_another_is_no_rival() {
        let gone = Stake { deleting: true, ..stake(true, 1) };
        let aside = Stake { aside: true, ..stake(true, 1) };
        let other = Stake { parts: ["x".to_owned()].into(), ..stake(true, 1) };
        let others = [("a", gone), ("b", aside), ("c", other)];
        assert_eq!(first("z", &stake(false, 9), &others), None);
        let key = Key::new("K", "ns", "n");
        let others = others.iter().map(|(uid, stake)| (&key, *uid, stake));
        assert_eq!(rivals("z", &stake(false, 9), others), Rivals::default());
    }
}
