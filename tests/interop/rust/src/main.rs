//! notes: a command-line app. `notes sign-in`, `notes whoami`, `notes sign-out`.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::{env, fs};

use openidconnect::core::*;
use openidconnect::*;
use serde::{Deserialize, Serialize};

// What the library's own list of metadata lacks.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Revocation {
    revocation_endpoint: RevocationUrl,
}
impl AdditionalProviderMetadata for Revocation {}
type Metadata = ProviderMetadata<
    Revocation,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

fn main() -> Result<(), Box<dyn Error>> {
    let issuer = IssuerUrl::new(env::var("ISSUER").unwrap_or("http://localhost:8420".into()))?;
    let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let metadata = Metadata::discover(&issuer, &http)?;
    let revocation = metadata.additional_metadata().revocation_endpoint.clone();
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new("notes-cli".into()), None)
        .set_revocation_url(revocation);

    match env::args().nth(1).as_deref() {
        Some("sign-in") => {
            // Any free port: for a loopback address the server compares everything but the port (RFC 8252).
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let redirect = RedirectUrl::new(format!("http://{}/callback", listener.local_addr()?))?;
            let client = client.set_redirect_uri(redirect);
            let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
            let (url, state, nonce) = client
                .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
                .add_scopes(["profile", "offline_access"].map(|scope| Scope::new(scope.into())))
                .set_pkce_challenge(challenge)
                .url();
            println!("Open this address in a browser:\n{url}");

            let answer = wait_for_answer(&listener, issuer.url())?;
            let value = |name| answer.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            if value("state").as_ref() != Some(state.secret()) || value("iss").as_deref() != Some(issuer.as_str()) {
                return Err("the answer is not one to our question".into());
            }
            let code = value("code").ok_or_else(|| value("error").unwrap_or_default())?;
            let tokens =
                client.exchange_code(AuthorizationCode::new(code))?.set_pkce_verifier(verifier).request(&http)?;

            let id_token = tokens.id_token().ok_or("no ID token")?;
            let verifier = client.id_token_verifier();
            let claims = id_token.claims(&verifier, &nonce)?;
            if let Some(expected) = claims.access_token_hash() {
                let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
                let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
                if actual != *expected {
                    return Err("the access token does not belong to this ID token".into());
                }
            }
            keep(tokens.refresh_token().ok_or("no refresh token")?)?;
            let subject = Some(claims.subject().clone());
            let me: CoreUserInfoClaims = client.user_info(tokens.access_token().clone(), subject)?.request(&http)?;
            println!("Signed in as {}", me.preferred_username().map_or("nobody", |name| name.as_str()));
        }
        Some("whoami") => {
            let tokens = client.exchange_refresh_token(&kept()?)?.request(&http)?;
            // Each refresh token serves once; the answer brings the next.
            if let Some(next) = tokens.refresh_token() {
                keep(next)?;
            }
            let me: CoreUserInfoClaims = client.user_info(tokens.access_token().clone(), None)?.request(&http)?;
            println!("{}", me.preferred_username().map_or("nobody", |name| name.as_str()));
        }
        Some("sign-out") => {
            client.revoke_token(kept()?.into())?.request(&http)?;
            fs::remove_file(FILE)?;
            println!("Signed out");
        }
        _ => return Err("use: notes sign-in | whoami | sign-out".into()),
    }
    Ok(())
}

/// One request of the browser; the answer of the server stands in its address.
fn wait_for_answer(listener: &TcpListener, base: &url::Url) -> Result<url::Url, Box<dyn Error>> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        let url = base.join(line.split(' ').nth(1).unwrap_or("/"))?;
        let found = url.path() == "/callback";
        let (status, text) = if found { ("200 OK", "Done. Back to the terminal.") } else { ("404 Not Found", "") };
        let length = text.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}")?;
        if found {
            return Ok(url);
        }
    }
}

// A real app asks the keyring of the system instead.
const FILE: &str = "notes-refresh-token";

fn keep(token: &RefreshToken) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(FILE)?;
    file.write_all(token.secret().as_bytes())
}

fn kept() -> std::io::Result<RefreshToken> {
    fs::read_to_string(FILE).map(RefreshToken::new)
}
