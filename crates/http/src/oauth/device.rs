//! `/oauth2/device_authorization`. RFC 8628 §3.1, §3.2; EP-20.

use axum::response::Response;
use brama_flows::device;
use brama_protocol::device::{DeviceResponse, LIFETIME_SECONDS};
use brama_protocol::error::Refusal;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::oauth::authorization;
use crate::respond::json;

/// Give out a device code and a user code. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    let ctx = &incoming.ctx;
    let begun = device::begin(ctx, &authorization(incoming), &parameters, incoming.source).await?;
    let page = format!("{}/device", ctx.settings.issuer);
    let user_code = begun.user_code.shown();
    Ok(json(
        StatusCode::OK,
        &DeviceResponse {
            device_code: &begun.device_code.to_wire(),
            user_code: &user_code,
            verification_uri: &page,
            verification_uri_complete: &format!("{page}?user_code={user_code}"),
            expires_in: LIFETIME_SECONDS,
            interval: begun.interval,
        },
    ))
}
