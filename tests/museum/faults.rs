//! Mistakes planted on purpose, and the tests that find them.
//!
//! `cargo test -p brama-tests --features planted-faults museum::faults` starts this very test binary again for each fault,
//! with that fault planted, and demands that every test named for it fails; and once without any, when all must pass.

use brama_faults::Fault;

/// The tests of this crate that have to fail when the fault is planted.
#[cfg_attr(not(feature = "planted-faults"), expect(dead_code, reason = "asked where faults can be planted"))]
fn found_by(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::Redir01 => &["museum::redir::redir_01_a_user_name_is_no_host"],
        Fault::Redir02 => &[
            "museum::redir::redir_02_of_a_loopback_address_the_port_may_differ_and_nothing_else",
            "oauth2::redirect_uri::az5_az6_a_loopback_port_is_free_and_nothing_else_is",
            "museum::redir::everywhere::redir_10_every_mode_with_every_mutant",
            "museum::openredir::openredir_04_whatever_passes_is_the_registered_origin_to_a_browser",
        ],
        Fault::Redir03 => &["museum::redir::redir_03_what_contains_the_registered_address_is_another_one"],
        Fault::Redir04 => &[
            "oauth2::redirect_uri::az4_only_the_registered_text_is_redirected_to",
            "museum::openredir::openredir_04_whatever_passes_is_the_registered_origin_to_a_browser",
        ],
        Fault::Redir05 => &["museum::redir::redir_05_a_loopback_address_is_for_apps_that_registered_one"],
        Fault::Redir06 => &[
            "museum::redir::redir_06_a_registered_address_is_no_pattern",
            "museum::redir::everywhere::redir_10_every_mode_with_every_mutant",
            "museum::openredir::openredir_04_whatever_passes_is_the_registered_origin_to_a_browser",
        ],
        Fault::Redir07 => &[
            "museum::redir::everywhere::redir_07_of_no_client_in_no_mode_for_no_other_reason",
            "museum::redir::everywhere::redir_10_every_mode_with_every_mutant",
            "museum::redir::everywhere::redir_12_no_answer_leads_to_an_address_that_nobody_has_registered",
            "museum::openredir::openredir_04_whatever_passes_is_the_registered_origin_to_a_browser",
        ],
        Fault::Redir08 => {
            &["museum::redir::registration::redir_08_only_schemes_that_are_known_to_be_good_are_registered"]
        }
        Fault::Redir09 => &[
            "museum::redir::registration::redir_09_what_somebody_put_into_the_database_is_not_believed",
            "oauth2::redirect_uri::az4_redir12_a_redirect_uri_that_was_removed_gets_no_code_of_an_older_request",
        ],
        Fault::Redir10 => &["museum::redir::everywhere::redir_10_every_mode_with_every_mutant"],
        Fault::Redir13 => &["museum::redir::redir_13_nothing_is_resolved_and_nothing_below_matches"],
        Fault::Redir14 => &["museum::redir::everywhere::redir_14_no_parameter_comes_twice"],
        Fault::Code01 => &[
            "museum::code::code_01_without_s256_no_client_gets_a_code",
            "museum::code::code_10_no_code_exists_without_its_challenge",
            "oauth2::authorize::az23_te20_a_client_that_may_leave_pkce_out",
        ],
        Fault::Code02 => &[
            "museum::code::code_02_a_verifier_that_is_not_there_is_a_wrong_one",
            "oauth2::token::b7_what_does_not_fit_is_refused_and_spends_nothing",
        ],
        Fault::Code03 => &[
            "museum::code::code_03_a_secret_is_no_reason_to_do_without_pkce",
            "museum::code::code_10_no_code_exists_without_its_challenge",
        ],
        Fault::Code04 => &["museum::code::code_04_a_short_verifier_does_not_pass_although_it_fits"],
        Fault::Code05 => &[
            "museum::code::code_05_a_code_is_nothing_in_the_hands_of_another_client",
            "museum::code::code_06_every_sender_with_everything_that_can_be_wrong",
        ],
        Fault::Code07 => &["museum::code::values::code_07_no_value_passes_for_one_of_another_kind"],
        Fault::Code08 => &["museum::code::code_08_a_sign_in_goes_on_in_its_own_browser_alone"],
        Fault::Code10 => &[
            "museum::code::code_10_no_code_exists_without_its_challenge",
            "oauth2::authorize::az10_az11_az23_refusals_go_back_with_state_and_iss",
        ],
        Fault::Code11 => &["museum::code::code_11_what_was_validated_first_stays"],
        Fault::Refresh01 => &[
            "museum::refresh::refresh_01_refresh_03_a_token_has_one_successor_however_many_ask_at_once",
            "races::te26_64_refreshes_in_the_body_share_one_successor",
        ],
        Fault::Refresh02 => &["museum::refresh::refresh_02_twenty_rotations_within_a_second_are_still_in_order"],
        Fault::Refresh03 => &[
            "museum::refresh::refresh_03_an_old_token_beside_the_newest_ends_the_whole_family",
            "oauth2::refresh_token::te27_after_the_window_an_old_token_ends_the_grant",
        ],
        Fault::Refresh04 => &[
            "museum::refresh::refresh_04_what_a_refresh_stands_on_is_looked_at_every_time",
            "oauth2::refresh_token::te28_refresh04_a_scope_that_the_client_lost_is_not_minted_again",
        ],
        Fault::Refresh05 => &[
            "museum::refresh::refresh_05_what_the_store_did_not_take_is_not_answered_with_success",
            "oauth2::revoke::ep34_without_the_store_the_client_is_told_to_come_again",
        ],
        Fault::Refresh06 => &["museum::refresh::refresh_06_a_client_with_a_secret_has_to_send_it"],
        Fault::Refresh07 => &["museum::refresh::refresh_07_each_kind_of_token_serves_as_itself_alone"],
        Fault::Revoke01 => &[
            "museum::revoke::revoke_01_a_new_password_ends_everything_that_was_begun",
            "museum::revoke::revoke_06_a_lasting_cookie_counts_for_the_password_of_its_time",
        ],
        Fault::Revoke02 => &[
            "museum::revoke::revoke_02_a_disabled_client_gets_nothing_by_any_grant_and_at_any_endpoint",
            "museum::device::device_02_who_may_not_is_refused_at_every_step",
        ],
        Fault::Revoke03 => &[
            "museum::revoke::revoke_03_a_disabled_user_gets_nothing_by_any_grant",
            "oauth2::device::te23_device02_an_account_or_client_that_is_gone_gets_nothing",
        ],
        Fault::Revoke04 => &[
            "oauth2::revoke::revoke04_ep35_a_revoked_refresh_token_takes_the_whole_grant_with_it",
            "oauth2::revoke::revoke04_ep35_a_revoked_access_token_is_dead_and_its_grant_goes_on",
        ],
        Fault::Revoke05 => &[
            "museum::revoke::revoke_05_what_a_slow_request_writes_at_last_revives_no_session",
            "museum::revoke::revoke_05_requests_that_race_a_sign_out_revive_no_session",
        ],
        Fault::Revoke07 => &[
            "museum::revoke::revoke_07_after_every_way_to_sign_out_the_old_cookies_are_worth_nothing",
            "oauth2::logout::lo3_lo4_a_hint_of_this_session_signs_out_and_goes_back",
        ],
        Fault::Revoke08 => &[
            "museum::revoke::revoke_08_introspection_and_resources_see_every_end",
            "oauth2::revoke::revoke08_ep35_introspection_sees_it_too",
        ],
        Fault::Revoke09 => &["museum::revoke::revoke_09_what_a_client_lost_is_in_no_new_token"],
        Fault::Revoke10 => &["oauth2::register::manage::rg17_an_app_that_was_switched_off_looks_after_nothing"],
        Fault::Jose01 => &["museum::jose::jose_01_without_algorithm_or_signature_nothing_is_believed_anywhere"],
        Fault::Jose02 => &["museum::jose::jose_02_jose_11_the_public_key_is_no_secret_anywhere"],
        Fault::Jose03 => &["museum::jose::jose_03_no_key_of_a_header_is_used_or_asked_for"],
        Fault::Jose04 => &[
            "museum::jose::jose_04_a_claim_of_another_type_is_not_absent_anywhere",
            "museum::jose::claims::jose_04_jose_13_what_is_read_is_what_was_signed_or_nothing",
        ],
        Fault::Jose05 => &["museum::jose::jose_05_no_short_secret_signs_anything"],
        Fault::Jose06 => &["museum::jose::jose_06_a_critical_extension_is_refused_everywhere"],
        Fault::Jose07 => &["museum::jose::jose_07_trivial_signatures_fit_nothing"],
        Fault::Jose12 => &["museum::jose::jose_12_a_token_has_one_spelling_everywhere"],
        Fault::Jose13 => &[
            "museum::jose::jose_13_times_beyond_all_numbers_are_refused_everywhere",
            "museum::jose::claims::jose_04_jose_13_what_is_read_is_what_was_signed_or_nothing",
        ],
        Fault::Audiss01 => &["oauth2::private_key_jwt::audiss01_audiss06_te11_to_te14_wrong_claims_are_refused_alike"],
        Fault::Audiss02 => &["museum::audiss::audiss_02_an_audience_of_another_shape_is_none_of_ours"],
        Fault::Audiss03 => &["museum::audiss::audiss_03_an_id_token_speaks_for_the_app_that_it_was_made_for"],
        Fault::Audiss04 => &["oauth2::introspect::audiss04_ep32_an_api_sees_tokens_that_are_for_it"],
        Fault::Audiss05 => &["museum::audiss::audiss_05_a_token_is_for_what_was_allowed"],
        Fault::Audiss06 => &[
            "museum::audiss::audiss_06_no_required_claim_may_be_missing",
            "oauth2::private_key_jwt::audiss01_audiss06_te11_to_te14_wrong_claims_are_refused_alike",
        ],
        Fault::Audiss07 => &["museum::audiss::audiss_07_of_the_tokens_of_others_nothing_is_told"],
        Fault::Mixup02 => &[
            "museum::mixup::mixup_02_every_answer_of_every_mode_names_its_issuer",
            "oauth2::authorize::az10_az11_az23_refusals_go_back_with_state_and_iss",
        ],
        Fault::Openredir01 => &["museum::openredir::openredir_01_no_route_goes_where_a_parameter_says"],
        Fault::Openredir02 => &["museum::openredir::openredir_02_after_a_sign_in_comes_a_page_of_ours"],
        Fault::Openredir03 => &[
            "museum::openredir::openredir_03_errors_before_the_address_is_known_are_shown_here",
            "museum::redir::everywhere::redir_07_of_no_client_in_no_mode_for_no_other_reason",
        ],
        Fault::Client01 => &["oauth2::register::client01_an_app_without_a_secret_is_given_none"],
        Fault::Client02 => {
            &["oauth2::register::rg13_rg14_lo13_client02_what_may_not_be_registered_may_not_be_updated_either"]
        }
        Fault::Client03 => &["museum::client::client_03_an_account_is_no_right_to_register_apps"],
        Fault::Client04 => &[
            "oauth2::private_key_jwt::client04_te14_an_assertion_serves_once_at_all_nodes",
            "oauth2::private_key_jwt::client04_te14_of_many_at_once_at_two_nodes_one_gets_in",
        ],
        Fault::Client05 => &[
            "museum::client::client_05_consent_is_asked_again_where_the_receiver_is_not_assured",
            "oauth2::prompt::az22_nothing_is_remembered_for_an_app_whose_receiver_is_not_assured",
        ],
        Fault::Client06 => &["museum::client::client_06_no_grant_gives_anything_of_a_person_without_consent"],
        Fault::Device01 => &["device_page::device01_what_one_person_typed_another_cannot_decide"],
        Fault::Device02 => &[
            "museum::device::device_02_who_may_not_is_refused_at_every_step",
            "oauth2::device::ep24_device02_only_clients_that_were_given_the_grant",
        ],
        Fault::Device03 => &["oauth2::device::device03_a_challenge_binds_the_code"],
        Fault::Device04 => &[
            "device_page::ep23_device04_the_complete_uri_still_demands_confirmation",
            "device_page::ep21_device04_wrong_codes_are_counted_for_a_session",
        ],
        Fault::Binding01 => &[
            "museum::binding::binding_01_every_resource_of_the_server_asks_for_the_key",
            "oauth2::dpop::resource::rs10_rs11_binding01_bound_tokens_at_our_own_resources",
        ],
        Fault::Host01 => &["museum::host::host_01_forwarding_headers_change_no_answer"],
        Fault::Host02 => &[
            "museum::host::host_02_another_spelling_of_the_host_is_another_host",
            "museum::host::host_02_the_request_line_and_the_header_name_one_host",
        ],
        Fault::Host03 => &["museum::host::host_03_an_unknown_host_gets_one_answer_and_leaves_nothing_behind"],
        Fault::Ssrf01 => &[
            "museum::ssrf::ssrf_01_no_request_uri_is_fetched",
            "ssrf::ssrf01_a_request_uri_of_a_stranger_is_never_fetched",
        ],
        Fault::Ssrf02 => &[
            "museum::ssrf::ssrf_02_keys_are_not_fetched_from_inside",
            "museum::ssrf::ssrf_03_no_sector_document_is_fetched_from_inside",
            "museum::ssrf::ssrf_06_no_spelling_of_an_inner_address_is_asked",
        ],
        Fault::Ssrf03 => &["oauth2::register::ssrf03_registration_asks_no_server_that_it_need_not_ask"],
        Fault::Ssrf04 => &["museum::ssrf::ssrf_04_a_redirect_leads_nowhere"],
        Fault::Ssrf06 => &["museum::ssrf::ssrf_06_no_spelling_of_an_inner_address_is_asked"],
        Fault::Http01 => &["museum::http::http_01_only_listed_origins_as_they_are_written_may_read"],
        Fault::Http03 => &["museum::http::http_03_an_underscore_is_no_hyphen"],
        Fault::Http04 => &["museum::http::http_04_parameters_in_the_query_are_not_read"],
        Fault::Http05 => &["museum::http::http_05_every_page_has_every_header"],
        Fault::Http06 => &["museum::http::http_06_cookies_belong_to_this_host_and_a_neighbour_changes_none"],
        Fault::Http07 => &[
            "museum::http::http_06_cookies_belong_to_this_host_and_a_neighbour_changes_none",
            "museum::http::http_07_a_broken_cookie_is_no_cookie",
        ],
        Fault::Leak01 => &["museum::leak::leak_01_the_debug_form_of_a_secret_does_not_show_it"],
        Fault::Leak02 => &[
            "secrets::g4_pw26_lg3_no_secret_is_stored_or_logged",
            "museum::leak::leak_02_no_other_secret_is_stored_or_logged",
            "museum::leak::leak_02_whatever_is_sent_is_neither_stored_nor_logged",
        ],
        Fault::Leak03 => &["museum::leak::leak_03_no_query_and_no_path_of_strangers_is_logged"],
        Fault::Leak05 => &["museum::leak::leak_05_nothing_that_depends_on_who_asks_may_be_kept"],
        Fault::Leak06 => &[
            "secrets::g4_se3_a_dump_of_the_database_opens_nothing",
            "oauth2::device::g4_leak06_a_copy_of_the_database_redeems_nothing",
        ],
    }
}

