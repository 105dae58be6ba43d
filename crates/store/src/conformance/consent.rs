//! Consent: for one request, and remembered.

use super::fixture::{MINUTE, World, at, scope};
use super::list;
use crate::authorization::AuthorizationState;

list!["consent":
    az22_consent_is_remembered_only_if_asked,
    az22_consents_add_up_and_stay_apart,
    consent_is_for_a_request_that_waits,
];

async fn az22_consent_is_remembered_only_if_asked(w: World) {
    let (shop, olena) = (w.client("shop").await, w.user("olena").await);
    let once = w.requested(&shop).await;
    assert_eq!(w.state(once).await, AuthorizationState::Requested { consented: None });
    assert!(w.store.consent_authorization(once, olena, false, at(1)).await.unwrap());
    assert_eq!(w.state(once).await, AuthorizationState::Requested { consented: Some(olena) });
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), None);

    let always = w.requested(&shop).await;
    assert!(w.store.consent_authorization(always, olena, true, at(1)).await.unwrap());
    assert_eq!(w.state(always).await, AuthorizationState::Requested { consented: Some(olena) });
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), Some(scope("openid")));
}

async fn az22_consents_add_up_and_stay_apart(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (olena, taras) = (w.user("olena").await, w.user("taras").await);
    for asked in ["openid email", "openid offline_access"] {
        let request = w.authorization(&shop, asked);
        let id = request.id;
        w.store.request_authorization(request).await.unwrap();
        assert!(w.store.consent_authorization(id, olena, true, at(1)).await.unwrap());
    }
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), Some(scope("openid email offline_access")));
    assert_eq!(w.store.find_consent(taras, &shop).await.unwrap(), None);
    assert_eq!(w.store.find_consent(olena, &mobile).await.unwrap(), None);
}

async fn consent_is_for_a_request_that_waits(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let taras = w.user("taras").await;
    let consent = |id, now| w.store.consent_authorization(id, who.user, true, at(now));

    assert!(!consent(w.authorization_id(), 1).await.unwrap(), "unknown");
    let denied = w.requested(&shop).await;
    assert!(w.store.deny_authorization(denied, at(1)).await.unwrap());
    assert!(!consent(denied, 2).await.unwrap(), "denied");
    let answered = w.requested(&shop).await;
    w.store.approve_authorization(answered, w.new_code(who).await, at(1)).await.unwrap();
    assert!(!consent(answered, 2).await.unwrap(), "answered");
    let expired = w.requested(&shop).await;
    assert!(!consent(expired, 10 * MINUTE).await.unwrap(), "expired");
    assert_eq!(w.state(expired).await, AuthorizationState::Requested { consented: None });
    // A refused consent is not remembered either.
    assert_eq!(w.store.find_consent(who.user, &shop).await.unwrap(), None);

    // Whoever consented last is the one who counts.
    let waiting = w.requested(&shop).await;
    assert!(consent(waiting, 10 * MINUTE - 1).await.unwrap());
    assert!(w.store.consent_authorization(waiting, taras, false, at(10 * MINUTE - 1)).await.unwrap());
    assert_eq!(w.state(waiting).await, AuthorizationState::Requested { consented: Some(taras) });
}
