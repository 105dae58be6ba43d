//! `/error/{code}`: what an `error_uri` leads to, with the explanation that `brama explain` gives too.

use axum::response::Response;
use brama_protocol::error::{self, NOT_FOUND, Refusal};
use brama_protocol::explain::{self, Explanation};
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::page;

/// `GET /error/{code}`: the page of a row of the error table, shown with 200, for it is a document about an error.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let row = incoming.path.strip_prefix("/error/").and_then(error::row).ok_or(&NOT_FOUND)?;
    let language = page::Language::of(app, incoming, None);
    let explanation = match explain::of(row.id) {
        Some(Explanation { why, fix, .. }) => format!("{}. {why} {fix}", row.description),
        None => row.description.to_owned(),
    };
    let mut response = page::explained(app, incoming, StatusCode::OK, &row.into(), &explanation);
    language.remember(&mut response);
    Ok(response)
}
