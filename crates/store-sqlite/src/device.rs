//! Device authorizations.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
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
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::column::{authentication, change, client_id, corrupt, first, get, granted, millis, timestamp};
use crate::{client, grant, session, user};

const PENDING: i64 = 1;
const DENIED: i64 = 2;
const APPROVED: i64 = 3;
const REDEEMED: i64 = 4;

fn read_asked(row: &Row<'_>) -> Result<DeviceAsked, Unavailable> {
    Ok(DeviceAsked {
        client: client_id("device_code", get(row, "client_id")?)?,
        scope: granted("device_code", &get::<String>(row, "scope")?)?,
        resources: Resources::from_stored(get::<Option<String>>(row, "resource")?.as_deref()),
        challenge: get::<Option<[u8; 32]>>(row, "challenge")?.map(Challenge::from_bytes),
        address: get(row, "address")?,
        requested_at: timestamp("device_code", get(row, "requested_at")?)?,
        expires_at: timestamp("device_code", get(row, "expires_at")?)?,
    })
}

fn read_state(row: &Row<'_>) -> Result<DeviceState, Unavailable> {
    Ok(match get::<i64>(row, "status")? {
        PENDING => DeviceState::Pending,
        DENIED => DeviceState::Denied,
        APPROVED => {
            let amr: String = get(row, "amr")?;
            DeviceState::Approved(DeviceApproval {
                user: UserId::from_bytes(get(row, "user_id")?),
                epoch: get(row, "epoch")?,
                session: SessionId::from_bytes(get(row, "session_id")?),
                authentication: authentication("device_code", get(row, "auth_time")?, &amr, get(row, "acr")?)?,
            })
        }
        REDEEMED => DeviceState::Redeemed,
        other => return Err(corrupt("device_code", format!("status {other}"))),
    })
}

fn read_code(row: &Row<'_>) -> Result<DeviceCode, Unavailable> {
    Ok(DeviceCode {
        hash: HandleHash::from_bytes(get(row, "code")?),
        asked: read_asked(row)?,
        pace: Pace {
            interval: get(row, "interval_seconds")?,
            next_poll_at: timestamp("device_code", get(row, "next_poll_at")?)?,
        },
        state: read_state(row)?,
    })
}

fn find_claimed(
    connection: &Connection,
    user_code: UserCodeMac,
    claimant: Claimant,
    now: Timestamp,
) -> Result<Option<DeviceAsked>, Unavailable> {
    first(
        connection,
        "SELECT * FROM device_code
         WHERE user_code = ?1 AND status = ?2 AND expires_at > ?3 AND session_id = ?4 AND user_id = ?5",
        (user_code.as_bytes(), PENDING, millis(now), claimant.session.as_bytes(), claimant.user.as_bytes()),
        read_asked,
    )
}

fn approve(
    connection: &Connection,
    user_code: UserCodeMac,
    claimant: Claimant,
    approval: &DeviceApproval,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let Some(asked) = find_claimed(connection, user_code, claimant, now)? else { return Ok(false) };
    if approval.user != claimant.user
        || approval.session != claimant.session
        || user::find_current(connection, approval.user, approval.epoch)?.is_none()
        || !session::is_open(connection, approval.user, approval.epoch, approval.session, now)?
        || !client::is_enabled(connection, &asked.client)?
    {
        return Ok(false);
    }
    let approved = change(
        connection,
        "UPDATE device_code SET status = ?2, epoch = ?3, auth_time = ?4, amr = ?5, acr = ?6
         WHERE user_code = ?1 AND status = ?7 AND expires_at > ?8 AND session_id = ?9 AND user_id = ?10",
        rusqlite::params![
            user_code.as_bytes(),
            APPROVED,
            approval.epoch,
            millis(approval.authentication.at),
            approval.authentication.amr.join(" "),
            approval.authentication.acr,
            PENDING,
            millis(now),
            claimant.session.as_bytes(),
            claimant.user.as_bytes(),
        ],
    )?;
    Ok(approved == 1)
}