/// What the tests have to say about the mistake, where they look at several places: all that make it, so that no place is
/// only named in the test. A proof brings its own key, and a time of a hint or far ahead of now is refused anyhow.
#[cfg_attr(not(feature = "planted-faults"), expect(dead_code, reason = "asked where faults can be planted"))]
fn says(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::Jose03 => Some("taken at [Assertion, HintAtAuthorize, HintAtLogout, UserInfo, Me, Introspection]:"),
        Fault::Jose13 => Some("taken at [UserInfo, Me, Introspection]:"),
        Fault::Jose01
        | Fault::Jose02
        | Fault::Jose04
        | Fault::Jose05
        | Fault::Jose06
        | Fault::Jose07
        | Fault::Jose12 => Some(
            "taken at [Assertion, ProofAtToken, ProofAtPar, ProofAtResource, HintAtAuthorize, HintAtLogout, UserInfo, Me, \
             Introspection]:",
        ),
        _ => None,
    }
}

/// Without the feature nothing in the environment changes the server.
#[cfg(not(feature = "planted-faults"))]
#[test]
fn no_fault_can_be_planted_in_an_ordinary_build() {
    const { assert!(!brama_faults::planted(Fault::Redir04)) }
}

#[cfg(feature = "planted-faults")]
mod planted {
    use std::collections::BTreeSet;
    use std::process::Command;

