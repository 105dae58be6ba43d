//! Grants.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::{
    GaveBack, Grant, Grants, Judgement, Lineage, NewGrant, Presentation, Presenter, Refreshed, Verdict, bound_after,
    judge_sender,
};
use brama_store::user::{User, UserStatus};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{
    authentication, bytes, client_id, corrupt, get, granted, instant, maybe_bytes, millis, named_claims, number,
};
use crate::pool::{Fault, Param, Pool, Transaction};
use crate::rotation::Rotation;
use crate::session;
use crate::session::use_is_due;
use crate::user::{read_user, user_columns};

/// The columns of a grant `g`.
macro_rules! grant_columns {
    () => {
        "g.id, g.user_id, g.epoch, g.client_id, g.session_id, g.scope, g.resource, g.claims, g.auth_time, g.amr, g.acr, g.offline, \
         g.jkt, g.lasting, g.created_at, g.expires_at, g.generation, g.predecessor, g.rotated_at"
    };
}
pub(crate) use grant_columns;

/// What a new grant stands on (TE-23): one row, or none if its user, epoch, session or client has ended. The lock keeps
/// the session from being ended before the grant is there, and does not hinder the notes of its use. For [`give!`].
macro_rules! basis {
    () => {
        r#"SELECT s.persistent FROM session s
           JOIN "user" u ON u.id = s.user_id
           JOIN client c ON c.id = $4
           WHERE s.id = $5 AND s.user_id = $2 AND s.epoch = $3 AND s.ended_at IS NULL AND s.expires_at > $12
               AND u.status = 1 AND u.epoch = $3 AND c.enabled
           FOR KEY SHARE OF s"#
    };
}

/// The same for a grant that no session carries, not even in the beginning: that of a device.
macro_rules! basis_of_device {
    () => {
        r#"SELECT false AS persistent FROM "user" u JOIN client c ON c.id = $4
           WHERE u.id = $2 AND u.status = 1 AND u.epoch = $3 AND c.enabled AND $5::bytea IS NOT NULL"#
    };
}

/// Stores the grant of [`Values`] for the one row of `$basis`, if there is one, and records it.
macro_rules! given {
    ($basis:literal) => {
        concat!(
            "given AS (
                INSERT INTO app_grant AS g (id, user_id, epoch, client_id, session_id, scope, resource, auth_time, amr, acr,
                    offline, lasting, created_at, expires_at, generation, rotated_at, jkt, claims)
                SELECT $1::bytea, $2::bytea, $3::bigint, $4::text, $5::bytea, $6::text, $7::text, $8::bigint, $9::text,
                    $10::text, $11::boolean, basis.persistent, $12::bigint, $13::bigint, 0, $12::bigint, $15::bytea, $16::text
                FROM ", $basis, " RETURNING ", crate::grant::grant_columns!(), "
             ), noted AS (
                INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id)
                SELECT $12::bigint, $14::text, user_id, client_id, session_id, id FROM given
             )"
        )
    };
}

/// [`given!`] for a grant beside a session, whose end its client may want to be told of. LO-10.
macro_rules! give {
    ($basis:literal) => {
        concat!(crate::grant::given!($basis), ", ", crate::logout_delivery::note!())
    };
}
pub(crate) use {basis, basis_of_device, give, given};

/// What [`give!`] stores, as columns.
pub(crate) struct Values<'n> {
    new: &'n NewGrant,
    id: &'n [u8],
    user: &'n [u8],
    epoch: i64,
    client: &'n str,
    session: &'n [u8],
    scope: String,
    auth_time: i64,
    amr: String,
    now: i64,
    expires_at: i64,
    event: &'static str,
    jkt: Option<&'n [u8]>,
    resource: Option<String>,
    claims: Option<String>,
}

