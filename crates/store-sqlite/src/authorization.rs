//! Authorizations.

use async_trait::async_trait;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::Return;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, GrantId, SessionId, UserId};
use brama_protocol::pkce::Challenge;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_store::Unavailable;
use brama_store::authorization::{
    Approve, Asked, Authorization, AuthorizationState, Authorizations, CheckedCode, Code, NewCode, Spend,
};
use brama_store::grant::NewGrant;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::column::{authentication, change, client_id, corrupt, first, get, granted, millis, timestamp};
use crate::{consent, grant, session, user};

const REQUESTED: i64 = 1;
const DENIED: i64 = 2;
const APPROVED: i64 = 3;
const REDEEMED: i64 = 4;

fn prompt_bits(prompt: Prompt) -> i64 {
    i64::from(prompt.none) | i64::from(prompt.login) << 1 | i64::from(prompt.consent) << 2
}

fn read_asked(row: &Row<'_>) -> Result<Asked, Unavailable> {
    let (bits, scope): (i64, String) = (get(row, "prompt")?, get(row, "scope")?);
    Ok(Asked {
        client: client_id("authorization", get(row, "client_id")?)?,
        back: Return {
            redirect_uri: MatchedRedirectUri::from_stored(get(row, "redirect_uri")?),
            state: get(row, "state")?,
        },
        scope: granted("authorization", &scope)?,
        nonce: get(row, "nonce")?,
        challenge: Challenge::from_bytes(get(row, "challenge")?),
        prompt: Prompt { none: bits & 1 != 0, login: bits & 2 != 0, consent: bits & 4 != 0 },
        max_age: get(row, "max_age")?,
        login_hint: get(row, "login_hint")?,
        ui_locales: get(row, "ui_locales")?,
        expected_user: get::<Option<[u8; 16]>>(row, "expected_user")?.map(UserId::from_bytes),
        resource: get(row, "resource")?,
    })
}

fn read(row: &Row<'_>) -> Result<Authorization, Unavailable> {
    Ok(Authorization {
        id: AuthorizationId::from_bytes(get(row, "id")?),
        browser: HandleHash::from_bytes(get(row, "browser")?),
        asked: read_asked(row)?,
        requested_at: timestamp("authorization", get(row, "requested_at")?)?,
        expires_at: timestamp("authorization", get(row, "expires_at")?)?,
        state: match get::<i64>(row, "status")? {
            REQUESTED => AuthorizationState::Requested {
                consented: get::<Option<[u8; 16]>>(row, "consented_user")?.map(UserId::from_bytes),
            },
            DENIED => AuthorizationState::Denied,
            APPROVED | REDEEMED => AuthorizationState::Answered,
            other => return Err(corrupt("authorization", format!("status {other}"))),
        },
    })
}

fn read_code(row: &Row<'_>) -> Result<Code, Unavailable> {
    let amr: String = get(row, "amr")?;
    Ok(Code {
        hash: HandleHash::from_bytes(get(row, "code")?),
        authorization: AuthorizationId::from_bytes(get(row, "id")?),
        asked: read_asked(row)?,
        user: UserId::from_bytes(get(row, "user_id")?),
        epoch: get(row, "epoch")?,
        session: SessionId::from_bytes(get(row, "session_id")?),
        authentication: authentication("authorization", get(row, "auth_time")?, &amr, get(row, "acr")?)?,
        expires_at: timestamp("authorization", get(row, "code_expires_at")?)?,
    })
}

fn insert(connection: &Connection, new: &Authorization) -> Result<(), Unavailable> {
    let asked = &new.asked;
    change(
        connection,
        "INSERT INTO authorization (id, browser, client_id, redirect_uri, state, scope, nonce, challenge, prompt, max_age,
             login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 1)",
        rusqlite::params![
            new.id.as_bytes(),
            new.browser.as_bytes(),
            asked.client.as_str(),
            asked.back.redirect_uri.as_str(),
            asked.back.state,
            asked.scope.scope().to_string(),
            asked.nonce,
            asked.challenge.as_bytes(),
            prompt_bits(asked.prompt),
            asked.max_age,
            asked.login_hint,
            asked.ui_locales,
            asked.expected_user.as_ref().map(UserId::as_bytes),
            asked.resource,
            millis(new.requested_at),
            millis(new.expires_at),
        ],
    )
    .map(drop)
}

