//! The real peers and two replicas of the operator, killed at random while people edit without pause; afterwards every
//! custom resource and the peer's resources must agree exactly, and stay so without a write.
//! `CHAOS_SECONDS=n` says how long it goes on, `CHAOS_SEED=n` what is drawn (the machine's timing stays its own).
#[path = "../support/control.rs"]
mod control;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
#[path = "../support/operator.rs"]
mod operator;
#[path = "../support/teleport.rs"]
mod teleport;

mod agreement;
mod people;
mod world;

use std::time::{Duration, Instant};

use agreement::disagreements;
use people::People;
use world::{Victim, World};

/// How long it goes on where nobody says: with its beginning and end, a minute and a half on an idle machine.
const SECONDS: u64 = 60;
/// How long all may take to agree, once everything runs: longer than the longest backoff that edits leave behind.
const PATIENCE: Duration = Duration::from_secs(330);
/// How long it must stay so.
const PEACE: Duration = Duration::from_secs(10);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn everything_agrees_after_chaos() {
    let seed = number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let mut dice = fastrand::Rng::with_seed(seed);
    let long = Duration::from_secs(number("CHAOS_SECONDS").unwrap_or(SECONDS));
    println!("CHAOS_SEED={seed}");
    let mut world = World::new();
    let people = People::start(&world, seed);
    let began = Instant::now();
    let mut kills = std::collections::BTreeMap::<Victim, u32>::new();
    while began.elapsed() < long {
        std::thread::sleep(Duration::from_millis(dice.u64(200..4000)));
        world.revive_ended();
        match dice.u8(..3) {
            0 => world.meddle(&mut dice),
            _ => {
                let victim = Victim::ALL[dice.usize(..Victim::ALL.len())];
                *kills.entry(victim).or_default() += 1;
                world.kill(victim, Duration::from_millis(dice.u64(0..3000)));
            }
        }
    }
    let (done, failed) = people.stop();
    println!("{done} edits done, {failed} not, killed: {kills:?}");
    assert!(done > 20, "people got little done: {done} edits, {failed} failed");

    let began = Instant::now();
    let wrong = loop {
        world.revive_ended();
        let wrong = disagreements(&world);
        if wrong.is_empty() || began.elapsed() > PATIENCE {
            break wrong;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(
        wrong.is_empty(),
        "seed {seed}: not in agreement after {PATIENCE:?}:\n{}\n{}",
        wrong.join("\n"),
        world.logs()
    );
    println!("all agree after {:.1?}", began.elapsed());

    let writes = world.writes();
    std::thread::sleep(PEACE);
    assert_eq!(world.writes(), writes, "it writes in peace\n{}", world.logs());
    assert_eq!(disagreements(&world), [""; 0]);
}
