//! Authorizations.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::Return;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, GrantId, SessionId, UserId};
use brama_protocol::pkce::Challenge;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::authorization::{
    Approve, Asked, Authorization, AuthorizationState, Authorizations, CheckedCode, Code, Consented, NewCode, Spend,
};
use brama_store::grant::NewGrant;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::column::{
    acr_request, authentication, change, client_id, corrupt, first, get, granted, millis, named_claims, response_mode,
    response_mode_number, scope, timestamp,
};
use crate::{consent, grant, par, session, user};

const REQUESTED: i64 = 1;
const DENIED: i64 = 2;
const APPROVED: i64 = 3;
const REDEEMED: i64 = 4;

fn read_asked(row: &Row<'_>) -> Result<Asked, Unavailable> {
    let text = |column| get::<Option<String>>(row, column);
    Ok(Asked {
        client: client_id("authorization", get(row, "client_id")?)?,
        back: Return {
            redirect_uri: MatchedRedirectUri::from_stored(get(row, "redirect_uri")?),
            mode: response_mode("authorization", get(row, "response_mode")?)?,
            state: get(row, "state")?,
        },
        scope: granted("authorization", &get::<String>(row, "scope")?)?,
        nonce: get(row, "nonce")?,
        challenge: get::<Option<[u8; 32]>>(row, "challenge")?.map(Challenge::from_bytes),
        dpop_jkt: get::<Option<[u8; 32]>>(row, "dpop_jkt")?.map(JwkThumbprint::from_bytes),
        prompt: Prompt::from_bits(get(row, "prompt")?),
        max_age: get(row, "max_age")?,
        login_hint: get(row, "login_hint")?,
        ui_locales: get(row, "ui_locales")?,
        expected_user: get::<Option<[u8; 16]>>(row, "expected_user")?.map(UserId::from_bytes),
        acr: acr_request(text("acr_values")?.as_deref(), get(row, "acr_essential")?),
        claims: named_claims("authorization", text("claims")?.as_deref())?,
        resources: Resources::from_stored(text("resource")?.as_deref()),
        pushed: get::<Option<[u8; 32]>>(row, "pushed")?.map(HandleHash::from_bytes),
    })
}

/// Nothing was taken out where only the user was noted: by a version of before.
fn read_consented(row: &Row<'_>) -> Result<Option<Consented>, Unavailable> {
    let Some(user) = get::<Option<[u8; 16]>>(row, "consented_user")? else { return Ok(None) };
    let text: Option<String> = get(row, "consented_scope")?;
    let scope = match text {
        Some(text) => scope("authorization", &text)?,
        None => read_asked(row)?.disclosed(),
    };
    Ok(Some(Consented { user: UserId::from_bytes(user), scope }))
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
                consented: read_consented(row)?,
                chosen: get::<Option<[u8; 16]>>(row, "chosen_user")?.map(UserId::from_bytes),
            },
            DENIED => AuthorizationState::Denied,
            APPROVED | REDEEMED => AuthorizationState::Answered,
            other => return Err(corrupt("authorization", format!("status {other}"))),
        },
    })
}

fn read_code(row: &Row<'_>) -> Result<Code, Unavailable> {
    let (amr, left): (String, Option<String>) = (get(row, "amr")?, get(row, "granted_scope")?);
    let asked = read_asked(row)?;
    Ok(Code {
        hash: HandleHash::from_bytes(get(row, "code")?),
        authorization: AuthorizationId::from_bytes(get(row, "id")?),
        granted: match left {
            Some(text) => scope("authorization", &text)?,
            None => asked.disclosed(),
        },
        asked,
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
             login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status, response_mode, dpop_jkt,
             acr_values, acr_essential, claims, pushed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 1, ?17, ?18, ?19, ?20, ?21, ?22)",
        rusqlite::params![
            new.id.as_bytes(),
            new.browser.as_bytes(),
            asked.client.as_str(),
            asked.back.redirect_uri.as_str(),
            asked.back.state,
            asked.scope.scope().to_string(),
            asked.nonce,
            asked.challenge.as_ref().map(Challenge::as_bytes),
            asked.prompt.to_bits(),
            asked.max_age,
            asked.login_hint,
            asked.ui_locales,
            asked.expected_user.as_ref().map(UserId::as_bytes),
            asked.resources.to_stored(),
            millis(new.requested_at),
            millis(new.expires_at),
            response_mode_number(asked.back.mode),
            asked.dpop_jkt.as_ref().map(JwkThumbprint::as_bytes),
            (!asked.acr.values.is_empty()).then(|| asked.acr.values.join(" ")),
            asked.acr.essential,
            asked.claims.to_stored(),
            asked.pushed.as_ref().map(HandleHash::as_bytes),
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
        consented: Consented,
        remember: bool,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let noted = change(
                connection,
                "UPDATE authorization SET consented_user = ?2, consented_scope = ?3
                 WHERE id = ?1 AND status = ?4 AND expires_at > ?5",
                (id.as_bytes(), consented.user.as_bytes(), consented.scope.to_string(), REQUESTED, millis(now)),
            )?;
            if noted == 0 {
                return Ok(false);
            }
            if remember {
                let asked =
                    first(connection, "SELECT * FROM authorization WHERE id = ?1", [id.as_bytes()], read_asked)?;
                if let Some(asked) = asked {
                    consent::remember(connection, &consented, &asked, now)?;
                }
            }
            Ok(true)
        })
        .await
    }

    async fn choose_account(&self, id: AuthorizationId, user: UserId, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let chosen = change(
                connection,
                "UPDATE authorization SET chosen_user = ?2 WHERE id = ?1 AND status = ?3 AND expires_at > ?4",
                (id.as_bytes(), user.as_bytes(), REQUESTED, millis(now)),
            )?;
            Ok(chosen == 1)
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
            if denied == 1 {
                par::answer(connection, id, now)?;
            }
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
            if let Some(consent) = &code.remembered
                && !consent::stands(connection, id, code.user, consent)?
            {
                return Ok(Approve::NotWaiting);
            }
            if par::is_spent(connection, id)? {
                return Ok(Approve::PushedRequestSpent);
            }
            let approved = change(
                connection,
                "UPDATE authorization SET status = ?2, code = ?3, user_id = ?4, epoch = ?5, session_id = ?6, auth_time = ?7,
                     amr = ?8, acr = ?9, code_expires_at = ?10, granted_scope = ?13
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
                    code.granted.to_string(),
                ],
            )?;
            if approved == 0 {
                return Ok(Approve::NotWaiting);
            }
            par::answer(connection, id, now)?;
            Ok(Approve::Issued)
        })
        .await
    }

    async fn find_code(&self, hash: HandleHash<kind::AuthorizationCode>) -> Result<Option<Code>, Unavailable> {
        self.read(move |connection| {
            let sql = if planted(Fault::Code07) {
                "SELECT * FROM authorization WHERE code = ?1 OR (browser = ?1 AND status = 3)"
            } else {
                "SELECT * FROM authorization WHERE code = ?1"
            };
            first(connection, sql, [hash.as_bytes()], read_code)
        })
        .await
    }

    async fn spend_code(&self, code: CheckedCode, grant: NewGrant, now: Timestamp) -> Result<Spend, Unavailable> {
        self.write(move |connection| spend(connection, code.code(), &grant, now)).await
    }
}
