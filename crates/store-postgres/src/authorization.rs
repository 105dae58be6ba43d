//! Authorizations.

use async_trait::async_trait;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::Return;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, SessionId, UserId};
use brama_protocol::pkce::Challenge;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::authorization::{
    Approve, Asked, Authorization, AuthorizationState, Authorizations, CheckedCode, Code, Consented, NewCode, Spend,
};
use brama_store::consent::Consent;
use brama_store::grant::NewGrant;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{
    acr_request, authentication, bytes, client_id, corrupt, get, granted, instant, maybe_bytes, millis, named_claims,
    number, response_mode, response_mode_number, scope,
};
use crate::consent;
use crate::grant::{self, Values, basis, give};
use crate::pool::{Fault, Param, Pool};
use crate::user::ACTIVE;

const REQUESTED: i64 = 1;
const DENIED: i64 = 2;
const APPROVED: i64 = 3;
const REDEEMED: i64 = 4;

/// Every column, so that a newer schema changes no prepared statement.
macro_rules! authorization_columns {
    () => {
        "a.id, a.browser, a.client_id, a.redirect_uri, a.state, a.scope, a.nonce, a.challenge, a.prompt, a.max_age, \
         a.login_hint, a.ui_locales, a.expected_user, a.resource, a.requested_at, a.expires_at, a.status, \
         a.consented_user, a.code, a.user_id, a.epoch, a.session_id, a.auth_time, a.amr, a.acr, a.code_expires_at, \
         a.response_mode, a.dpop_jkt, a.acr_values, a.acr_essential, a.claims, a.pushed, a.chosen_user, \
         a.consented_scope, a.granted_scope"
    };
}

fn read_asked(row: &Row) -> Result<Asked, Unavailable> {
    let max_age: Option<i64> = get(row, "max_age")?;
    Ok(Asked {
        client: client_id("authorization", get(row, "client_id")?)?,
        back: Return {
            redirect_uri: MatchedRedirectUri::from_stored(get(row, "redirect_uri")?),
            mode: response_mode("authorization", get(row, "response_mode")?)?,
            state: get(row, "state")?,
        },
        scope: granted("authorization", get(row, "scope")?)?,
        nonce: get(row, "nonce")?,
        challenge: maybe_bytes("authorization", row, "challenge")?.map(Challenge::from_bytes),
        dpop_jkt: maybe_bytes("authorization", row, "dpop_jkt")?.map(JwkThumbprint::from_bytes),
        prompt: Prompt::from_bits(get(row, "prompt")?),
        max_age: max_age.map(u32::try_from).transpose().map_err(|error| corrupt("authorization", error))?,
        login_hint: get(row, "login_hint")?,
        ui_locales: get(row, "ui_locales")?,
        expected_user: maybe_bytes("authorization", row, "expected_user")?.map(UserId::from_bytes),
        acr: acr_request(get(row, "acr_values")?, get(row, "acr_essential")?),
        claims: named_claims("authorization", get(row, "claims")?)?,
        resources: Resources::from_stored(get(row, "resource")?),
        pushed: maybe_bytes("authorization", row, "pushed")?.map(HandleHash::from_bytes),
    })
}

/// Nothing was taken out where only the user was noted: by a version of before.
fn read_consented(row: &Row) -> Result<Option<Consented>, Unavailable> {
    let Some(user) = maybe_bytes("authorization", row, "consented_user")? else { return Ok(None) };
    let scope = match get::<Option<&str>>(row, "consented_scope")? {
        Some(text) => scope("authorization", text)?,
        None => read_asked(row)?.disclosed(),
    };
    Ok(Some(Consented { user: UserId::from_bytes(user), scope }))
}

fn read(row: &Row) -> Result<Authorization, Unavailable> {
    Ok(Authorization {
        id: AuthorizationId::from_bytes(bytes("authorization", row, "id")?),
        browser: HandleHash::from_bytes(bytes("authorization", row, "browser")?),
        asked: read_asked(row)?,
        requested_at: instant("authorization", row, "requested_at")?,
        expires_at: instant("authorization", row, "expires_at")?,
        state: match get::<i64>(row, "status")? {
            REQUESTED => AuthorizationState::Requested {
                consented: read_consented(row)?,
                chosen: maybe_bytes("authorization", row, "chosen_user")?.map(UserId::from_bytes),
            },
            DENIED => AuthorizationState::Denied,
            APPROVED | REDEEMED => AuthorizationState::Answered,
            other => return Err(corrupt("authorization", format!("status {other}"))),
        },
    })
}