fn spend(connection: &Connection, code: &Code, new: &NewGrant, now: Timestamp) -> Result<Spend, Unavailable> {
    // The guard is in the statement; everything else only explains why it did not hold. AZ-29.
    let spent = change(
        connection,
        "UPDATE authorization SET status = ?2, grant_id = ?3 WHERE code = ?1 AND status = ?4 AND code_expires_at > ?5",
        (code.hash.as_bytes(), REDEEMED, new.id.as_bytes(), APPROVED, millis(now)),
    )?;
    if spent == 1 {
        return Ok(match grant::give(connection, new, now)? {
            Some(grant) => Spend::Now(Box::new(grant)),
            None => Spend::Ended,
        });
    }
    let redeemed = first(
        connection,
        "SELECT grant_id FROM authorization WHERE code = ?1 AND status = ?2",
        (code.hash.as_bytes(), REDEEMED),
        |row| get::<[u8; 16]>(row, "grant_id"),
    )?;
    match redeemed {
        Some(grant_id) => {
            grant::revoke_replayed(connection, GrantId::from_bytes(grant_id), now)?;
            Ok(Spend::Already)
        }
        None => Ok(Spend::Expired),
    }
}

#[async_trait]
impl Authorizations for SqliteStore {
    async fn request_authorization(&self, new: Authorization) -> Result<(), Unavailable> {
        self.write(move |connection| insert(connection, &new)).await
    }

    async fn find_authorization(&self, id: AuthorizationId) -> Result<Option<Authorization>, Unavailable> {
        self.read(move |connection| {
            first(connection, "SELECT * FROM authorization WHERE id = ?1", [id.as_bytes()], read)
        })
        .await
    }

    async fn consent_authorization(
        &self,
        id: AuthorizationId,
        user: UserId,
        remember: bool,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let consented = change(
                connection,
                "UPDATE authorization SET consented_user = ?2 WHERE id = ?1 AND status = ?3 AND expires_at > ?4",
                (id.as_bytes(), user.as_bytes(), REQUESTED, millis(now)),
            )?;
            if consented == 0 {
                return Ok(false);
            }
            if remember {
                let asked =
                    first(connection, "SELECT * FROM authorization WHERE id = ?1", [id.as_bytes()], read_asked)?;
                if let Some(asked) = asked {
                    let client: &ClientId = &asked.client;
                    consent::remember(connection, user, client, asked.scope.scope(), now)?;
                }
            }
            Ok(true)
        })
        .await
    }

    async fn deny_authorization(&self, id: AuthorizationId, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let denied = change(
                connection,
                "UPDATE authorization SET status = ?2 WHERE id = ?1 AND status = ?3 AND expires_at > ?4",
                (id.as_bytes(), DENIED, REQUESTED, millis(now)),
            )?;
            Ok(denied == 1)
        })
        .await
    }

    async fn approve_authorization(
        &self,
        id: AuthorizationId,
        code: NewCode,
        now: Timestamp,
    ) -> Result<Approve, Unavailable> {
        self.write(move |connection| {
            if user::find_current(connection, code.user, code.epoch)?.is_none()
                || !session::is_open(connection, code.user, code.epoch, code.session, now)?
            {
                return Ok(Approve::NotWaiting);
            }
            let approved = change(
                connection,
                "UPDATE authorization SET status = ?2, code = ?3, user_id = ?4, epoch = ?5, session_id = ?6, auth_time = ?7,
                     amr = ?8, acr = ?9, code_expires_at = ?10
                 WHERE id = ?1 AND status = ?11 AND expires_at > ?12",
                rusqlite::params![
                    id.as_bytes(),
                    APPROVED,
                    code.code.as_bytes(),
                    code.user.as_bytes(),
                    code.epoch,
                    code.session.as_bytes(),
                    millis(code.authentication.at),
                    code.authentication.amr.join(" "),
                    code.authentication.acr,
                    millis(code.expires_at),
                    REQUESTED,
                    millis(now),
                ],
            )?;
            Ok(if approved == 1 { Approve::Issued } else { Approve::NotWaiting })
        })
        .await
    }

    async fn find_code(&self, hash: HandleHash<kind::AuthorizationCode>) -> Result<Option<Code>, Unavailable> {
        self.read(move |connection| {
            first(connection, "SELECT * FROM authorization WHERE code = ?1", [hash.as_bytes()], read_code)
        })
        .await
    }

    async fn spend_code(&self, code: CheckedCode, grant: NewGrant, now: Timestamp) -> Result<Spend, Unavailable> {
        self.write(move |connection| spend(connection, code.code(), &grant, now)).await
    }
}
