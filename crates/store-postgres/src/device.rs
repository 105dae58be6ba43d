//! Device authorizations.

use async_trait::async_trait;
use brama_protocol::device::UserCodeMac;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{SessionId, UserId};
use brama_protocol::pkce::Challenge;
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::device::{
    CheckedDeviceCode, Claimant, DeviceApproval, DeviceAsked, DeviceCode, DeviceDecision, DeviceState, Devices,
    NewDevice, Pace, SpendDevice,
};
use brama_store::grant::NewGrant;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{authentication, bytes, client_id, corrupt, get, granted, instant, maybe_bytes, millis, number};
use crate::grant::{self, Values, basis_of_device, given};
use crate::pool::{Fault, Pool};
use crate::user::ACTIVE;

const PENDING: i64 = 1;
const DENIED: i64 = 2;
const APPROVED: i64 = 3;
const REDEEMED: i64 = 4;

/// What was asked. Every column by name, so that a newer schema changes no prepared statement.
macro_rules! asked_columns {
    () => {
        "d.client_id, d.scope, d.resource, d.challenge, d.address, d.requested_at, d.expires_at"
    };
}

const CODE: &str = concat!(
    "SELECT d.code, ",
    asked_columns!(),
    ", d.interval_seconds, d.next_poll_at, d.status, d.session_id, d.user_id, d.epoch, d.auth_time, d.amr, d.acr
     FROM device_code d WHERE d.code = $1"
);

/// A second claim by the same claimant finds what the first one did.
const CLAIM: &str = concat!(
    "UPDATE device_code d SET session_id = $4, user_id = $5
     WHERE d.user_code = $1 AND d.status = $2 AND d.expires_at > $3
         AND (d.session_id IS NULL OR (d.session_id = $4 AND d.user_id = $5))
     RETURNING ",
    asked_columns!()
);

const CLAIMED: &str = concat!(
    "SELECT ",
    asked_columns!(),
    " FROM device_code d
     WHERE d.user_code = $1 AND d.status = $2 AND d.expires_at > $3 AND d.session_id = $4 AND d.user_id = $5"
);

const APPROVE: &str = r#"WITH basis AS (
        SELECT 1 FROM session s JOIN "user" u ON u.id = s.user_id
        WHERE s.id = $4 AND s.user_id = $5 AND s.epoch = $7 AND s.ended_at IS NULL AND s.expires_at > $3
            AND u.status = $11 AND u.epoch = $7
        FOR KEY SHARE OF s
     )
     UPDATE device_code d SET status = $6, epoch = $7, auth_time = $8, amr = $9, acr = $10
     FROM basis, client c
     WHERE d.user_code = $1 AND d.status = $2 AND d.expires_at > $3 AND d.session_id = $4 AND d.user_id = $5
         AND c.id = d.client_id AND c.enabled
     RETURNING 1"#;

/// The guard is in the statement: of many racing calls one finds the row approved. The grant is stored in it too.
const SPEND: &str = concat!(
    "WITH spent AS (
        UPDATE device_code SET status = 4, grant_id = $1
        WHERE code = $17 AND status = 3 AND expires_at > $12 AND client_id = $4 AND user_id = $2 RETURNING code
     ), basis AS (",
    basis_of_device!(),
    "), ",
    given!("basis, spent"),
    " SELECT given.* FROM spent LEFT JOIN given ON true"
);

fn read_asked(row: &Row) -> Result<DeviceAsked, Unavailable> {
    Ok(DeviceAsked {
        client: client_id("device_code", get(row, "client_id")?)?,
        scope: granted("device_code", get(row, "scope")?)?,
        resources: Resources::from_stored(get::<Option<String>>(row, "resource")?.as_deref()),
        challenge: maybe_bytes("device_code", row, "challenge")?.map(Challenge::from_bytes),
        address: get(row, "address")?,
        requested_at: instant("device_code", row, "requested_at")?,
        expires_at: instant("device_code", row, "expires_at")?,
    })
}

fn read_state(row: &Row) -> Result<DeviceState, Unavailable> {
    Ok(match get::<i64>(row, "status")? {
        PENDING => DeviceState::Pending,
        DENIED => DeviceState::Denied,
        APPROVED => DeviceState::Approved(DeviceApproval {
            user: UserId::from_bytes(bytes("device_code", row, "user_id")?),
            epoch: number("device_code", row, "epoch")?,
            session: SessionId::from_bytes(bytes("device_code", row, "session_id")?),
            authentication: authentication("device_code", get(row, "auth_time")?, get(row, "amr")?, get(row, "acr")?)?,
        }),
        REDEEMED => DeviceState::Redeemed,
        other => return Err(corrupt("device_code", format!("status {other}"))),
    })
}

fn read_code(row: &Row) -> Result<DeviceCode, Unavailable> {
    Ok(DeviceCode {
        hash: HandleHash::from_bytes(bytes("device_code", row, "code")?),
        asked: read_asked(row)?,
        pace: Pace {
            interval: number("device_code", row, "interval_seconds")?,
            next_poll_at: instant("device_code", row, "next_poll_at")?,
        },
        state: read_state(row)?,
    })
}

/// One of the statements about a claimed code that have the same five parameters.
async fn claimed(
    pool: &Pool,
    sql: &str,
    user_code: UserCodeMac,
    claimant: Claimant,
    now: Timestamp,
) -> Result<Option<DeviceAsked>, Unavailable> {
    let (code, session, user) =
        (user_code.as_bytes().as_slice(), claimant.session.as_bytes().as_slice(), claimant.user.as_bytes().as_slice());
    let rows = pool.change(sql, &[&code, &PENDING, &millis(now), &session, &user]).await?;
    rows.first().map(read_asked).transpose()
}