fn read_code(row: &Row) -> Result<Code, Unavailable> {
    let asked = read_asked(row)?;
    Ok(Code {
        hash: HandleHash::from_bytes(bytes("authorization", row, "code")?),
        authorization: AuthorizationId::from_bytes(bytes("authorization", row, "id")?),
        granted: match get::<Option<&str>>(row, "granted_scope")? {
            Some(text) => scope("authorization", text)?,
            None => asked.disclosed(),
        },
        asked,
        user: UserId::from_bytes(bytes("authorization", row, "user_id")?),
        epoch: number("authorization", row, "epoch")?,
        session: SessionId::from_bytes(bytes("authorization", row, "session_id")?),
        authentication: authentication("authorization", get(row, "auth_time")?, get(row, "amr")?, get(row, "acr")?)?,
        expires_at: instant("authorization", row, "code_expires_at")?,
    })
}

/// The guard is in the statement: of two racing calls one finds the row approved. AZ-29. The grant is stored in it too.
const SPEND: &str = concat!(
    r#"WITH spent AS (
        UPDATE "authorization" SET status = 4, grant_id = $1
        WHERE code = $17 AND status = 3 AND code_expires_at > $12 RETURNING id
     ), basis AS ("#,
    basis!(),
    "), ",
    give!("basis, spent"),
    " SELECT given.* FROM spent LEFT JOIN given ON true"
);

/// Why a code was not spent: a row if it had been, and then what came from it is revoked, unless it was this very call
/// that spent it. AZ-30.
const REPLAYED: &str = r#"WITH redeemed AS (
        SELECT grant_id FROM "authorization" WHERE code = $1 AND status = 4
     ), revoked AS (
        UPDATE app_grant g SET revoked_at = $2 FROM redeemed
        WHERE g.id = redeemed.grant_id AND g.id <> $3 AND g.revoked_at IS NULL
        RETURNING g.id, g.user_id, g.client_id, g.session_id
     ), noted AS (
        INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id)
        SELECT $2::bigint, $4::text, user_id, client_id, session_id, id FROM revoked
     )
     SELECT grant_id = $3 AS by_us FROM redeemed"#;

async fn spend(pool: &Pool, code: &Code, new: &NewGrant, now: Timestamp) -> Result<Spend, Fault> {
    let (hash, values) = (code.hash.as_bytes().as_slice(), Values::of(new, now));
    let mut params = values.params();
    params.push(&hash);
    let spent = pool.once(SPEND, &params).await?;
    if let Some(row) = spent.first() {
        return Ok(match get::<Option<&[u8]>>(row, "id")? {
            Some(_) => Spend::Now(Box::new(grant::read(row)?)),
            None => Spend::Ended,
        });
    }
    let id = new.id.as_bytes().as_slice();
    let replayed = pool.once(REPLAYED, &[&hash, &millis(now), &id, &Event::CodeReplayed.as_str()]).await?;
    match replayed.first() {
        None => Ok(Spend::Expired),
        Some(row) if get(row, "by_us")? => spent_before(pool, new).await,
        Some(_) => Ok(Spend::Already),
    }
}

/// An earlier attempt of this very call spent the code, and its answer was lost with the connection.
async fn spent_before(pool: &Pool, new: &NewGrant) -> Result<Spend, Fault> {
    let sql = concat!("SELECT ", grant::grant_columns!(), " FROM app_grant g WHERE g.id = $1");
    let given = pool.once(sql, &[&new.id.as_bytes().as_slice()]).await?;
    Ok(match given.first() {
        Some(row) => Spend::Now(Box::new(grant::read(row)?)),
        None => Spend::Ended,
    })
}

