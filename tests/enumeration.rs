//! Whether an account exists shows nowhere: same status, same bytes, same headers, same kind of writes, same time.
//! PW-21, PW-22, TH-2, T2.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use brama_testkit::{Browser, Reply, Storage, TestServer, html, rows, seeds};

/// Names of the same length, so that what is typed and shown again can be masked.
const CLASSES: &[(&str, &str, &str)] = &[
    ("unknown", "nobody1", "wrong password, quite"),
    ("wrong password", "oksana1", "wrong password, quite"),
    ("right password of a disabled account", "ostap_1", seeds::PASSWORD),
    ("wrong password of a disabled account", "ostap_1", "wrong password, quite"),
    ("account without a password", "odarka1", "wrong password, quite"),
];

async fn server(storage: Storage, real: bool) -> TestServer {
    let server = TestServer::with(|options| {
        options.storage = storage;
        options.unlimited_addresses();
        options.settings.throttle.account.free = u32::MAX;
        if real {
            options.real_hashing();
        }
    })
    .await;
    seeds::put_user(&server, "oksana1", Some(seeds::PASSWORD)).await;
    seeds::put_user(&server, "ostap_1", Some(seeds::PASSWORD)).await;
    seeds::set_status(&server, "ostap_1", brama_store::user::UserStatus::Disabled).await;
    seeds::put_user(&server, "odarka1", None).await;
    server
}

/// Everything an observer sees, without what differs from answer to answer by design.
fn seen(reply: &Reply, name: &str) -> String {
    let mut text = reply.to_string().replace(name, "NAME");
    if let Some(form) = html::forms(&text).into_iter().find(|form| form.action == "/sign-in" && form.method == "post") {
        text = text.replace(&form.fields["csrf"], "CSRF");
    }
    let masked = [reply.header("x-request-id").map(ToOwned::to_owned), nonce(reply)];
    masked.into_iter().flatten().fold(text, |text, value| text.replace(&value, "MASKED"))
}

fn nonce(reply: &Reply) -> Option<String> {
    let policy = reply.header("content-security-policy")?;
    Some(policy.split_once("nonce-")?.1.split_once('\'')?.0.to_owned())
}

#[tokio::test]
async fn pw21_the_cookie_endpoint_answers_byte_for_byte_alike() {
    let server = server(Storage::Memory, false).await;
    let mut answers = BTreeSet::new();
    for (class, name, password) in CLASSES {
        let reply = Browser::new(&server).log_in(name, password).await;
        assert_eq!(reply.status, 401, "{class}");
        answers.insert(seen(&reply, name));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn pw21_the_sign_in_page_answers_byte_for_byte_alike() {
    let server = server(Storage::Memory, false).await;
    let mut answers = BTreeSet::new();
    // One browser, so that the cookie of the page is the same.
    let mut browser = Browser::new(&server);
    let page = browser.visit("/sign-in").await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    for (class, name, password) in CLASSES {
        let reply = browser.submit_step(&form, &[("username", name), ("password", password)]).await;
        assert_eq!(reply.status, 401, "{class}");
        let whole = seen(&reply, name);
        assert!(whole.len() < 2600 + 2000 && reply.text().len() > 1000);
        answers.insert(format!(
            "{whole}\n{}",
            reply.text().replace(name, "NAME").replace(&nonce(&reply).unwrap(), "MASKED")
        ));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn pw21_only_counters_are_written_whoever_it_was() {
    let server = server(Storage::Disk, false).await;
    for (class, name, password) in CLASSES {
        // The first attempt makes the counters, the second finds them.
        Browser::new(&server).log_in(name, password).await;
        let before = rows::dump(&server);
        Browser::new(&server).log_in(name, password).await;
        let after = rows::dump(&server);
        let changed: Vec<&String> = before.keys().filter(|table| before[*table] != after[*table]).collect();
        assert_eq!(changed, ["throttle"], "{class}");
        assert_eq!(before["throttle"].len(), after["throttle"].len(), "{class}");
    }
}

/// The medians of 200 attempts per class differ by less than a tenth. Needs a quiet machine, so it runs on request.
#[tokio::test]
#[ignore = "measures time; run it alone on a quiet machine"]
async fn pw22_every_class_takes_the_same_time() {
    let server = server(Storage::Memory, true).await;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); CLASSES.len()];
    for _ in 0..200 {
        for (index, (_, name, password)) in CLASSES.iter().enumerate() {
            let began = Instant::now();
            assert_eq!(Browser::new(&server).log_in(name, password).await.status, 401);
            times[index].push(began.elapsed());
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64()
        })
        .collect();
    let (least, most) =
        medians.iter().fold((f64::MAX, 0.0_f64), |(least, most), one| (least.min(*one), most.max(*one)));
    assert!(most / least < 1.1, "{medians:?}");
}
