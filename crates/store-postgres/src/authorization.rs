//! Authorizations.

use async_trait::async_trait;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::Return;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, SessionId, UserId};
use brama_protocol::pkce::Challenge;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::authorization::{
    Approve, Asked, Authorization, AuthorizationState, Authorizations, CheckedCode, Code, NewCode, Spend,
};
use brama_store::grant::NewGrant;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{authentication, bytes, client_id, corrupt, get, granted, instant, maybe_bytes, millis, number};
use crate::consent;
use crate::grant::{self, Values, basis, give};
use crate::pool::{Fault, Pool};
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
         a.consented_user, a.code, a.user_id, a.epoch, a.session_id, a.auth_time, a.amr, a.acr, a.code_expires_at"
    };
}

fn prompt_bits(prompt: Prompt) -> i64 {
    i64::from(prompt.none) | i64::from(prompt.login) << 1 | i64::from(prompt.consent) << 2
}

fn read_asked(row: &Row) -> Result<Asked, Unavailable> {
    let bits: i64 = get(row, "prompt")?;
    let max_age: Option<i64> = get(row, "max_age")?;
    Ok(Asked {
        client: client_id("authorization", get(row, "client_id")?)?,
        back: Return {
            redirect_uri: MatchedRedirectUri::from_stored(get(row, "redirect_uri")?),
            state: get(row, "state")?,
        },
        scope: granted("authorization", get(row, "scope")?)?,
        nonce: get(row, "nonce")?,
        challenge: Challenge::from_bytes(bytes("authorization", row, "challenge")?),
        prompt: Prompt { none: bits & 1 != 0, login: bits & 2 != 0, consent: bits & 4 != 0 },
        max_age: max_age.map(u32::try_from).transpose().map_err(|error| corrupt("authorization", error))?,
        login_hint: get(row, "login_hint")?,
        ui_locales: get(row, "ui_locales")?,
        expected_user: maybe_bytes("authorization", row, "expected_user")?.map(UserId::from_bytes),
        resource: get(row, "resource")?,
    })
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
                consented: maybe_bytes("authorization", row, "consented_user")?.map(UserId::from_bytes),
            },
            DENIED => AuthorizationState::Denied,
            APPROVED | REDEEMED => AuthorizationState::Answered,
            other => return Err(corrupt("authorization", format!("status {other}"))),
        },
    })
}

fn read_code(row: &Row) -> Result<Code, Unavailable> {
    Ok(Code {
        hash: HandleHash::from_bytes(bytes("authorization", row, "code")?),
        authorization: AuthorizationId::from_bytes(bytes("authorization", row, "id")?),
        asked: read_asked(row)?,
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
        WHERE code = $15 AND status = 3 AND code_expires_at > $12 RETURNING id
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
    user: UserId,
    remember: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let consented = transaction
        .first(
            r#"UPDATE "authorization" SET consented_user = $2 WHERE id = $1 AND status = $3 AND expires_at > $4
               RETURNING client_id, scope"#,
            &[&id.as_bytes().as_slice(), &user.as_bytes().as_slice(), &REQUESTED, &millis(now)],
        )
        .await?;
    if let Some(row) = consented.as_ref().filter(|_| remember) {
        let client = client_id("authorization", get(row, "client_id")?)?;
        let asked = granted("authorization", get(row, "scope")?)?;
        consent::remember(&transaction, user, &client, asked.scope(), now).await?;
    }
    transaction.commit().await?;
    Ok(consented.is_some())
}

#[async_trait]
impl Authorizations for PostgresStore {
    async fn request_authorization(&self, new: Authorization) -> Result<(), Unavailable> {
        let asked = &new.asked;
        self.pool
            .change(
                r#"INSERT INTO "authorization" (id, browser, client_id, redirect_uri, state, scope, nonce, challenge,
                     prompt, max_age, login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1)"#,
                &[
                    &new.id.as_bytes().as_slice(),
                    &new.browser.as_bytes().as_slice(),
                    &asked.client.as_str(),
                    &asked.back.redirect_uri.as_str(),
                    &asked.back.state,
                    &asked.scope.scope().to_string(),
                    &asked.nonce,
                    &asked.challenge.as_bytes().as_slice(),
                    &prompt_bits(asked.prompt),
                    &asked.max_age.map(i64::from),
                    &asked.login_hint,
                    &asked.ui_locales,
                    &asked.expected_user.as_ref().map(|user| user.as_bytes().as_slice()),
                    &asked.resource,
                    &millis(new.requested_at),
                    &millis(new.expires_at),
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
        user: UserId,
        remember: bool,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.pool.write(|| consent(&self.pool, id, user, remember, now)).await
    }

    async fn deny_authorization(&self, id: AuthorizationId, now: Timestamp) -> Result<bool, Unavailable> {
        let denied = self
            .pool
            .change(
                r#"UPDATE "authorization" SET status = $2 WHERE id = $1 AND status = $3 AND expires_at > $4 RETURNING 1"#,
                &[&id.as_bytes().as_slice(), &DENIED, &REQUESTED, &millis(now)],
            )
            .await?;
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
                r#"WITH basis AS (
                     SELECT 1 FROM session s JOIN "user" u ON u.id = s.user_id
                     WHERE s.id = $6 AND s.user_id = $4 AND s.epoch = $5 AND s.ended_at IS NULL AND s.expires_at > $12
                         AND u.status = $13 AND u.epoch = $5
                     FOR KEY SHARE OF s
                   )
                   UPDATE "authorization" a SET status = $2, code = $3, user_id = $4, epoch = $5, session_id = $6,
                       auth_time = $7, amr = $8, acr = $9, code_expires_at = $10
                   FROM basis WHERE a.id = $1 AND a.status = $11 AND a.expires_at > $12 RETURNING 1"#,
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
                ],
            )
            .await?;
        Ok(if approved.is_empty() { Approve::NotWaiting } else { Approve::Issued })
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
