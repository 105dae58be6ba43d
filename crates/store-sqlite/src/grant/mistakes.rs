//! How another server replaced refresh tokens, for tests that plant its mistake. In an ordinary build nothing of it is left.

use brama_faults::{Fault, planted};
use brama_store::Unavailable;
use brama_store::grant::{Grant, Judgement, Presentation, Refreshed, Verdict};
use jiff::Timestamp;

use super::{Presented, Standing, find, judgement, standing};
use crate::SqliteStore;
use crate::column::{change, millis};

/// Look at a token in one transaction, and replace it in another without a second look. Nothing: the mistake is not planted,
/// or the token is not to be replaced.
pub(super) async fn check_then_update(
    store: &SqliteStore,
    presentation: Presentation<'_>,
    now: Timestamp,
) -> Result<Option<Refreshed>, Unavailable> {
    if !planted(Fault::Refresh01) {
        return Ok(None);
    }
    let presented = Presented::from(presentation);
    let seen = store.read(move |connection| {
        let Ok(standing) = standing(connection, &presented, now)? else { return Ok(None) };
        let rotates = matches!(judgement(&presented, &standing, now), Judgement::Verdict(Verdict::Rotate(_)));
        Ok(rotates.then_some(standing))
    });
    let Some(Standing { grant, user, .. }) = seen.await? else { return Ok(None) };
    let id = grant.id;
    let replaced: Option<(Grant, bool)> = store
        .write(move |connection| {
            change(
                connection,
                "UPDATE app_grant SET predecessor = generation, generation = generation + 1, rotated_at = ?2 WHERE id = ?1",
                (id.as_bytes(), millis(now)),
            )?;
            find(connection, id)
        })
        .await?;
    Ok(replaced.map(|(grant, _)| Refreshed::Stands { grant: Box::new(grant), user: Box::new(user) }))
}
