//! What is behind each wire error, at length: for `brama explain`, the page of an `error_uri` and the reference. The short
//! text that goes over the wire is in [`crate::error`].

/// The explanation of one error.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The id of its row, such as `B2104`.
    pub id: &'static str,
    /// What usually leads to it.
    pub why: &'static str,
    /// What to do, and the command that does it where there is one.
    pub fix: &'static str,
}

macro_rules! explanations {
    ($($id:literal $why:literal $fix:literal;)+) => {
        /// All explanations, one for each row of [`crate::error::TABLE`].
        pub const TABLE: &[Explanation] = &[$(Explanation { id: $id, why: $why, fix: $fix }),+];
    };
}

/// The explanation of a row.
#[must_use]
pub fn of(id: &str) -> Option<&'static Explanation> {
    TABLE.iter().find(|explanation| explanation.id == id)
}

explanations! {
    // Plain HTTP.
    "B2001" "The address is misspelled, has a slash too many, or belongs to something that is switched off." "Compare it with /.well-known/openid-configuration, which lists what this server offers.";
    "B2002" "The address exists and is called with another method, GET instead of POST for example." "Use a method of the Allow header of the answer.";
    "B2003" "The body is larger than anything this server reads." "Send less; forms have at most 64 KiB, JSON of the cookie endpoints 16 KiB.";
    "B2004" "The request names another host than public_url: a proxy rewrites the Host header, or somebody uses an IP address or a second name." "Let the proxy pass the Host header on unchanged, and use the address of public_url.";
    "B2005" "A value holds a percent sign without two hexadecimal digits or bytes that are no UTF-8, or there are more than 100 parameters." "Encode every parameter with a function made for it, such as URLSearchParams.";
    "B2006" "The connection was too slow or stopped while the request was on its way." "Send it again; if a proxy is in between, look at its time-outs.";
    "B2007" "The URL is longer than 16 KiB, often because of a large state or claims parameter." "Push the request (RFC 9126) or send it by POST.";
    "B2008" "The page was open too long, was opened in another browser, cookies are blocked, or another site sent the form." "Open the page again and send the form from there.";
    "B2009" "The body ended early or its chunks are broken, mostly because of a proxy." "Send it again; look at the proxy if it happens often.";
    // Authorization requests on our own page.
    "B2101" "The client_id is misspelled, was never registered here, was removed, or is switched off." "See brama client list; brama client enable ID switches it on again.";
    "B2103" "The app left redirect_uri out. It may do so only with a single registered https address and without the scope openid." "Let the app send the address it is registered with.";
    "B2104" "Addresses are compared character by character, so a slash at the end, another port, http for https or another case is another address. The log shows got, closest and where they differ." "Register the address with brama client set ID --add-redirect-uri URI, or correct it in the app.";
    "B2105" "The URL was put together twice, or somebody tries to smuggle in a second value." "Send client_id and redirect_uri once each.";
    // Authorization errors that go back to the client.
    "B2110" "A parameter is in the request twice." "Send each parameter once; only resource may be repeated.";
    "B2111" "The request does not say what it wants back." "Add response_type=code.";
    "B2112" "The app asks for the implicit or hybrid flow, which put tokens into addresses." "Configure the app for the authorization code flow with PKCE.";
    "B2113" "The client is registered for other grants, as a service for example, or has no redirect URI." "Look at brama client show ID; brama client set ID --grant-type authorization_code --redirect-uri URI changes it.";
    "B2114" "The app does not use PKCE, which every client has to." "Switch PKCE on in the app's library. For a confidential client that cannot: brama client set ID --danger-allow-missing-pkce.";
    "B2115" "The method is plain, or missing, which means plain." "Send code_challenge_method=S256.";
    "B2116" "The challenge is not a SHA-256 in base64url; often the verifier itself was sent, or padding was left on." "Send base64url(SHA-256(code_verifier)) without the equals sign.";
    "B2117" "A response mode such as fragment or jwt was asked for." "Leave response_mode out, or use query or form_post.";
    "B2118" "None of the scopes is registered for the client, or the list is malformed." "Look at brama client show ID; brama client set ID --scope SCOPE sets its scopes.";
    "B2119" "prompt has an unknown value, or none together with another one." "Use none alone, or login, consent and select_account.";
    "B2120" "max_age is negative or no number." "Send whole seconds.";
    "B2121" "Request objects (RFC 9101) are not offered." "Send the parameters themselves, or push them (RFC 9126).";
    "B2122" "The app names an address from where this server should fetch the request, which it never does." "Push the request to the PAR endpoint and use the request_uri that it answers.";
    "B2123" "Self-issued providers use registration; this server does not." "Leave the parameter out.";
    "B2124" "state, nonce or another value is larger than what is kept: 4 KiB for state, 1 KiB for nonce." "Keep large values in the app and send a reference to them.";
    "B2125" "The resource is not among those that the client may ask for, or is no absolute URI without a fragment." "brama client set ID --resource URI registers it.";
    "B2126" "Rich authorization requests (RFC 9396) are not offered." "Use scopes.";
    "B2127" "The hint is no ID token, was signed by another server or before keys were replaced by force." "Leave the hint out, or send an ID token of this server.";
    "B2130" "The person said no." "Nothing is wrong; offer to start again.";
    "B2131" "prompt=none was asked, and nobody is signed in in this browser, or not freshly enough." "Start again without prompt=none.";
    "B2132" "prompt=none was asked, and the person has not allowed this app yet." "Start again without prompt=none.";
    "B2134" "A form can be posted to https or to this machine only." "Use response_mode=query, or an https redirect URI.";
    "B2135" "A pushed request counts for a short time and once; it was answered already, is too old, or is another client's." "Start again in the app; it has to push a new request for each sign-in.";
    "B2136" "The client, or the whole server, is set to pushed authorization requests." "Let the app use PAR (RFC 9126), or brama client set ID --require-par=false.";
    "B2137" "claims is no JSON, has the wrong shape, or is too long." "Send {\"userinfo\": {…}, \"id_token\": {…}} as OpenID Connect Core 5.5 has it.";
    "B2138" "dpop_jkt is not 43 characters of base64url, or differs from the key of the proof at the PAR endpoint." "Send the RFC 7638 thumbprint of the key that will sign the proof at the token endpoint.";
    "B2139" "The app demands a stronger way to sign in than this person has." "Let the person set up a second factor, or ask for it without calling it essential.";
    "B2140" "prompt=none was asked, and a page has to be shown first." "Start again without prompt=none.";
    "B2141" "prompt=none was asked together with a choice of accounts that only the person can make." "Start again without prompt=none.";
    // Token endpoint.
    "B3101" "The body is JSON or has no content type." "Send application/x-www-form-urlencoded.";
    "B3102" "A parameter is in the body twice." "Send each parameter once; only resource may be repeated.";
    "B3103" "grant_type, code, refresh_token or another parameter of the grant is missing or empty." "Compare the request with docs/reference/http-api.md.";
    "B3104" "The request has a secret in the header and one in the body, or an assertion beside a secret, or two different client ids." "Use the one way that the client is registered with.";
    "B3105" "The verifier is too short, too long or has characters that are not allowed." "Let a library make it: 43 to 128 of A-Z a-z 0-9 - . _ ~";
    "B3110" "The client is unknown or switched off, its secret or key is wrong, or it uses another method than it is registered with. The log says which; the answer does not." "Compare token_endpoint_auth_method in brama client show ID with what the app does; brama client rotate ID gives a new secret.";
    "B3111" "Somebody at this address has tried many wrong secrets." "Wait as long as Retry-After says, and correct the secret in the app.";
    "B3112" "The client's own server with its keys does not answer, or may not be asked." "Look at the log for the reason; [outgoing] has settings for private addresses and certificate authorities.";
    "B3120" "The grant does not exist here; the password and implicit grants never will." "Use authorization_code, refresh_token, client_credentials or the device grant.";
    "B3121" "The client is not registered for this grant." "brama client set ID --grant-type GRANT, once for each of its grants.";
    "B3130" "The code was never issued, is older than a minute, or belongs to another client." "Start the sign-in again; if it happens always, look at the clock and at which client_id redeems the code.";
    "B3131" "The same code came twice with everything right. Somebody may have stolen it, so what it gave is revoked." "Let the app redeem a code once, also when a page is reloaded.";
    "B3132" "The redirect_uri of the token request is not that of the authorization request." "Send the same text again, or leave it out.";
    "B3133" "The verifier is another one than the challenge was made of: two sign-ins at once share one storage slot, or the code was injected." "Keep the verifier beside the state of its own sign-in.";
    "B3134" "The person signed out, was locked, or changed the password meanwhile." "Start the sign-in again.";
    "B3180" "The client is registered with id_token_alg for which tokens.signing_algorithms names no key: the operator took the algorithm away, or the client was added before it was there." "Add the algorithm to tokens.signing_algorithms, or brama client set ID --id-token-alg ES256.";
    "B3140" "The token was never issued, belongs to another client, or its row is gone." "Start the sign-in again.";
    "B3141" "A refresh token that was replaced came back later than the window allows: an old copy, or a thief. Everything of this sign-in is revoked." "Store the newest refresh token and use one at a time.";
    "B3142" "The sign-in is older than tokens.refresh_token_ttl." "Start the sign-in again.";
    "B3143" "The person or the app revoked it, or signed out." "Start the sign-in again.";
    "B3150" "A refresh may ask for less than was granted, never for more." "Ask for more scope in a new authorization request.";
    "B3151" "The resource is not one that was granted, or not one that the client may ask for." "brama client set ID --resource URI registers it.";
    "B3160" "A pushed request names another pushed request." "Leave request_uri out at the PAR endpoint.";
    "B3161" "The authorization request had a code_challenge and the token request brings no verifier." "Send the code_verifier that the challenge was made of.";
    "B3162" "The authorization request had no code_challenge, so there is nothing that a verifier could fit." "Send code_challenge too, or no verifier.";
    // Protected resources.
    "B3201" "The access token has expired, was revoked, is for another resource, or is no token of this server." "Refresh it; if a fresh one fails too, look at its aud.";
    "B3202" "The token lacks the scope of this address; openid for userinfo." "Ask for the scope in the authorization request, and register it: brama client set ID --scope SCOPE.";
    "B3203" "There is no Authorization header." "Send Authorization: Bearer and the access token.";
    "B3204" "There are two tokens, or the header is malformed." "Send one Authorization header with one token.";
    // Introspection and revocation.
    "B3301" "A public client, or nobody, asks about a token." "Ask as a client with a secret or keys; brama client set ID --serves URI says which tokens it may see.";
    "B3302" "Many tokens that this server never issued were asked about." "Wait as long as Retry-After says; check signature and issuer before asking.";
    "B3303" "A client can revoke its own tokens only." "Let the client that holds the token revoke it.";
    "B3304" "The token is an ID token or something else that cannot be revoked." "Revoke access and refresh tokens only.";
    // The device grant and DPoP.
    "B3320" "The person has not confirmed yet; every device grant begins like this." "Poll again after the interval.";
    "B3321" "The device polls faster than its interval." "Add five seconds to the interval.";
    "B3322" "The person said no." "Offer to start again.";
    "B3323" "Nobody confirmed in time." "Ask for new codes.";
    "B3324" "The device code was never issued, or belongs to another client." "Ask for new codes.";
    "B3325" "The device code gave tokens already." "Use the tokens, or ask for new codes.";
    "B3340" "The proof is malformed, too old, for another address or method, was used before, or is signed by another key." "Make a new proof for every request; htm and htu have to be those of this request, iat the current time.";
    "B3341" "The client is registered for bound tokens, and the request has no DPoP header." "Send a proof, or brama client set ID --dpop-bound=false.";
    "B3342" "The server wants its own nonce in the proof." "Repeat the request with a proof that has the nonce of the DPoP-Nonce header.";
    "B3343" "The code was bound to a key with dpop_jkt, and the proof is of another one." "Use one key from the authorization request on.";
    "B3344" "Refresh tokens of public clients stay with the key of the first proof." "Keep the key as long as the refresh token; without it, sign in again.";
    "B3350" "The token is bound to a key, and the proof is missing, or is not for this request and this token." "Send Authorization: DPoP and a proof with ath.";
    "B3351" "The server wants its own nonce in the proof." "Repeat the request with a proof that has the nonce of the DPoP-Nonce header.";
    "B3352" "A bound token came as Bearer, with the proof of another key, or an unbound one came as DPoP." "Use the scheme of token_type, and the key that the token was asked for with.";
    // Registration.
    "B3401" "The body is no JSON object, a member has the wrong type or comes twice, or the content type is another one." "Send the metadata of RFC 7591 as application/json.";
    "B3402" "A web app needs https at a real host; a native app https, http at 127.0.0.1, [::1] or localhost, or a scheme of its own with a period. An app with code grant needs one address at least." "Correct redirect_uris, or send application_type native.";
    "B3403" "The operator lets apps register only at hosts of registration.redirect_hosts." "Add the host there, or register the app with brama client add.";
    "B3404" "With open registration only public clients are made. Otherwise none, client_secret_basic, client_secret_post and private_key_jwt are offered; private_key_jwt needs keys." "Send token_endpoint_auth_method none, or use an initial access token.";
    "B3405" "A grant is not in registration.grants, none of those asked for exists here, or response_types does not have code exactly when grant_types has authorization_code." "Ask for authorization_code and refresh_token with response_types code.";
    "B3406" "No scope of the request is in registration.scopes." "Ask for others, or leave scope out to get all that are offered.";
    "B3407" "The key set has private members, no key that can verify a signature, or two keys of one kid; or jwks and jwks_uri came together." "Send public keys for ES256, EdDSA, RS256 or PS256 in one of the two.";
    "B3408" "Names and links are what people trust: a link has to be at the host of a redirect URI, and a name may not look like one of the operator's apps." "Choose another name, or host the page beside the app.";
    "B3409" "The app could not work: it wants pairwise subjects, encrypted or signed answers, an algorithm without a key here, or a server that strangers may not name." "Leave the member out.";
    "B3410" "The document could not be fetched, or lacks an address of redirect_uris." "Serve a JSON list with every redirect URI at that address, over https.";
    "B3411" "Two members exclude each other." "The log names them; RFC 7591 section 2 has the rules.";
    "B3412" "As many apps as registration.max_clients have registered themselves." "Remove unused ones with brama client rm, or raise the setting.";
    "B3413" "registration.mode is token." "Make one with brama registration token add and send it as Authorization: Bearer.";
    "B3414" "The token was used as often as it may be, has expired or was removed." "See brama registration token list, and make a new one with brama registration token add.";
    "B3415" "The token belongs to another registration, or the registration was removed." "Use the registration_access_token of the first answer; if it is lost, register again.";
    "B3416" "brama client disable was used on it." "Ask whoever runs this server; brama client enable ID switches it on.";
    "B3417" "An update replaces everything, so it names the client; tokens, addresses and time stamps of the first answer do not belong into it." "Send the metadata and client_id only.";
    // Sign-in and the cookie endpoints.
    "B4101" "The name or the password is wrong, the account is locked, or it has no password. Nobody is told which." "See brama user list; brama user password NAME sets a new password.";
    "B4102" "Too many attempts for this account, from this address or from this network." "Wait as long as Retry-After says; [throttle] has the limits.";
    "B4103" "All places for checking passwords are taken." "Try again when Retry-After says; passwords.hash_threads and the machine decide how many fit.";
    "B4104" "There is no refresh cookie, or its session has ended." "Sign in.";
    "B4105" "The page that calls is not at an origin of the client." "brama client set ID --origin https://app.example.com, scheme, host and port as the browser sends them.";
    "B4106" "A navigation, a prefetch, a form or another site called an address that only the app's own scripts may call." "Call it with fetch() from a page of the app.";
    "B4107" "The content type is not JSON." "Send Content-Type: application/json.";
    "B4108" "The body is no JSON object, or lacks a member." "Send {\"username\": …, \"password\": …} as docs/reference/http-api.md has it.";
    "B4109" "The client is somebody else's app, or not marked as your own." "Use the authorization code flow; for your own app: brama client set ID --first-party.";
    "B4110" "Several first-party apps share this origin or cookie." "Send client_id.";
    "B4111" "The sign-in page was open for more than half an hour, or was answered in another tab." "Go back to the app and start again.";
    // Ourselves.
    "B6001" "The database is down, unreachable, full or locked." "Look at the log for the reason; nothing was changed, and the request may be repeated.";
    "B6002" "More work is waiting for the database than it can do." "Repeat the request after Retry-After; if it stays, look at the disk and at the load.";
    "B9001" "A bug of this server." "Look in the log for the request id, and report what stands there.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::error;

    #[test]
    fn every_row_is_explained_once_and_nothing_else_is() {
        let explained: Vec<_> = TABLE.iter().map(|explanation| explanation.id).collect();
        let ids: BTreeSet<_> = explained.iter().copied().collect();
        assert_eq!(ids.len(), explained.len(), "explained twice");
        let rows: BTreeSet<_> = error::TABLE.iter().map(|row| row.id).collect();
        let missing: Vec<_> = rows.difference(&ids).collect();
        let stale: Vec<_> = ids.difference(&rows).collect();
        assert!(missing.is_empty(), "without an explanation: {missing:?}");
        assert!(stale.is_empty(), "without a row: {stale:?}");
    }

    #[test]
    fn an_explanation_says_something_and_fits_a_terminal() {
        for Explanation { id, why, fix } in TABLE {
            for text in [why, fix] {
                assert!((5..400).contains(&text.len()) && text.trim() == *text && !text.contains('\n'), "{id}: {text}");
            }
        }
    }
}
