//! `brama dev`: everything at once, on this machine alone.

use std::sync::Arc;
use std::time::Instant;

use brama_config::Profile;
use brama_http::Front;

use crate::boot;
use crate::command::ServerFlags;
use crate::database::{self, Migrate};
use crate::dev::{banner, demo, seed};
use crate::failure::Failure;
use crate::{edge, logging, terminal};

pub(crate) async fn run(flags: &ServerFlags) -> Result<(), Failure> {
    let began = Instant::now();
    let loaded = flags.load(Profile::Dev)?;
    let config = &loaded.config;
    logging::start(&config.log);
    let listener = boot::listen(config).await?;
    let new = database::is_new(config).await?;
    let master = boot::master_key(config).await?;
    let store = database::open(config, Migrate::Always).await?;
    let deployment = boot::deployment(config, store, &master).await?;
    let account = seed::account(config, &deployment).await?;
    seed::client(config, &deployment).await?;
    let demo = demo::router(config, &account)?;
    let front = Front::new(boot::app(config, Arc::clone(&deployment), true)?, demo);
    boot::keep_up(&deployment)?;
    terminal::message(&banner::text(config, &account, new, began.elapsed()));
    brama_http::serve(boot::serving(config, listener, front), edge::asked_to_end()).await;
    Ok(())
}