async fn consent(
    pool: &Pool,
    id: AuthorizationId,
    consented: &Consented,
    remember: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    if remember {
        consent::lock(&transaction, consented.user).await?;
    }
    let noted = transaction
        .first(
            r#"UPDATE "authorization" SET consented_user = $2, consented_scope = $3
               WHERE id = $1 AND status = $4 AND expires_at > $5 RETURNING client_id, resource"#,
            &[
                &id.as_bytes().as_slice(),
                &consented.user.as_bytes().as_slice(),
                &consented.scope.to_string(),
                &REQUESTED,
                &millis(now),
            ],
        )
        .await?;
    if let Some(row) = noted.as_ref().filter(|_| remember) {
        let client = client_id("authorization", get(row, "client_id")?)?;
        let resources = Resources::from_stored(get(row, "resource")?);
        consent::remember(&transaction, consented, &client, &resources, now).await?;
    }
    transaction.commit().await?;
    Ok(noted.is_some())
}

/// The guard of a pushed request is in the statement too: of two authorizations that came from one, the second finds it
/// answered. EP-5. So is remembered consent: a withdrawal waits for the code, or the code finds another one. TE-30.
const APPROVE: &str = r#"WITH basis AS (
        SELECT 1 FROM session s JOIN "user" u ON u.id = s.user_id
        WHERE s.id = $6 AND s.user_id = $4 AND s.epoch = $5 AND s.ended_at IS NULL AND s.expires_at > $12
            AND u.status = $13 AND u.epoch = $5
        FOR KEY SHARE OF s
     ), remembered AS (
        SELECT 1 FROM consent c JOIN "authorization" a ON a.client_id = c.client_id
        WHERE a.id = $1 AND c.user_id = $4 AND c.allowed = $15
        FOR SHARE OF c
     ), answered AS (
        UPDATE par p SET answered_at = $12
        FROM basis, "authorization" a
        WHERE ($15::text IS NULL OR EXISTS (SELECT 1 FROM remembered)) AND a.id = $1 AND a.status = $11 AND a.expires_at > $12 AND p.handle = a.pushed AND p.answered_at IS NULL
        RETURNING p.handle
     )
     UPDATE "authorization" a SET status = $2, code = $3, user_id = $4, epoch = $5, session_id = $6,
         auth_time = $7, amr = $8, acr = $9, code_expires_at = $10, granted_scope = $14
     FROM basis
     WHERE a.id = $1 AND a.status = $11 AND a.expires_at > $12 AND ($15::text IS NULL OR EXISTS (SELECT 1 FROM remembered))
         AND (a.pushed IS NULL OR EXISTS (SELECT 1 FROM answered WHERE answered.handle = a.pushed))
     RETURNING 1"#;

/// Why a request was not approved, when it still waits: the pushed request it came from was answered.
const SPENT: &str = r#"SELECT 1 FROM "authorization" a WHERE a.id = $1 AND a.pushed IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM par p WHERE p.handle = a.pushed AND p.answered_at IS NULL)"#;

/// A request that is denied is answered; so is the pushed one it came from.
const DENY: &str = r#"WITH denied AS (
        UPDATE "authorization" SET status = $2 WHERE id = $1 AND status = $3 AND expires_at > $4 RETURNING pushed
     ), answered AS (
        UPDATE par p SET answered_at = $4::bigint FROM denied WHERE p.handle = denied.pushed AND p.answered_at IS NULL
     )
     SELECT 1 FROM denied"#;

