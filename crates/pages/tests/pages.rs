//! Every page in every state and both languages: structure, forms, access, content security policy, size.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use brama_pages::{Chrome, Locale, SignIn, SignInProblem, assets, samples, scripts, style};
use support::{Element, elements};

fn every(mut check: impl FnMut(&str, Locale, &str, &[Element])) {
    for locale in Locale::ALL {
        for (name, html) in samples::all(locale).unwrap() {
            check(name, locale, &html, &elements(&html));
        }
    }
}

fn sample(locale: Locale, name: &str) -> String {
    samples::all(locale).unwrap().into_iter().find(|(sample, _)| *sample == name).unwrap().1
}

fn chrome() -> Chrome<'static> {
    Chrome {
        locale: Locale::En,
        nonce: "nonce",
        site_name: "ID",
        path: "/x",
        hidden: &[],
        dev: false,
        support_url: None,
    }
}

/// WH-1: no inline style, handler or script; every script has the nonce and comes from here.
#[test]
fn wh1_nothing_inline() {
    let known: BTreeSet<&str> = scripts().iter().map(|script| script.path.as_str()).collect();
    every(|name, _, _, elements| {
        for element in elements {
            assert_ne!(element.name, "style", "{name}");
            assert_ne!(element.name, "base", "{name}");
            for attribute in element.attributes.keys() {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{name}: {attribute}");
            }
            if element.name == "script" {
                assert_eq!(element.get("type"), Some("module"), "{name}");
                assert_eq!(element.get("nonce"), Some("c2FtcGxlLW5vbmNlLTAwMQ=="), "{name}");
                assert!(known.contains(element.get("src").unwrap()), "{name}");
                assert_eq!(element.text, "", "{name}");
            }
        }
    });
}

/// T6, F1: assets and forms lead to this server only; forms that change something are POST.
#[test]
fn t6_no_third_party_and_forms_stay_here() {
    let paths: BTreeSet<&str> = assets().map(|asset| asset.path.as_str()).collect();
    every(|name, _, _, elements| {
        for element in elements {
            match element.name.as_str() {
                "link" => assert!(paths.contains(element.get("href").unwrap()), "{name}"),
                "img" | "iframe" | "object" | "embed" => assert_eq!(element.name, "", "{name}"),
                // The answer to an app is the one form that leaves (AZ-32).
                "form" if element.get("id") == Some("respond") => {
                    assert!(element.get("action").unwrap().starts_with("https://"), "{name}");
                    assert_eq!(element.get("method"), Some("post"), "{name}");
                    assert_eq!(element.get("accept-charset"), Some("utf-8"), "{name}");
                }
                "form" => {
                    assert!(element.get("action").unwrap().starts_with('/'), "{name}");
                    let languages = element.get("class") == Some("languages");
                    assert_eq!(element.get("method"), Some(if languages { "get" } else { "post" }), "{name}");
                    assert_eq!(element.get("novalidate").is_some(), !languages, "{name}");
                }
                _ => {}
            }
        }
        let csrf = elements.iter().filter(|e| e.get("name") == Some("csrf")).count();
        let posts =
            elements.iter().filter(|e| e.get("method") == Some("post") && e.get("id") != Some("respond")).count();
        assert_eq!(csrf, posts, "{name}: every POST form has its token (WH-11)");
    });
}

/// F2, F4, UX-2: the autocomplete table, and nothing that gets in the way of managers and paste.
#[test]
fn f2_f4_fields() {
    let table =
        BTreeMap::from([("username", "username webauthn"), ("password", "current-password"), ("user_code", "off")]);
    every(|name, _, _, elements| {
        for element in elements.iter().filter(|element| element.name == "input") {
            let field = element.get("name").unwrap();
            let kind = element.get("type").unwrap();
            for forbidden in ["required", "maxlength", "pattern", "disabled", "readonly"] {
                assert_eq!(element.get(forbidden), None, "{name}: {field}");
            }
            if kind == "hidden" {
                continue;
            }
            assert!(elements.iter().any(|e| e.name == "label" && e.get("for") == element.get("id")), "{name}: {field}");
            if kind != "checkbox" {
                assert_eq!(element.get("autocomplete"), Some(table[field]), "{name}");
                assert_eq!(element.get("autocapitalize"), Some("none"), "{name}");
                assert_eq!(element.get("spellcheck"), Some("false"), "{name}");
            }
            if kind == "password" {
                assert_eq!(element.get("value"), None, "{name}: the password is never kept (A3)");
            }
        }
        for button in elements.iter().filter(|element| element.name == "button") {
            assert!(button.get("type").is_some() && button.get("disabled").is_none(), "{name}");
        }
    });
}

