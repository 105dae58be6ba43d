//! Accounts: names are one space, passwords change conditionally, the epoch ends what was begun.

use brama_protocol::username::NameKey;

use super::fixture::{World, at, in_parallel, password};
use super::list;
use crate::audit::Event;
use crate::user::{AddUser, NewUser, UserStatus};

list!["user":
    an_account_is_kept_as_given,
    names_are_found_however_they_are_typed,
    names_and_addresses_are_one_space,
    an_account_may_be_named_by_its_own_address,
    one_of_many_who_want_a_name_gets_it,
    accounts_are_listed_by_name,
    pw14_a_rehash_only_replaces_what_it_saw,
    pw14_of_many_rehashes_one_is_written,
    se15_a_new_password_raises_the_epoch,
    se15_disabling_raises_the_epoch_and_enabling_brings_nothing_back,
];

async fn an_account_is_kept_as_given(w: World) {
    let (full, bare) = (w.new_user("Olena", Some("Olena@Example.com")), w.new_user("taras", None));
    let bare = NewUser { name: None, locale: None, password: None, ..bare };
    for new in [&full, &bare] {
        assert_eq!(w.store.find_user(new.id).await.unwrap(), None);
        assert_eq!(w.store.add_user(new.clone(), at(5)).await.unwrap(), AddUser::Added);
        let user = w.find_user(new.id).await;
        assert_eq!(user.username, new.username.as_str());
        assert_eq!(user.email.as_deref(), new.email.as_ref().map(|email| email.as_str()));
        assert!(!user.email_verified);
        assert_eq!((&user.name, &user.locale), (&new.name, &new.locale));
        assert_eq!((user.status, user.created_at, user.updated_at), (UserStatus::Active, at(5), at(5)));
        let (found, stored) = w.store.find_sign_in(&new.username.key()).await.unwrap().unwrap();
        assert_eq!((found, &stored), (user, &new.password));
        assert_eq!(w.audited(new.id, Event::UserAdded).await.len(), 1);
    }
}

async fn names_are_found_however_they_are_typed(w: World) {
    let new = w.new_user("Олена", Some("Olena@Example.com"));
    let id = new.id;
    w.store.add_user(new, at(0)).await.unwrap();
    for typed in ["Олена", "ОЛЕНА", " олена ", "olena@example.com", "OLENA@EXAMPLE.COM"] {
        let found = w.store.find_sign_in(&NameKey::of(typed)).await.unwrap();
        assert_eq!(found.map(|(user, _)| user.id), Some(id), "{typed}");
    }
    for typed in ["", "Олен", "Олена%", "Олен_", "Oлена", "olena@example.co", "' OR 1=1 --"] {
        assert_eq!(w.store.find_sign_in(&NameKey::of(typed)).await.unwrap(), None, "{typed}");
    }
}

async fn names_and_addresses_are_one_space(w: World) {
    let first = w.new_user("olena", Some("olena@example.com"));
    w.store.add_user(first, at(0)).await.unwrap();
    let named_like_an_address = w.new_user("taras@example.com", None);
    w.store.add_user(named_like_an_address, at(0)).await.unwrap();
    for (name, email) in [
        ("OLENA", None),
        ("other", Some("OLENA@example.com")),
        ("Olena@Example.com", None),
        ("other", Some("Taras@Example.com")),
        ("olena", Some("new@example.com")),
    ] {
        let new = w.new_user(name, email);
        let id = new.id;
        assert_eq!(w.store.add_user(new, at(1)).await.unwrap(), AddUser::NameTaken, "{name} {email:?}");
        assert_eq!(w.store.find_user(id).await.unwrap(), None, "{name} {email:?}");
    }
    // Nothing of a refused account stays: neither its name nor its address is taken.
    for (name, email) in [("other", None), ("third", Some("new@example.com"))] {
        assert_eq!(w.store.add_user(w.new_user(name, email), at(2)).await.unwrap(), AddUser::Added, "{name}");
    }
}

async fn an_account_may_be_named_by_its_own_address(w: World) {
    let new = w.new_user("olena@example.com", Some("Olena@Example.com"));
    let id = new.id;
    assert_eq!(w.store.add_user(new, at(0)).await.unwrap(), AddUser::Added);
    let found = w.store.find_sign_in(&NameKey::of("olena@example.com")).await.unwrap();
    assert_eq!(found.map(|(user, _)| user.id), Some(id));
}

async fn one_of_many_who_want_a_name_gets_it(w: World) {
    let wanted: Vec<NewUser> = (0..32)
        .map(|n| if n % 2 == 0 { w.new_user("a@b", None) } else { w.new_user(&format!("user{n}"), Some("A@B")) })
        .collect();
    let added = in_parallel(32, |n| {
        let (store, new) = (w.store.clone(), wanted.get(n).cloned().unwrap());
        async move { store.add_user(new, at(0)).await.unwrap() }
    })
    .await;
    assert_eq!(added.iter().filter(|added| **added == AddUser::Added).count(), 1);
    assert_eq!(w.store.list_users(100).await.unwrap().len(), 1);
}

