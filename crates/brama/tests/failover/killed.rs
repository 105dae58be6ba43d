//! The primary is killed, twenty times.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::outage::summary;
use crate::pair::{Alone, Pair};
use crate::world::World;

/// How often, unless this says otherwise.
const KILLS: u32 = 20;
const VARIABLE: &str = "BRAMA_TEST_KILLS";

fn kills() -> u32 {
    std::env::var(VARIABLE).ok().map_or(KILLS, |number| number.parse().expect("a number"))
}

/// What the manager of the pair needed, from the kill on: this part of the outage is not ours.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Manager {
    /// Until the standby had become the primary.
    promoted: Duration,
    /// Until the old primary was its standby.
    rebuilt: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_every_kill_of_the_primary() {
    let kills = kills();
    let pair = Arc::new(Mutex::new(Pair::start()));
    let url = pair.lock().unwrap().url.clone();
    let mut world = World::start(&url).await;
    let (mut waiting, mut going_on, mut until_all) = (Vec::new(), Vec::new(), Vec::new());
    for kill in 1..=kills {
        let alone = if kill % 2 == 0 { Alone::Waits } else { Alone::GoesOn };
        let pair = Arc::clone(&pair);
        let (outage, manager) = world
            .live_through(kill == kills, move |watch| {
                let mut pair = pair.lock().unwrap();
                std::thread::sleep(Duration::from_millis(300));
                pair.kill();
                watch.kill();
                let killed = Instant::now();
                pair.promote(alone);
                let promoted = killed.elapsed();
                pair.rebuild();
                Manager { promoted, rebuilt: killed.elapsed() }
            })
            .await;
        println!("kill {kill:2}, alone the new primary {alone:?}: {outage:.1?}, {manager:.1?}");
        if alone == Alone::Waits {
            waiting.push(outage.first)
        } else {
            going_on.push(outage.first)
        }
        until_all.push(outage.all);
    }
    let told = world.tally();
    println!("write outage where a lone primary goes on: {}", summary(going_on));
    println!("write outage where it waits for a standby: {}", summary(waiting));
    println!("until everybody's write went through: {}", summary(until_all));
    let bystanders = &world.bystanders;
    println!("acknowledged: {told:?}");
    println!("keys and metadata: {:?}", bystanders.documents);
    println!("verified by an API: {:?}", bystanders.api);
    println!("client credentials: {:?}", bystanders.robot);
    println!("userinfo: {:?}", bystanders.reader);
    assert_eq!(told.codes_lost, 0, "codes that brought nothing");
    // The test means something only if a lot was going on.
    let each = |number: u64| number >= u64::from(kills);
    assert!(
        each(told.refreshes / 20) && each(told.codes) && each(told.sign_outs) && each(told.replays / 2),
        "{told:?}"
    );
    assert!(each(told.refused), "nobody noticed anything: {told:?}");
    assert!(each(bystanders.documents.answers) && each(bystanders.api.answers) && each(bystanders.robot.answers));
}