    use brama_faults::{Fault, VARIABLE};

    use super::{found_by, says};

    /// At least so many, over all classes.
    const FEWEST: usize = 40;

    /// Which of these tests pass and which fail in a process that makes this mistake. What did not come to an end is neither.
    fn run(fault: Option<Fault>, tests: &BTreeSet<&str>) -> (BTreeSet<String>, BTreeSet<String>, String) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--exact").args(tests).env_remove(VARIABLE);
        if let Some(fault) = fault {
            command.env(VARIABLE, fault.id());
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ended = |how: &str| -> BTreeSet<String> {
            text.lines()
                .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(how))
                .map(ToOwned::to_owned)
                .collect()
        };
        (ended(" ... ok"), ended(" ... FAILED"), text)
    }

    fn names(tests: &BTreeSet<&str>) -> BTreeSet<String> {
        tests.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_planted_fault_is_found() {
        let all: BTreeSet<&str> = Fault::ALL.iter().flat_map(|fault| found_by(*fault)).copied().collect();
        let (passed, failed, _) = run(None, &all);
        assert_eq!(failed, BTreeSet::new(), "without a fault");
        assert_eq!(passed, names(&all), "named in `found_by`, and no such test");
        let mut unseen = Vec::new();
        for fault in Fault::ALL {
            let tests: BTreeSet<&str> = found_by(*fault).iter().copied().collect();
            assert!(!tests.is_empty(), "{}: no test is named for it", fault.id());
            let (passed, failed, text) = run(Some(*fault), &tests);
            if let Some(all) = says(*fault).filter(|all| !text.contains(all)) {
                unseen.push(format!("{}: nowhere is said {all:?}", fault.id()));
            }
            let of = |test: &str| if passed.contains(test) { "passes" } else { "did not run to its end" };
            let others = tests.iter().filter(|test| !failed.contains(**test));
            unseen.extend(others.map(|test| format!("{}: {test} {}", fault.id(), of(test))));
        }
        assert!(unseen.is_empty(), "tests that do not see the mistake:\n{}", unseen.join("\n"));
        assert!(Fault::ALL.len() >= FEWEST, "{} faults; at least {FEWEST}", Fault::ALL.len());
    }
}