impl<'n> Values<'n> {
    pub(crate) fn of(new: &'n NewGrant, now: Timestamp) -> Self {
        Self {
            new,
            id: new.id.as_bytes(),
            user: new.user.as_bytes(),
            epoch: i64::from(new.epoch),
            client: new.client.as_str(),
            session: new.session.as_bytes(),
            scope: new.scope.scope().to_string(),
            auth_time: millis(new.authentication.at),
            amr: new.authentication.amr.join(" "),
            now: millis(now),
            expires_at: millis(new.expires_at),
            event: Event::GrantIssued.as_str(),
            jkt: new.jkt.as_ref().map(|jkt| jkt.as_bytes().as_slice()),
            resource: new.resources.to_stored(),
            claims: new.claims.to_stored(),
        }
    }

    /// `$1` to `$16`.
    pub(crate) fn params(&self) -> Vec<Param<'_>> {
        vec![
            &self.id,
            &self.user,
            &self.epoch,
            &self.client,
            &self.session,
            &self.scope,
            &self.resource,
            &self.auth_time,
            &self.amr,
            &self.new.authentication.acr,
            &self.new.offline,
            &self.now,
            &self.expires_at,
            &self.event,
            &self.jkt,
            &self.claims,
        ]
    }
}

/// A number of the lineage, as stored.
pub(crate) fn stored(generation: u64) -> Result<i64, Unavailable> {
    i64::try_from(generation).map_err(|error| corrupt("app_grant", error))
}

/// From [`grant_columns`].
pub(crate) fn read(row: &Row) -> Result<Grant, Unavailable> {
    let predecessor: Option<i64> = get(row, "predecessor")?;
    Ok(Grant {
        id: GrantId::from_bytes(bytes("app_grant", row, "id")?),
        user: UserId::from_bytes(bytes("app_grant", row, "user_id")?),
        epoch: number("app_grant", row, "epoch")?,
        client: client_id("app_grant", get(row, "client_id")?)?,
        session: SessionId::from_bytes(bytes("app_grant", row, "session_id")?),
        scope: granted("app_grant", get(row, "scope")?)?,
        resources: Resources::from_stored(get(row, "resource")?),
        claims: named_claims("app_grant", get(row, "claims")?)?,
        authentication: authentication("app_grant", get(row, "auth_time")?, get(row, "amr")?, get(row, "acr")?)?,
        offline: get(row, "offline")?,
        jkt: maybe_bytes("app_grant", row, "jkt")?.map(JwkThumbprint::from_bytes),
        lasting: get(row, "lasting")?,
        created_at: instant("app_grant", row, "created_at")?,
        expires_at: instant("app_grant", row, "expires_at")?,
        lineage: Lineage {
            generation: number("app_grant", row, "generation")?,
            predecessor: predecessor
                .map(|number| u64::try_from(number).map_err(|error| corrupt("app_grant", error)))
                .transpose()?,
            rotated_at: instant("app_grant", row, "rotated_at")?,
        },
    })
}