/// A1, A2, A5: language and direction, one heading of the first level, a skip link, ids that exist once.
#[test]
fn a1_structure() {
    every(|name, locale, html, elements| {
        assert_eq!(elements[0].get("lang"), Some(locale.tag()), "{name}");
        assert_eq!(elements[0].get("dir"), Some("ltr"), "{name}");
        for only in ["h1", "title", "main", "header", "footer"] {
            assert_eq!(elements.iter().filter(|e| e.name == only).count(), 1, "{name}: {only}");
        }
        let first = elements.iter().skip_while(|e| e.name != "body").nth(1).unwrap();
        assert_eq!((first.name.as_str(), first.get("href")), ("a", Some("#main")), "{name}");
        let ids: Vec<&str> = elements.iter().filter_map(|e| e.get("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}");
        for element in elements {
            for reference in ["aria-describedby", "aria-labelledby", "aria-controls", "for"] {
                for id in element.get(reference).into_iter().flat_map(str::split_ascii_whitespace) {
                    assert!(unique.contains(id), "{name}: {reference}={id}");
                }
            }
            if let Some(id) = element.get("href").and_then(|href| href.strip_prefix('#')) {
                assert!(unique.contains(id), "{name}: #{id}");
            }
        }
        assert!(!html.contains('\u{2068}') && !html.contains('\u{2069}'), "{name}");
    });
}

/// A3: on problems the title starts with the word for "Error:", a summary takes the focus, the wrong fields say so.
#[test]
fn a3_problems() {
    every(|name, locale, _, elements| {
        let calm = ["sign-in", "sign-in-development", "sign-in-reauthenticate", "sign-in-reauthenticate-account"];
        let of_device = ["device-empty", "device-wrong", "device-too-many", "device-expired"];
        let form = (name.starts_with("sign-in") && !calm.contains(&name)) || of_device.contains(&name);
        let problem = form || name.starts_with("error-") || name.starts_with("leave");
        let word = if locale == Locale::Uk { "Помилка: " } else { "Error: " };
        let title = &elements.iter().find(|e| e.name == "title").unwrap().text;
        assert_eq!(title.starts_with(word), problem, "{name}: {title}");
        let summary = elements.iter().find(|e| e.get("id") == Some("problem"));
        assert_eq!(summary.is_some(), form, "{name}");
        if let Some(summary) = summary {
            assert_eq!(summary.get("role"), Some("alert"), "{name}");
            assert_eq!(summary.get("tabindex"), Some("-1"), "{name}");
            assert!(summary.get("autofocus").is_some(), "{name}");
        }
        let wrong: Vec<&str> =
            elements.iter().filter(|e| e.get("aria-invalid").is_some()).filter_map(|e| e.get("name")).collect();
        let expected: &[&str] = match name {
            "device-empty" | "device-wrong" => &["user_code"],
            "sign-in-empty-username" => &["username"],
            "sign-in-empty-password" => &["password"],
            "sign-in-empty-both" | "sign-in-wrong-pair" | "sign-in-wrong-layout" => &["username", "password"],
            _ => &[],
        };
        assert_eq!(wrong, expected, "{name}");
        // The same words twice: in the summary and beside the field.
        for link in elements.iter().filter(|e| e.name == "a" && form) {
            let field = link.get("href").unwrap().trim_start_matches('#');
            if let Some(beside) = elements.iter().find(|e| e.get("id") == Some(&format!("{field}-error"))) {
                assert_eq!(beside.text, link.text, "{name}");
            }
        }
    });
}

/// A3, A6: the typed user name survives every problem.
#[test]
fn a6_user_name_is_kept() {
    for problem in [
        SignInProblem::EmptyPassword,
        SignInProblem::WrongPair,
        SignInProblem::TooMany { wait_seconds: 61 },
        SignInProblem::Expired,
        SignInProblem::Reauthenticate,
        SignInProblem::Overloaded,
    ] {
        let page = SignIn {
            chrome: chrome(),
            app: None,
            tx: "t",
            csrf: "c",
            username: "o'neil \"x\"",
            problem: Some(problem),
            remember: true,
        };
        let html = page.render().unwrap();
        let elements = elements(&html);
        let field = |name: &str| elements.iter().find(|e| e.get("name") == Some(name)).unwrap();
        assert_eq!(field("username").get("value"), Some("o'neil \"x\""));
        assert!(field("remember").get("checked").is_some());
        assert_eq!(field("tx").get("value"), Some("t"));
        if problem == (SignInProblem::TooMany { wait_seconds: 61 }) {
            assert!(html.contains("Try again in <bdi>2</bdi> minutes"), "{html}");
        }
    }
}

/// G1: the language form has both languages, each in its own words, keeps parameters and needs no script.
#[test]
fn g1_language_form() {
    every(|name, locale, _, elements| {
        let buttons: Vec<&Element> = elements.iter().filter(|e| e.get("name") == Some("ui_locales")).collect();
        assert_eq!(buttons.len(), 2, "{name}");
        for (button, choice) in buttons.into_iter().zip(Locale::ALL) {
            assert_eq!(button.get("value"), Some(choice.tag()), "{name}");
            assert_eq!(button.get("lang"), Some(choice.tag()), "{name}");
            assert_eq!(button.text, choice.own_name(), "{name}");
            assert_eq!(button.get("aria-current").is_some(), choice == locale, "{name}");
        }
    });
    let page = elements(&sample(Locale::Uk, "sign-in"));
    let kept: Vec<_> = page
        .iter()
        .skip_while(|e| e.get("class") != Some("languages"))
        .filter(|e| e.get("type") == Some("hidden"))
        .map(|e| (e.get("name").unwrap(), e.get("value").unwrap()))
        .collect();
    assert_eq!(kept, [("tx", "tx-0001")]);
}

/// T1, UX-7: consent names app, address, host of the answer and account; both answers weigh the same.
#[test]
fn t1_consent_says_who_and_weighs_evenly() {
    for name in ["consent", "consent-unverified"] {
        let html = sample(Locale::En, name);
        let page = elements(&html);
        let decisions: Vec<&Element> = page.iter().filter(|e| e.get("name") == Some("decision")).collect();
        let values: Vec<_> = decisions.iter().map(|e| e.get("value").unwrap()).collect();
        assert_eq!(values, ["allow", "deny", "allow_chosen"]);
        assert_eq!(decisions[0].get("class"), decisions[1].get("class"));
        assert!(page.iter().all(|e| e.get("autofocus").is_none()));
        assert!(html.contains("<bdi>olena@example.ua</bdi>"));
        assert_eq!(html.contains("has not been checked"), name == "consent-unverified");
    }
    let unverified = sample(Locale::En, "consent-unverified");
    assert!(unverified.contains("<bdi>127.0.0.1</bdi>") && unverified.contains("“<bdi>orders:read</bdi>”"));
    assert!(sample(Locale::Uk, "sign-in").contains("<bdi>Крамниця</bdi> (<bdi>shop.example.ua</bdi>)"));
}

/// S1: the sign-in page with all it loads fits into the first flight of TCP.
#[test]
fn s1_sign_in_fits_14_kilobytes() {
    let icon = brama_pages::icon();
    for locale in Locale::ALL {
        let html = sample(locale, "sign-in-empty-both");
        let script = scripts().into_iter().find(|script| html.contains(&script.path)).unwrap();
        let sizes = [html.as_bytes(), style().body, script.body, icon.body].map(gzip);
        assert!(sizes.iter().sum::<usize>() <= 14 * 1024, "{sizes:?}");
    }
}

fn gzip(body: &[u8]) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().len()
}

