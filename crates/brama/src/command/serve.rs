//! `brama serve`: the production server.

use std::sync::Arc;

use brama_config::{Code, Config, Loaded, Profile};
use brama_flows::Deployment;
use brama_http::Front;
use brama_protocol::client::{Client, ClientLinks};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::registration;
use brama_store::client::ClientRecord;
use clap::Args;

use crate::boot;
use crate::client_form::ClientForm;
use crate::command::ServerFlags;
use crate::command::client::read_keys;
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
    let clients = check_clients(&loaded, declared(config)?)?;
    logging::start(&config.log);
    let listener = boot::listen(config).await?;
    // The key first: it may only be made together with the database.
    let master = boot::master_key(config).await?;
    let store = database::open(config, if flags.migrate { Migrate::Always } else { Migrate::OnlyNew }).await?;
    let deployment = boot::deployment(config, store, &master).await?;
    declare(&deployment, config, clients).await?;
    warn_of_clients(&deployment).await?;
    let front = Front::new(boot::app(config, Arc::clone(&deployment), false)?, axum::Router::new());
    boot::keep_up(&deployment)?;
    tracing::info!(address = %config.server.listen, issuer = config.public_url.as_str(), version = env!("CARGO_PKG_VERSION"), "ready");
    brama_http::serve(boot::serving(config, listener, front), edge::asked_to_end()).await;
    Ok(())
}

/// The clients that the configuration declares, with their places in it. Files with keys are read.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn declared(config: &Config) -> Result<Vec<(usize, ClientForm)>, Failure> {
    config.clients.iter().enumerate().map(|(index, client)| Ok((index, form(client)?))).collect()
}

fn form(client: &brama_config::Client) -> Result<ClientForm, Failure> {
    Ok(ClientForm {
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
        auth_method: client.auth_method.clone(),
        auth_signing_alg: client.auth_signing_alg.clone(),
        jwks: client.jwks_file.as_deref().map(read_keys).transpose()?,
        jwks_uri: client.jwks_uri.clone(),
        grant_types: client.grant_types.clone(),
        serves: client.serves.clone(),
        require_pushed_authorization_requests: client.require_pushed_authorization_requests,
        dpop_bound_access_tokens: client.dpop_bound_access_tokens,
        default_max_age: client.default_max_age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX)),
        default_acr_values: client.default_acr_values.clone(),
        backchannel_logout_uri: client.backchannel_logout_uri.clone(),
        backchannel_logout_session_required: client.backchannel_logout_session_required,
        danger_allow_missing_pkce: client.danger_allow_missing_pkce,
        links: ClientLinks {
            client_uri: client.client_uri.clone(),
            logo_uri: client.logo_uri.clone(),
            policy_uri: client.policy_uri.clone(),
            tos_uri: client.tos_uri.clone(),
            contacts: client.contacts.clone(),
        },
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

/// Say what an operator should know of clients, whoever registered them: what is dangerous, and what can never work.
async fn warn_of_clients(deployment: &Arc<Deployment>) -> Result<(), Failure> {
    for record in deployment.store.list_clients().await? {
        let client = &record.client;
        if !client.enabled {
            continue;
        }
        let id = client.id.as_str();
        if client.danger_allow_missing_pkce {
            tracing::warn!(code = "B5110", client = id, "this client may leave PKCE out (danger_allow_missing_pkce)");
        }
        if client.auth_method.has_secret() && record.secrets.is_empty() {
            let fix = format!("brama client rotate {id}, or secret_file in the configuration");
            tracing::warn!(code = "B5111", client = id, fix, "this client can never authenticate: it has no secret");
        }
        if let Err(why) = registration::check(client.clone()) {
            tracing::warn!(code = "B5111", client = id, %why, "this client cannot work as it is registered");
        }
    }
    Ok(())
}
