//! Hot operations are one round trip. Design §7.

use brama_protocol::id::GrantId;
use brama_store::authorization::{Authorizations as _, Spend};
use brama_store::grant::{GaveBack, Grants as _, Presenter};
use brama_store::replay::Replays as _;
use brama_store::revoked_token::{RevokedToken, RevokedTokens as _};
use brama_store::session::Sessions as _;

use crate::proxy::in_front_of;
use crate::world::{at, checked, code, database, generation, grant, new_grant, open, presentation, signed_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn design7_hot_operations_are_one_round_trip() {
    let (url, seen) = in_front_of(&database().await).await;
    let mut settings = crate::world::settings(&url);
    // So that every statement was prepared before it is counted.
    settings.pool_max = 1;
    let store = brama_store_postgres::PostgresStore::open(&settings).await.unwrap();
    let who = signed_in(&store, "olena").await;
    let by_cookie = Presenter::Cookie { session: Some(who.secret) };
    let grant = grant(&store, &who).await;
    for (round, counted) in [(0, false), (1, true), (2, true)] {
        let code = code(&store, &who).await;
        let began = seen.questions();
        let round_trips = |what: &str, before: u32| {
            if counted {
                assert_eq!(seen.questions() - before, 1, "{what}");
            }
            seen.questions()
        };
        assert!(store.find_session(who.secret, at(1)).await.unwrap().is_some());
        let after = round_trips("find_session", began);
        let looked = store.look(presentation(&grant, 2 * round, by_cookie), at(1)).await.unwrap();
        assert_eq!(generation(&looked), Some(2 * round));
        let after = round_trips("look", after);
        let now = at(100 * i64::try_from(round + 1).unwrap());
        let rotated = store.rotate(presentation(&grant, 2 * round, by_cookie), now).await.unwrap();
        assert_eq!(generation(&rotated), Some(2 * round + 1));
        let after = round_trips("rotate, by cookie, beside the note of the session's use", after);
        let rotated = store.rotate(presentation(&grant, 2 * round + 1, Presenter::PublicClient), now).await.unwrap();
        assert_eq!(generation(&rotated), Some(2 * round + 2));
        let after = round_trips("rotate", after);
        let kept = presentation(&grant, 2 * round + 2, Presenter::ConfidentialClient);
        assert_eq!(generation(&store.rotate(kept, now).await.unwrap()), Some(2 * round + 2));
        let after = round_trips("a confidential client keeps its token", after);
        assert!(store.find_grant(grant.id, at(1)).await.unwrap().is_some());
        let after = round_trips("find_grant", after);
        assert!(store.find_grant_of_token(grant.id, "jti", at(1)).await.unwrap().is_some());
        let after = round_trips("find_grant_of_token", after);
        let key = [u8::try_from(round).unwrap(); 32];
        assert!(store.first_seen(key, at(60), at(1)).await.unwrap());
        let after = round_trips("first_seen", after);
        let (client, own) = (who.client.clone(), Some(grant.id));
        let token =
            RevokedToken { jti: format!("jti-{round}"), expires_at: at(60), client: client.clone(), grant: own };
        assert!(store.revoke_token(token, at(1)).await.unwrap());
        let after = round_trips("revoke_token", after);
        let nobodys = GrantId::new(at(0), [9; 10]);
        assert_eq!(store.revoke_grant(nobodys, &client, at(1)).await.unwrap(), GaveBack::Nothing);
        round_trips("revoke_grant", after);
        let code = checked(&store, code).await;
        let after = seen.questions();
        let spent = store.spend_code(code, new_grant(&who), at(1)).await.unwrap();
        assert!(matches!(spent, Spend::Now(_)));
        round_trips("spend_code", after);
        let (found, _) = store.find_session(who.secret, now).await.unwrap().unwrap();
        assert_eq!(found.last_seen_at, now);
    }
}

/// Two rotations of the same moment share a statement; a lone one waits for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn design7_rotations_share_statements_under_load() {
    let (url, seen) = in_front_of(&database().await).await;
    let store = std::sync::Arc::new(open(&url).await);
    let who = signed_in(&store, "olena").await;
    let mut grants = Vec::new();
    for _ in 0..200 {
        grants.push(grant(&store, &who).await);
    }
    let before = seen.questions();
    let tasks: Vec<_> = grants
        .into_iter()
        .map(|grant| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                let came = store.rotate(presentation(&grant, 0, Presenter::PublicClient), at(1)).await.unwrap();
                assert_eq!(generation(&came), Some(1));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let statements = seen.questions() - before;
    assert!(statements < 100, "{statements} statements for 200 rotations");
}