async fn spend(
    pool: &Pool,
    hash: HandleHash<kind::DeviceCode>,
    new: &NewGrant,
    now: Timestamp,
) -> Result<SpendDevice, Fault> {
    let (code, values) = (hash.as_bytes().as_slice(), Values::of(new, now));
    let mut params = values.params();
    params.push(&code);
    let spent = pool.once(SPEND, &params).await?;
    if let Some(row) = spent.first() {
        return Ok(match get::<Option<&[u8]>>(row, "id")? {
            Some(_) => SpendDevice::Now(Box::new(grant::read(row)?)),
            None => SpendDevice::Ended,
        });
    }
    let found = pool.once("SELECT grant_id FROM device_code WHERE code = $1 AND status = 4", &[&code]).await?;
    let Some(row) = found.first() else { return Ok(SpendDevice::NotApproved) };
    let id = new.id.as_bytes().as_slice();
    if get::<Option<&[u8]>>(row, "grant_id")? != Some(id) {
        return Ok(SpendDevice::Already);
    }
    // An earlier attempt of this very call spent the code, and its answer was lost with the connection.
    let sql = concat!("SELECT ", grant::grant_columns!(), " FROM app_grant g WHERE g.id = $1");
    let given = pool.once(sql, &[&id]).await?;
    Ok(match given.first() {
        Some(row) => SpendDevice::Now(Box::new(grant::read(row)?)),
        None => SpendDevice::Ended,
    })
}

#[async_trait]
impl Devices for PostgresStore {
    async fn begin_device(&self, new: NewDevice) -> Result<bool, Unavailable> {
        let asked = &new.asked;
        let begun = self
            .pool
            .change(
                "INSERT INTO device_code (code, user_code, client_id, scope, resource, challenge, address, requested_at,
                     expires_at, interval_seconds, next_poll_at, status)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (user_code) DO NOTHING RETURNING 1",
                &[
                    &new.code.as_bytes().as_slice(),
                    &new.user_code.as_bytes().as_slice(),
                    &asked.client.as_str(),
                    &asked.scope.scope().to_string(),
                    &asked.resources.to_stored(),
                    &asked.challenge.as_ref().map(|challenge| challenge.as_bytes().as_slice()),
                    &asked.address,
                    &millis(asked.requested_at),
                    &millis(asked.expires_at),
                    &i64::from(new.pace.interval),
                    &millis(new.pace.next_poll_at),
                    &PENDING,
                ],
            )
            .await?;
        Ok(!begun.is_empty())
    }

    async fn claim_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable> {
        claimed(&self.pool, CLAIM, user_code, claimant, now).await
    }

    async fn find_claimed_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable> {
        claimed(&self.pool, CLAIMED, user_code, claimant, now).await
    }

    async fn decide_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        decision: DeviceDecision,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let (code, session, user) = (
            user_code.as_bytes().as_slice(),
            claimant.session.as_bytes().as_slice(),
            claimant.user.as_bytes().as_slice(),
        );
        let decided = match decision {
            DeviceDecision::Deny => {
                self.pool
                    .change(
                        "UPDATE device_code SET status = $6
                         WHERE user_code = $1 AND status = $2 AND expires_at > $3 AND session_id = $4 AND user_id = $5
                         RETURNING 1",
                        &[&code, &PENDING, &millis(now), &session, &user, &DENIED],
                    )
                    .await?
            }
            DeviceDecision::Approve(approval) => {
                if approval.user != claimant.user || approval.session != claimant.session {
                    return Ok(false);
                }
                let authentication = &approval.authentication;
                self.pool
                    .change(
                        APPROVE,
                        &[
                            &code,
                            &PENDING,
                            &millis(now),
                            &session,
                            &user,
                            &APPROVED,
                            &i64::from(approval.epoch),
                            &millis(authentication.at),
                            &authentication.amr.join(" "),
                            &authentication.acr,
                            &ACTIVE,
                        ],
                    )
                    .await?
            }
        };
        Ok(!decided.is_empty())
    }

    async fn find_device_code(&self, hash: HandleHash<kind::DeviceCode>) -> Result<Option<DeviceCode>, Unavailable> {
        self.pool.first(CODE, &[&hash.as_bytes().as_slice()]).await?.as_ref().map(read_code).transpose()
    }

    async fn note_device_poll(
        &self,
        code: &CheckedDeviceCode,
        next: Pace,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let code = code.code();
        let noted = self
            .pool
            .change(
                "UPDATE device_code SET interval_seconds = $2, next_poll_at = $3
                 WHERE code = $1 AND status = $4 AND expires_at > $5 AND interval_seconds = $6 AND next_poll_at = $7
                 RETURNING 1",
                &[
                    &code.hash.as_bytes().as_slice(),
                    &i64::from(next.interval),
                    &millis(next.next_poll_at),
                    &PENDING,
                    &millis(now),
                    &i64::from(code.pace.interval),
                    &millis(code.pace.next_poll_at),
                ],
            )
            .await?;
        Ok(!noted.is_empty())
    }

    async fn spend_device_code(
        &self,
        code: CheckedDeviceCode,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<SpendDevice, Unavailable> {
        let hash = code.code().hash;
        let spend = || spend(&self.pool, hash, &grant, now);
        match self.pool.try_write(spend).await {
            // Perhaps it was committed: asked again, the row tells whether it was we who spent the code.
            Err(fault) if fault.leaves_it_open() => self.pool.until_known(spend).await,
            outcome => Ok(outcome?),
        }
    }
}
