//! `brama client deliveries`: whether an app was told of sessions that ended. LO-12.

use brama_protocol::client::ClientId;
use brama_store::logout_delivery::{DeliveryState, LogoutDelivery};
use clap::Args;

use crate::command::Place;
use crate::database;
use crate::failure::{Failure, Trouble};
use crate::terminal;

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// client_id
    id: String,
    /// How many at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Print JSON, one line for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// List the newest messages to an app.
pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    let unknown = || Trouble::new("B5101", format!("there is no app {:?}", flags.id), "see `brama client list`");
    let id: ClientId = flags.id.parse().map_err(|_| unknown())?;
    let store = database::open_existing(&flags.place.load()?.config).await?;
    let record = store.find_client(&id).await?.ok_or_else(unknown)?;
    let deliveries = store.logouts_to(&id, flags.limit).await?;
    for delivery in &deliveries {
        let line = if flags.json { json(delivery).to_string() } else { line(delivery) };
        terminal::data(&format!("{line}\n"));
    }
    if deliveries.is_empty() && !flags.json {
        terminal::message(if record.client.backchannel_logout.is_some() {
            "No session of this app has ended in the last week.\n"
        } else {
            "This app has no backchannel_logout_uri: it is not told when a session ends.\n"
        });
    }
    Ok(())
}

fn line(delivery: &LogoutDelivery) -> String {
    let answer = delivery.answer.as_deref().unwrap_or("not tried yet");
    let state = delivery.state.as_str();
    let next = match delivery.state {
        DeliveryState::Waiting { next_at } => format!("; next try {next_at:.0}"),
        DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::GivenUp => String::new(),
    };
    format!("{:.0}  {}  {state:<9}  {} tries  {answer}{next}", delivery.ended_at, delivery.session, delivery.attempts)
}

fn json(delivery: &LogoutDelivery) -> serde_json::Value {
    let next = match delivery.state {
        DeliveryState::Waiting { next_at } => Some(next_at.to_string()),
        DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::GivenUp => None,
    };
    serde_json::json!({
        "session_ended_at": delivery.ended_at.to_string(),
        "sid": delivery.session.to_string(),
        "sub": delivery.user.to_string(),
        "state": delivery.state.as_str(),
        "attempts": delivery.attempts,
        "answer": delivery.answer,
        "next_attempt_at": next,
    })
}