/// EP-23, DEVICE-04: the question shows the code, the app, what is asked for, from where and when; both answers weigh the
/// same, and the code is asked for again even where a link brought it along.
#[test]
fn ep23_the_question_about_a_device_says_what_is_needed_to_judge_it() {
    for name in ["device-confirm", "device-confirm-elsewhere"] {
        let html = sample(Locale::En, name);
        let page = elements(&html);
        assert!(html.contains("id=\"shown-code\"><bdi>WDJB-MJHT</bdi>"), "{name}");
        let decisions: Vec<&Element> = page.iter().filter(|e| e.get("name") == Some("decision")).collect();
        assert_eq!((decisions[0].get("value"), decisions[1].get("value")), (Some("allow"), Some("deny")));
        assert_eq!(decisions[0].get("class"), decisions[1].get("class"));
        assert!(page.iter().all(|e| e.get("autofocus").is_none() && e.name != "script"));
        assert!(html.contains("<bdi>olena@example.ua</bdi>") && html.contains("2026-11-22T14:05:33Z"));
        assert!(html.contains("Did you start this yourself, on a device that you hold or see?"));
        assert_eq!(html.contains("the same address as yours"), name == "device-confirm");
    }
    assert!(sample(Locale::En, "device-confirm").contains("<bdi>192.0.2.10</bdi>"));
    let prefilled = elements(&sample(Locale::En, "device-prefilled"));
    let field = prefilled.iter().find(|e| e.get("name") == Some("user_code")).unwrap();
    assert_eq!((field.get("type"), field.get("value")), (Some("text"), Some("WDJB-MJHT")));
    assert!(prefilled.iter().any(|e| e.get("type") == Some("submit")));
}

