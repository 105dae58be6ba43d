//! `brama serve`: the production server.

use std::sync::Arc;

use brama_config::{Code, Config, Loaded, Profile};
use brama_flows::Deployment;
use brama_http::Front;
use brama_protocol::client::Client;
use brama_protocol::handle::{Handle, kind};
use brama_store::client::ClientRecord;
use clap::Args;

use crate::boot;
use crate::client_form::ClientForm;
use crate::command::ServerFlags;
use crate::database::{self, Migrate};
use crate::failure::{Failure, Trouble};
use crate::{edge, logging};

/// What `brama serve` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    server: ServerFlags,
    /// Bring the database up to date first
    #[arg(long)]
    migrate: bool,
}

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let loaded = flags.server.load(Profile::Production)?;
    let config = &loaded.config;
    let clients = check_clients(&loaded, declared(config).collect())?;
    logging::start(&config.log);
    let listener = boot::listen(config).await?;
    // The key first: it may only be made together with the database.
    let master = boot::master_key(config).await?;
    let store = database::open(config, if flags.migrate { Migrate::Always } else { Migrate::OnlyNew }).await?;
    let deployment = boot::deployment(config, store, &master).await?;
    declare(&deployment, config, clients).await?;
    let front = Front::new(boot::app(config, Arc::clone(&deployment), false)?, axum::Router::new());
    boot::keep_up(&deployment)?;
    tracing::info!(address = %config.server.listen, issuer = config.public_url.as_str(), version = env!("CARGO_PKG_VERSION"), "ready");
    brama_http::serve(boot::serving(config, listener, front), edge::asked_to_end()).await;
    Ok(())
}

/// The clients that the configuration declares, with their places in it.
pub(crate) fn declared(config: &Config) -> impl Iterator<Item = (usize, ClientForm)> {
    config.clients.iter().enumerate().map(|(index, client)| {
        let form = ClientForm {
            id: client.id.clone(),
            name: Some(client.name.clone()),
            client_type: client.kind.clone(),
            redirect_uris: client.redirect_uris.clone(),
            post_logout_redirect_uris: client.post_logout_redirect_uris.clone(),
            origins: client.origins.clone(),
            scopes: client.scopes.clone(),
            resources: client.resources.clone(),
            first_party: client.first_party,
            refresh_delivery: client.refresh_delivery.clone(),
            id_token_alg: client.id_token_alg.clone(),
        };
        (index, form)
    })
}

/// Check declared clients; every mistake is told with its place.
pub(crate) fn check_clients(loaded: &Loaded, forms: Vec<(usize, ClientForm)>) -> Result<Vec<Client>, Failure> {
    let (mut clients, mut problems) = (Vec::new(), Vec::new());
    for (index, form) in forms {
        match form.check() {
            Ok(client) => clients.push(client),
            Err(unfit) => {
                let key = format!("clients[{index}].{}", unfit.field);
                problems.push(loaded.problem(Code::NotUnderstood, &key, &format!("{key}: {}", unfit.what), &unfit.fix));
            }
        }
    }
    if problems.is_empty() { Ok(clients) } else { Err(problems.into()) }
}

/// Put the declared clients into the database; those that are there already and equal are not written again.
async fn declare(deployment: &Arc<Deployment>, config: &Config, clients: Vec<Client>) -> Result<(), Failure> {
    for (client, declared) in clients.into_iter().zip(&config.clients) {
        let secrets = match &declared.secret_file {
            None => Vec::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let secret = Handle::<kind::ClientSecret>::parse(text.trim()).ok_or_else(|| {
                    let what = format!("{} does not hold the secret of client {}", path.display(), client.id);
                    Trouble::new("B1211", what, "make one: head -c 32 /dev/urandom | basenc --base64url | tr -d '='")
                })?;
                vec![secret.hash()]
            }
        };
        let now = edge::now();
        deployment.store.declare_client(ClientRecord { client, secrets, created_at: now, updated_at: now }).await?;
    }
    Ok(())
}