async fn accounts_are_listed_by_name(w: World) {
    for name in ["taras", "bohdan", "olena", "andrii"] {
        w.user(name).await;
    }
    let names = |users: Vec<crate::user::User>| users.into_iter().map(|user| user.username).collect::<Vec<_>>();
    assert_eq!(names(w.store.list_users(10).await.unwrap()), ["andrii", "bohdan", "olena", "taras"]);
    assert_eq!(names(w.store.list_users(2).await.unwrap()), ["andrii", "bohdan"]);
    assert!(w.store.list_users(0).await.unwrap().is_empty());
}

async fn stored_password(w: &World, name: &str) -> Option<crate::user::SealedPasswordHash> {
    w.store.find_sign_in(&NameKey::of(name)).await.unwrap().unwrap().1
}

async fn pw14_a_rehash_only_replaces_what_it_saw(w: World) {
    let who = w.signed_in("olena").await;
    let (before, audit) = (w.find_user(who.user).await, w.store.audit_of_user(who.user, 100).await.unwrap());
    let rehash = |old, new| w.store.rehash_password(who.user, password(old), password(new));

    assert!(!rehash("another", "second").await.unwrap());
    assert_eq!(stored_password(&w, "olena").await, Some(password("first")));
    assert!(rehash("first", "second").await.unwrap());
    assert_eq!(stored_password(&w, "olena").await, Some(password("second")));
    assert!(!rehash("first", "third").await.unwrap());
    assert_eq!(stored_password(&w, "olena").await, Some(password("second")));
    assert!(!w.store.rehash_password(w.user_id(), password("first"), password("second")).await.unwrap());

    // It is no change of the account: no epoch, no record, and nobody is signed out.
    assert_eq!(w.find_user(who.user).await.epoch, before.epoch);
    assert_eq!(w.store.audit_of_user(who.user, 100).await.unwrap(), audit);
    assert!(w.session_lives(who, 1).await);
}

async fn pw14_of_many_rehashes_one_is_written(w: World) {
    let user = w.user("olena").await;
    let written = in_parallel(16, |n| {
        let store = w.store.clone();
        async move { store.rehash_password(user, password("first"), password(&format!("rehash {n}"))).await.unwrap() }
    })
    .await;
    assert_eq!(written.iter().filter(|written| **written).count(), 1);
    let winner = written.iter().position(|written| *written).unwrap();
    assert_eq!(stored_password(&w, "olena").await, Some(password(&format!("rehash {winner}"))));
}

async fn se15_a_new_password_raises_the_epoch(w: World) {
    let client = w.client("shop").await;
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let (grant, offline) = (w.grant(who, &client).await, w.offline_grant(who, &client).await);
    let others = w.grant(other, &client).await;
    let code = w.code(who, &client).await;
    let epoch = w.epoch(who.user).await;

    assert!(!w.store.set_password(w.user_id(), password("second"), at(10)).await.unwrap());
    assert!(w.store.set_password(who.user, password("second"), at(10)).await.unwrap());

    let user = w.find_user(who.user).await;
    assert!(user.epoch > epoch);
    assert_eq!(user.updated_at, at(10));
    assert_eq!(stored_password(&w, "olena").await, Some(password("second")));
    assert!(!w.session_lives(who, 10).await);
    assert!(w.store.sessions_of(who.user, at(10)).await.unwrap().is_empty());
    assert!(!w.grant_stands(grant.id, 10).await);
    assert!(!w.grant_stands(offline.id, 10).await);
    assert!(matches!(w.spend(code, who, 10).await, crate::authorization::Spend::Ended));
    let rows = w.audited(who.user, Event::PasswordSet).await;
    assert_eq!(rows.iter().map(|row| row.at).collect::<Vec<_>>(), [at(10)]);
    // Other people do not notice.
    assert!(w.session_lives(other, 10).await && w.grant_stands(others.id, 10).await);
    // The new password works.
    let again = w.sign_in(who.user, 11).await;
    assert!(w.session_lives(again, 11).await);
}

async fn se15_disabling_raises_the_epoch_and_enabling_brings_nothing_back(w: World) {
    let client = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, offline) = (w.grant(who, &client).await, w.offline_grant(who, &client).await);
    let code = w.code(who, &client).await;
    let epoch = w.epoch(who.user).await;

    assert!(!w.store.set_user_status(w.user_id(), UserStatus::Disabled, at(10)).await.unwrap());
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(10)).await.unwrap());
    let user = w.find_user(who.user).await;
    assert_eq!((user.status, user.updated_at), (UserStatus::Disabled, at(10)));
    assert!(user.epoch > epoch);
    // The look-up still tells who it is: the flow decides what the page says.
    assert_eq!(w.store.find_sign_in(&NameKey::of("olena")).await.unwrap().unwrap().0.status, UserStatus::Disabled);

    assert!(w.store.set_user_status(who.user, UserStatus::Active, at(20)).await.unwrap());
    assert_eq!(w.find_user(who.user).await.status, UserStatus::Active);
    assert!(!w.session_lives(who, 20).await);
    assert!(!w.grant_stands(grant.id, 20).await && !w.grant_stands(offline.id, 20).await);
    assert!(matches!(w.spend(code, who, 20).await, crate::authorization::Spend::Ended));
    assert_eq!(w.audited(who.user, Event::StatusChanged).await.len(), 2);
}