/// AZ-32: the answer is sent by script, with a button where there is none; AZ-13: nothing goes on by itself.
#[test]
fn az13_az32_ways_to_the_app() {
    let post = elements(&sample(Locale::En, "form-post"));
    assert_eq!(post.iter().filter(|e| e.name == "script").count(), 1);
    let fields: Vec<_> =
        post.iter().filter(|e| e.get("type") == Some("hidden")).map(|e| e.get("name").unwrap()).collect();
    assert_eq!(fields, ["error", "state", "iss"]);
    assert!(post.iter().any(|e| e.get("value") == Some("\"><script>")));
    for name in ["leave", "leave-form"] {
        let html = sample(Locale::En, name);
        let page = elements(&html);
        assert!(page.iter().all(|e| e.name != "script" && e.get("http-equiv").is_none()), "{name}");
        assert!(html.contains("Go on to <bdi>shop.example.ua</bdi>"), "{name}");
    }
}

/// UX-7: nothing is ticked, part of it is as easy to choose as all of it, and what cannot be left out has no box.
#[test]
fn ux7_nothing_is_chosen_beforehand() {
    for (name, boxes) in [
        ("consent", &["profile", "email"][..]),
        ("consent-unverified", &["offline_access", "orders:read"]),
        ("consent-more", &["email"]),
    ] {
        let page = elements(&sample(Locale::En, name));
        let ticks: Vec<&Element> = page.iter().filter(|e| e.get("type") == Some("checkbox")).collect();
        assert!(ticks.iter().all(|e| e.get("checked").is_none()), "{name}");
        assert_eq!(ticks.iter().map(|e| e.get("value").unwrap()).collect::<Vec<_>>(), boxes, "{name}");
        let decisions: Vec<&Element> = page.iter().filter(|e| e.get("name") == Some("decision")).collect();
        assert_eq!(decisions[0].get("class"), decisions[1].get("class"), "{name}");
        assert!(page.iter().all(|e| e.get("autofocus").is_none()), "{name}");
    }
}