#[async_trait]
impl Authorizations for PostgresStore {
    async fn request_authorization(&self, new: Authorization) -> Result<(), Unavailable> {
        let asked = &new.asked;
        self.pool
            .change(
                r#"INSERT INTO "authorization" (id, browser, client_id, redirect_uri, state, scope, nonce, challenge,
                     prompt, max_age, login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status,
                     response_mode, dpop_jkt, acr_values, acr_essential, claims, pushed)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1,
                     $17, $18, $19, $20, $21, $22)"#,
                &[
                    &new.id.as_bytes().as_slice(),
                    &new.browser.as_bytes().as_slice(),
                    &asked.client.as_str(),
                    &asked.back.redirect_uri.as_str(),
                    &asked.back.state,
                    &asked.scope.scope().to_string(),
                    &asked.nonce,
                    &asked.challenge.as_ref().map(|challenge| challenge.as_bytes().as_slice()),
                    &asked.prompt.to_bits(),
                    &asked.max_age.map(i64::from),
                    &asked.login_hint,
                    &asked.ui_locales,
                    &asked.expected_user.as_ref().map(|user| user.as_bytes().as_slice()),
                    &asked.resources.to_stored(),
                    &millis(new.requested_at),
                    &millis(new.expires_at),
                    &response_mode_number(asked.back.mode),
                    &asked.dpop_jkt.as_ref().map(|jkt| jkt.as_bytes().as_slice()),
                    &(!asked.acr.values.is_empty()).then(|| asked.acr.values.join(" ")),
                    &asked.acr.essential,
                    &asked.claims.to_stored(),
                    &asked.pushed.as_ref().map(|handle| handle.as_bytes().as_slice()),
                ],
            )
            .await
            .map(drop)
    }

    async fn find_authorization(&self, id: AuthorizationId) -> Result<Option<Authorization>, Unavailable> {
        let sql = concat!("SELECT ", authorization_columns!(), r#" FROM "authorization" a WHERE a.id = $1"#);
        self.pool.first(sql, &[&id.as_bytes().as_slice()]).await?.as_ref().map(read).transpose()
    }

    async fn consent_authorization(
        &self,
        id: AuthorizationId,
        consented: Consented,
        remember: bool,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.pool.write(|| consent(&self.pool, id, &consented, remember, now)).await
    }

    async fn choose_account(&self, id: AuthorizationId, user: UserId, now: Timestamp) -> Result<bool, Unavailable> {
        let chosen = self
            .pool
            .change(
                r#"UPDATE "authorization" SET chosen_user = $2 WHERE id = $1 AND status = $3 AND expires_at > $4
                   RETURNING 1"#,
                &[&id.as_bytes().as_slice(), &user.as_bytes().as_slice(), &REQUESTED, &millis(now)],
            )
            .await?;
        Ok(!chosen.is_empty())
    }

    async fn deny_authorization(&self, id: AuthorizationId, now: Timestamp) -> Result<bool, Unavailable> {
        let params: &[Param<'_>] = &[&id.as_bytes().as_slice(), &DENIED, &REQUESTED, &millis(now)];
        let denied = self.pool.change(DENY, params).await?;
        Ok(!denied.is_empty())
    }

    async fn approve_authorization(
        &self,
        id: AuthorizationId,
        code: NewCode,
        now: Timestamp,
    ) -> Result<Approve, Unavailable> {
        let approved = self
            .pool
            .change(
                APPROVE,
                &[
                    &id.as_bytes().as_slice(),
                    &APPROVED,
                    &code.code.as_bytes().as_slice(),
                    &code.user.as_bytes().as_slice(),
                    &i64::from(code.epoch),
                    &code.session.as_bytes().as_slice(),
                    &millis(code.authentication.at),
                    &code.authentication.amr.join(" "),
                    &code.authentication.acr,
                    &millis(code.expires_at),
                    &REQUESTED,
                    &millis(now),
                    &ACTIVE,
                    &code.granted.to_string(),
                    &code.remembered.as_ref().map(Consent::to_stored),
                ],
            )
            .await?;
        if !approved.is_empty() {
            return Ok(Approve::Issued);
        }
        let spent = self.pool.first(SPENT, &[&id.as_bytes().as_slice()]).await?;
        Ok(if spent.is_some() { Approve::PushedRequestSpent } else { Approve::NotWaiting })
    }

    async fn find_code(&self, hash: HandleHash<kind::AuthorizationCode>) -> Result<Option<Code>, Unavailable> {
        let sql = concat!("SELECT ", authorization_columns!(), r#" FROM "authorization" a WHERE a.code = $1"#);
        self.pool.first(sql, &[&hash.as_bytes().as_slice()]).await?.as_ref().map(read_code).transpose()
    }

    async fn spend_code(&self, code: CheckedCode, grant: NewGrant, now: Timestamp) -> Result<Spend, Unavailable> {
        let spend = || spend(&self.pool, code.code(), &grant, now);
        match self.pool.try_write(spend).await {
            // Perhaps it was committed: asked again, the row tells whether it was we who spent the code. Only we can
            // know, so we ask until there is an answer: whoever presents the code again would be taken for a thief.
            Err(fault) if fault.leaves_it_open() => self.pool.until_known(spend).await,
            outcome => Ok(outcome?),
        }
    }
}
