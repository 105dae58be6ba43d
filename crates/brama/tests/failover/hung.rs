//! The primary does not die, it hangs: connections to it stay, and new ones are taken and never answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::pair::{Alone, Pair};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_given_up_for_the_one_that_answers() {
    let pair = Arc::new(Mutex::new(Pair::start()));
    let url = pair.lock().unwrap().url.clone();
    let mut world = World::start(&url).await;
    // Whichever of the two is named first.
    for round in 1..=2 {
        let pair = Arc::clone(&pair);
        let (outage, ()) = world
            .live_through(round == 2, move |watch| {
                let mut pair = pair.lock().unwrap();
                std::thread::sleep(Duration::from_millis(300));
                pair.hang();
                watch.kill();
                pair.promote(Alone::GoesOn);
                // Longer than a statement may take, and a connection.
                std::thread::sleep(Duration::from_secs(12));
                assert!(watch.back() > 0, "nobody found the new primary");
                pair.end_the_old_one();
                pair.rebuild();
            })
            .await;
        println!("hang {round}: {outage:.1?}");
        assert!(outage.first < Duration::from_secs(10), "{outage:?}");
    }
    let told = world.tally();
    println!("acknowledged: {told:?}");
    assert_eq!(told.codes_lost, 0, "codes that brought nothing");
}