fn spend(
    connection: &Connection,
    code: HandleHash<kind::DeviceCode>,
    new: &NewGrant,
    now: Timestamp,
) -> Result<SpendDevice, Unavailable> {
    // The guard is in the statement; what follows only explains why it did not hold.
    let spent = change(
        connection,
        "UPDATE device_code SET status = ?2, grant_id = ?3
         WHERE code = ?1 AND status = ?4 AND expires_at > ?5 AND client_id = ?6 AND user_id = ?7",
        (code.as_bytes(), REDEEMED, new.id.as_bytes(), APPROVED, millis(now), new.client.as_str(), new.user.as_bytes()),
    )?;
    if spent == 1 {
        return Ok(match grant::give_offline(connection, new, now)? {
            Some(grant) => SpendDevice::Now(Box::new(grant)),
            None => SpendDevice::Ended,
        });
    }
    let redeemed = first(
        connection,
        "SELECT 1 FROM device_code WHERE code = ?1 AND status = ?2",
        (code.as_bytes(), REDEEMED),
        |_| Ok(()),
    )?;
    Ok(if redeemed.is_some() { SpendDevice::Already } else { SpendDevice::NotApproved })
}

#[async_trait]
impl Devices for SqliteStore {
    async fn begin_device(&self, new: NewDevice) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let asked = &new.asked;
            let begun = change(
                connection,
                "INSERT INTO device_code (code, user_code, client_id, scope, resource, challenge, address, requested_at,
                     expires_at, interval_seconds, next_poll_at, status)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (user_code) DO NOTHING",
                (
                    new.code.as_bytes(),
                    new.user_code.as_bytes(),
                    asked.client.as_str(),
                    asked.scope.scope().to_string(),
                    asked.resources.to_stored(),
                    asked.challenge.as_ref().map(Challenge::as_bytes),
                    &asked.address,
                    millis(asked.requested_at),
                    millis(asked.expires_at),
                    new.pace.interval,
                    millis(new.pace.next_poll_at),
                    PENDING,
                ),
            )?;
            Ok(begun == 1)
        })
        .await
    }

    async fn claim_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable> {
        self.write(move |connection| {
            if planted(Fault::Device01) {
                change(
                    connection,
                    "UPDATE device_code SET session_id = NULL, user_id = NULL WHERE user_code = ?1",
                    [user_code.as_bytes()],
                )?;
            }
            change(
                connection,
                "UPDATE device_code SET session_id = ?4, user_id = ?5
                 WHERE user_code = ?1 AND status = ?2 AND expires_at > ?3 AND session_id IS NULL",
                (user_code.as_bytes(), PENDING, millis(now), claimant.session.as_bytes(), claimant.user.as_bytes()),
            )?;
            find_claimed(connection, user_code, claimant, now)
        })
        .await
    }

    async fn find_claimed_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable> {
        self.read(move |connection| find_claimed(connection, user_code, claimant, now)).await
    }

    async fn decide_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        decision: DeviceDecision,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.write(move |connection| match &decision {
            DeviceDecision::Approve(approval) => approve(connection, user_code, claimant, approval, now),
            DeviceDecision::Deny => {
                let denied = change(
                    connection,
                    "UPDATE device_code SET status = ?2
                     WHERE user_code = ?1 AND status = ?3 AND expires_at > ?4 AND session_id = ?5 AND user_id = ?6",
                    (
                        user_code.as_bytes(),
                        DENIED,
                        PENDING,
                        millis(now),
                        claimant.session.as_bytes(),
                        claimant.user.as_bytes(),
                    ),
                )?;
                Ok(denied == 1)
            }
        })
        .await
    }

    async fn find_device_code(&self, hash: HandleHash<kind::DeviceCode>) -> Result<Option<DeviceCode>, Unavailable> {
        self.read(move |connection| {
            first(connection, "SELECT * FROM device_code WHERE code = ?1", [hash.as_bytes()], read_code)
        })
        .await
    }

    async fn note_device_poll(
        &self,
        code: &CheckedDeviceCode,
        next: Pace,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let (hash, seen) = (code.code().hash, code.code().pace);
        self.write(move |connection| {
            let noted = change(
                connection,
                "UPDATE device_code SET interval_seconds = ?2, next_poll_at = ?3
                 WHERE code = ?1 AND status = ?4 AND expires_at > ?5 AND interval_seconds = ?6 AND next_poll_at = ?7",
                (
                    hash.as_bytes(),
                    next.interval,
                    millis(next.next_poll_at),
                    PENDING,
                    millis(now),
                    seen.interval,
                    millis(seen.next_poll_at),
                ),
            )?;
            Ok(noted == 1)
        })
        .await
    }

    async fn spend_device_code(
        &self,
        code: CheckedDeviceCode,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<SpendDevice, Unavailable> {
        self.write(move |connection| spend(connection, code.code().hash, &grant, now)).await
    }
}
