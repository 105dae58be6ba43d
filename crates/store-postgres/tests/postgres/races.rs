//! Two nodes on one database: of everything that may happen once, one of them does it.

use std::sync::Arc;

use brama_store::Unavailable;
use brama_store::authorization::{Authorizations as _, Spend};
use brama_store::grant::{Grants as _, Presenter};
use brama_store::session::Sessions as _;
use brama_store::user::{AddUser, Users as _};
use brama_store_postgres::PostgresStore;

use crate::world::{
    at, checked, code, database, generation, grant, new_grant, new_user, open, presentation, signed_in,
};

const ROUNDS: usize = 40;
const CALLS: usize = 8;

async fn two_nodes() -> [Arc<PostgresStore>; 2] {
    let url = database().await;
    [Arc::new(open(&url).await), Arc::new(open(&url).await)]
}

/// Calls on both nodes in turn, all at once.
async fn race<T, F>(nodes: &[Arc<PostgresStore>; 2], call: impl Fn(Arc<PostgresStore>, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let calls: Vec<_> = nodes.iter().cycle().take(CALLS).enumerate().map(|(n, node)| (n, Arc::clone(node))).collect();
    let tasks: Vec<_> = calls.into_iter().map(|(n, node)| tokio::spawn(call(node, n))).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn az29_a_code_is_spent_on_one_node() {
    let nodes = two_nodes().await;
    let [first, _] = &nodes;
    let who = signed_in(first, "olena").await;
    for round in 0..ROUNDS {
        let code = checked(first, code(first, &who).await).await;
        let spent = race(&nodes, |node, _| {
            let (code, new) = (code.clone(), new_grant(&who));
            async move { node.spend_code(code, new, at(1)).await.unwrap() }
        })
        .await;
        let won: Vec<_> =
            spent.iter().filter_map(|spend| if let Spend::Now(grant) = spend { Some(grant) } else { None }).collect();
        assert_eq!(won.len(), 1, "round {round}: {spent:?}");
        assert_eq!(spent.iter().filter(|spend| matches!(spend, Spend::Already)).count(), CALLS - 1, "{spent:?}");
        // The others were replays. AZ-30.
        for grant in won {
            assert!(first.find_grant(grant.id, at(1)).await.unwrap().is_none(), "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn design5_a_refresh_on_two_nodes_has_one_successor() {
    let nodes = two_nodes().await;
    let [first, second] = &nodes;
    let who = signed_in(first, "olena").await;
    let grant = grant(first, &who).await;
    for round in 0..ROUNDS {
        let presented = u64::try_from(round).unwrap();
        let presenter = Presenter::Cookie { session: Some(who.secret) };
        let outcomes = race(&nodes, |node, _| {
            let grant = grant.clone();
            async move { generation(&node.rotate(presentation(&grant, presented, presenter), at(1)).await.unwrap()) }
        })
        .await;
        assert_eq!(outcomes, [Some(presented + 1); CALLS], "round {round}");
        let (found, _) = second.find_grant(grant.id, at(1)).await.unwrap().unwrap();
        assert_eq!(found.lineage.generation, presented + 1, "rotated once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_given_on_one_node() {
    let nodes = two_nodes().await;
    for round in 0..ROUNDS {
        let added = race(&nodes, |node, n| {
            // Half want it as a name, half as an address, beside another name that all want in the other order.
            let mut new = new_user(&format!("{}@{round}.example", if n % 4 < 2 { "a" } else { "b" }));
            new.email = format!("{}@{round}.example", if n % 4 < 2 { "b" } else { "a" })
                .parse::<String>()
                .ok()
                .and_then(|email| brama_protocol::username::Email::parse(&email).ok());
            async move { node.add_user(new, at(0)).await.unwrap() }
        })
        .await;
        assert_eq!(added.iter().filter(|added| **added == AddUser::Added).count(), 1, "round {round}");
    }
    let [first, _] = &nodes;
    assert_eq!(first.list_users(1000).await.unwrap().len(), ROUNDS);
}

/// Rotations in batches, each beside the end of its session and the end of everything: nobody waits in a circle, and
/// what has ended stays so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn te23_a_refresh_that_races_an_end_on_another_node_does_not_survive_it() {
    let nodes = two_nodes().await;
    let [first, second] = &nodes;
    for round in 0..ROUNDS {
        let who = signed_in(first, &format!("user{round}")).await;
        let mut grants = Vec::new();
        for _ in 0..4 {
            grants.push(grant(first, &who).await);
        }
        let ended = tokio::spawn({
            let (second, who) = (Arc::clone(second), who.clone());
            async move {
                if round % 2 == 0 {
                    assert!(second.end_session(who.user, who.session, at(90)).await.unwrap());
                } else {
                    second.end_everything(who.user, at(90)).await.unwrap();
                }
            }
        });
        let outcomes = race(&nodes, |node, n| {
            let grant = grants.get(n % 4).cloned().unwrap();
            let presenter = Presenter::Cookie { session: Some(who.secret) };
            async move { node.rotate(presentation(&grant, 0, presenter), at(90)).await.map(|came| generation(&came)) }
        })
        .await;
        for outcome in outcomes {
            let outcome: Result<_, Unavailable> = outcome;
            assert!(matches!(outcome, Ok(None | Some(1))), "round {round}: {outcome:?}");
        }
        ended.await.unwrap();
        for grant in &grants {
            assert!(first.find_grant(grant.id, at(91)).await.unwrap().is_none(), "round {round}");
            for presented in [0, 1] {
                let came =
                    second.rotate(presentation(grant, presented, Presenter::PublicClient), at(91)).await.unwrap();
                assert_eq!(generation(&came), None, "round {round}: {came:?}");
            }
        }
    }
}