/// A grant and all it stands on, in one look-up: `$1` the grant, `$2` now, `$3` the session cookie's hash or nothing.
macro_rules! standing {
    () => {
        concat!(
    "SELECT ",
    grant_columns!(),
    ", ",
    user_columns!(),
    ", g.revoked_at IS NOT NULL AS revoked, c.enabled,
     coalesce(s.user_id = g.user_id AND s.epoch = g.epoch AND s.ended_at IS NULL AND s.expires_at > $2, false) AS session_open,
     coalesce(s.secret = $3 AND s.ended_at IS NULL AND s.expires_at > $2, false) AS cookie_of_session,
     coalesce(",
    use_is_due!("$2::bigint"),
    r#", false) AS use_is_due
     FROM app_grant g
     JOIN "user" u ON u.id = g.user_id
     JOIN client c ON c.id = g.client_id
     LEFT JOIN session s ON s.id = g.session_id
     WHERE g.id = $1"#
)
    };
}

const STANDING: &str = standing!();

/// The same for an access token of the grant: `$4` its `jti`, which is not on the deny list.
const STANDING_OF_TOKEN: &str =
    concat!(standing!(), " AND NOT EXISTS (SELECT 1 FROM revoked_token r WHERE r.jti = $4)");

/// A grant with what decides whether it stands.
struct Standing {
    grant: Grant,
    user: User,
    revoked: bool,
    /// Its client, its account and, unless it is for offline use, its session. TE-23. Being idle ends only the sign-in
    /// page's memory of the person, not what apps were given.
    based: bool,
    /// The session cookie that came is that of the grant's session. Design §5: a bound sender.
    bound: bool,
    use_is_due: bool,
}

impl Standing {
    fn read(row: &Row) -> Result<Self, Unavailable> {
        let (grant, user) = (read(row)?, read_user(row)?);
        let current = user.status == UserStatus::Active && user.epoch == grant.epoch;
        let based = current && get(row, "enabled")? && (grant.offline || get(row, "session_open")?);
        Ok(Self {
            grant,
            user,
            revoked: get(row, "revoked")?,
            based,
            bound: get(row, "cookie_of_session")?,
            use_is_due: get(row, "use_is_due")?,
        })
    }

    /// The checks that come before the rule of rotation. TE-23, TE-24.
    fn refused(&self, presentation: &Presentation<'_>, now: Timestamp) -> Option<Refreshed> {
        if self.grant.client != *presentation.client {
            return Some(Refreshed::Unknown);
        }
        if self.revoked {
            return Some(Refreshed::Revoked);
        }
        if self.grant.expires_at <= now {
            return Some(Refreshed::Expired);
        }
        if self.based { None } else { Some(Refreshed::Revoked) }
    }

    fn judgement(&self, presentation: &Presentation<'_>, now: Timestamp) -> Judgement {
        judge_sender(&self.grant, presentation, self.bound, now)
    }

    fn stands(self) -> Refreshed {
        Refreshed::Stands { grant: Box::new(self.grant), user: Box::new(self.user) }
    }
}

/// The parameters of [`STANDING`].
struct Key {
    grant: GrantId,
    now: i64,
    cookie: Option<[u8; 32]>,
}

impl Key {
    fn of(presentation: &Presentation<'_>, now: Timestamp) -> Self {
        let cookie = match presentation.presenter {
            Presenter::Cookie { session } => session.map(|secret| *secret.as_bytes()),
            Presenter::PublicClient | Presenter::ConfidentialClient => None,
        };
        Self { grant: presentation.token.grant, now: millis(now), cookie }
    }

    async fn look_up(&self, pool: &Pool) -> Result<Option<Standing>, Unavailable> {
        let (id, cookie) = (self.grant.as_bytes().as_slice(), self.cookie.as_ref().map(<[u8; 32]>::as_slice));
        let params: &[Param<'_>] = &[&id, &self.now, &cookie];
        pool.first(STANDING, params).await?.as_ref().map(Standing::read).transpose()
    }

    /// The row is locked first; what is read then is what the write will find.
    async fn lock(&self, transaction: &Transaction) -> Result<Option<Standing>, Fault> {
        let (id, cookie) = (self.grant.as_bytes().as_slice(), self.cookie.as_ref().map(<[u8; 32]>::as_slice));
        transaction.all("SELECT 1 FROM app_grant WHERE id = $1 FOR NO KEY UPDATE", &[&id]).await?;
        let params: &[Param<'_>] = &[&id, &self.now, &cookie];
        let found = transaction.first(STANDING, params).await?;
        Ok(found.as_ref().map(Standing::read).transpose()?)
    }
}

/// A grant that stands, with its user.
fn live(standing: Option<Standing>, now: Timestamp) -> Option<(Grant, User)> {
    let standing = standing.filter(|found| !found.revoked && found.based && now < found.grant.expires_at);
    standing.map(|standing| (standing.grant, standing.user))
}

/// A grant that stands, with its user, for one of its access tokens that is not on the deny list.
pub(crate) async fn find_of_token(
    pool: &Pool,
    id: GrantId,
    jti: &str,
    now: Timestamp,
) -> Result<Option<(Grant, User)>, Unavailable> {
    let cookie: Option<&[u8]> = None;
    let params: &[Param<'_>] = &[&id.as_bytes().as_slice(), &millis(now), &cookie, &jti];
    let standing = pool.first(STANDING_OF_TOKEN, params).await?.as_ref().map(Standing::read).transpose()?;
    Ok(live(standing, now))
}

/// What a refresh comes to that the batch did not settle: an old token, or a refusal. Most of them change nothing, so a
/// read is asked first.
async fn settle(pool: &Pool, presentation: &Presentation<'_>, now: Timestamp) -> Result<Refreshed, Fault> {
    let key = Key::of(presentation, now);
    let Some(standing) = key.look_up(pool).await? else { return Ok(Refreshed::Unknown) };
    if let Some(refused) = standing.refused(presentation, now) {
        return Ok(refused);
    }
    let by_cookie = matches!(presentation.presenter, Presenter::Cookie { .. });
    match standing.judgement(presentation, now) {
        Judgement::OtherKey => return Ok(Refreshed::OtherKey),
        Judgement::Verdict(Verdict::Again) if !(by_cookie && standing.use_is_due) => return Ok(standing.stands()),
        Judgement::Verdict(_) => {}
    }
    let transaction = pool.begin().await?;
    let settled = settle_locked(&transaction, &key, presentation, now).await?;
    transaction.commit().await?;
    Ok(settled)
}

async fn settle_locked(
    transaction: &Transaction,
    key: &Key,
    presentation: &Presentation<'_>,
    now: Timestamp,
) -> Result<Refreshed, Fault> {
    let Some(mut standing) = key.lock(transaction).await? else { return Ok(Refreshed::Unknown) };
    if let Some(refused) = standing.refused(presentation, now) {
        return Ok(refused);
    }
    match standing.judgement(presentation, now) {
        Judgement::Verdict(Verdict::Rotate(next) | Verdict::Replace(next)) => {
            let jkt = bound_after(&standing.grant, presentation);
            advance(transaction, &standing.grant, next, jkt).await?;
            (standing.grant.lineage, standing.grant.jkt) = (next, jkt);
        }
        Judgement::Verdict(Verdict::Again) => {}
        Judgement::OtherKey => return Ok(Refreshed::OtherKey),
        Judgement::Verdict(Verdict::Reuse) => {
            revoke(transaction, &standing.grant, Event::RefreshReused, now).await?;
            return Ok(Refreshed::Reused);
        }
    }
    if matches!(presentation.presenter, Presenter::Cookie { .. }) {
        session::touch_unless_locked(transaction, standing.grant.session, now).await?;
    }
    Ok(standing.stands())
}

/// The conditional write: it holds only if the row is what the rule has seen.
async fn advance(
    transaction: &Transaction,
    grant: &Grant,
    next: Lineage,
    jkt: Option<JwkThumbprint>,
) -> Result<(), Fault> {
    let changed = transaction
        .change(
            "UPDATE app_grant SET generation = $3, predecessor = $4, rotated_at = $5, jkt = $6
             WHERE id = $1 AND generation = $2 AND revoked_at IS NULL",
            &[
                &grant.id.as_bytes().as_slice(),
                &stored(grant.lineage.generation)?,
                &stored(next.generation)?,
                &next.predecessor.map(stored).transpose()?,
                &millis(next.rotated_at),
                &jkt.as_ref().map(|jkt| jkt.as_bytes().as_slice()),
            ],
        )
        .await?;
    if changed == 1 { Ok(()) } else { Err(Unavailable::Failed("the grant changed under its lock".to_owned()).into()) }
}

/// Revoke a grant because of a replay, and say so in the log once.
async fn revoke(transaction: &Transaction, grant: &Grant, event: Event, now: Timestamp) -> Result<(), Fault> {
    let revoked = transaction
        .change(
            "UPDATE app_grant SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            &[&grant.id.as_bytes().as_slice(), &millis(now)],
        )
        .await?;
    if revoked == 0 {
        return Ok(());
    }
    let about = About {
        user: Some(grant.user),
        client: Some(&grant.client),
        session: Some(grant.session),
        grant: Some(grant.id),
    };
    record(transaction, now, event, about).await
}

async fn sign_out(pool: &Pool, id: GrantId, now: Timestamp) -> Result<bool, Fault> {
    let key = id.as_bytes().as_slice();
    let found = pool.first("SELECT user_id, session_id FROM app_grant WHERE id = $1", &[&key]).await?;
    let Some(row) = found else { return Ok(false) };
    let user = UserId::from_bytes(bytes("app_grant", &row, "user_id")?);
    let session = SessionId::from_bytes(bytes("app_grant", &row, "session_id")?);
    let transaction = pool.begin().await?;
    let ended = session::end(&transaction, user, session, now).await?;
    let revoked = transaction
        .change("UPDATE app_grant SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", &[&key, &millis(now)])
        .await?;
    transaction.commit().await?;
    Ok(ended || revoked > 0)
}

#[async_trait]
impl Grants for PostgresStore {
    async fn give_grant(&self, new: NewGrant, now: Timestamp) -> Result<Option<Grant>, Unavailable> {
        let values = Values::of(&new, now);
        let given = self
            .pool
            .change(
                concat!("WITH basis AS (", basis!(), "), ", give!("basis"), " SELECT * FROM given"),
                &values.params(),
            )
            .await?;
        given.first().map(read).transpose()
    }

    async fn rotate(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable> {
        if let Some(rotation) = Rotation::of(&presentation, now)
            && let Some((grant, user)) = self.rotations.submit(rotation).await?
        {
            return Ok(Refreshed::Stands { grant, user });
        }
        self.pool.write(|| settle(&self.pool, &presentation, now)).await
    }

    async fn look(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable> {
        let Some(standing) = Key::of(&presentation, now).look_up(&self.pool).await? else {
            return Ok(Refreshed::Unknown);
        };
        if let Some(refused) = standing.refused(&presentation, now) {
            return Ok(refused);
        }
        Ok(match standing.judgement(&presentation, now) {
            Judgement::OtherKey => Refreshed::OtherKey,
            Judgement::Verdict(Verdict::Reuse) => Refreshed::Revoked,
            Judgement::Verdict(Verdict::Rotate(_) | Verdict::Again | Verdict::Replace(_)) => standing.stands(),
        })
    }

    async fn find_grant(&self, id: GrantId, now: Timestamp) -> Result<Option<(Grant, User)>, Unavailable> {
        let key = Key { grant: id, now: millis(now), cookie: None };
        Ok(live(key.look_up(&self.pool).await?, now))
    }

    async fn revoke_grant(&self, id: GrantId, client: &ClientId, now: Timestamp) -> Result<GaveBack, Unavailable> {
        let found = self
            .pool
            .change(
                "WITH revoked AS (
                     UPDATE app_grant SET revoked_at = $3 WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL
                     RETURNING id, user_id, client_id, session_id
                 ), noted AS (
                     INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id)
                     SELECT $3::bigint, $4, user_id, client_id, session_id, id FROM revoked
                 )
                 SELECT client_id <> $2 AS is_foreign, EXISTS (SELECT 1 FROM revoked) AS is_revoked
                 FROM app_grant WHERE id = $1",
                &[&id.as_bytes().as_slice(), &client.as_str(), &millis(now), &Event::GrantRevoked.as_str()],
            )
            .await?;
        let Some(row) = found.first() else { return Ok(GaveBack::Nothing) };
        Ok(match (get(row, "is_foreign")?, get(row, "is_revoked")?) {
            (true, _) => GaveBack::Foreign,
            (false, true) => GaveBack::Revoked,
            (false, false) => GaveBack::Nothing,
        })
    }

    async fn sign_out_grant(&self, id: GrantId, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| sign_out(&self.pool, id, now)).await
    }
}
