//! The demo user and the demo app.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use brama_config::Config;
use brama_flows::admin::{self, AccountForm};
use brama_flows::{Deployment, Entropy as _};
use brama_protocol::username::{Email, NameKey, Username};
use brama_store::client::ClientRecord;
use serde::{Deserialize, Serialize};

use crate::boot;
use crate::client_form::ClientForm;
use crate::edge::{self, SystemEntropy};
use crate::failure::{Failure, Trouble};

/// The client id of the demo app.
pub(crate) const CLIENT: &str = "demo-spa";
const USERNAME: &str = "olena";
const EMAIL: &str = "olena@example.ua";

/// The demo account with its password, which the development server shows to whoever starts it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DemoAccount {
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password: String,
}

/// Words without letters that are easily confused.
const WORDS: [&str; 32] = [
    "lypa", "mist", "bereza", "richka", "pole", "sonce", "dub", "hora", "more", "zoria", "lis", "step", "kalyna",
    "verba", "sokil", "malva", "roza", "hlid", "klen", "ozero", "viter", "nebo", "kamin", "trava", "pisok", "derevo",
    "kvitka", "bdzhola", "lelek", "vedmid", "zubr", "rys",
];

fn password() -> Result<String, Failure> {
    let mut bytes = [0u8; 6];
    SystemEntropy.fill(&mut bytes).map_err(|error| Trouble::new("B1302", error.to_string(), "start again"))?;
    let (words, digits) = bytes.split_at_checked(4).unwrap_or_default();
    let words: Vec<&str> =
        words.iter().filter_map(|&byte| WORDS.get(usize::from(byte) % WORDS.len()).copied()).collect();
    let number = digits.iter().fold(0u32, |number, &byte| number * 256 + u32::from(byte)) % 10_000;
    Ok(format!("{}-{number:04}", words.join("-")))
}

fn file(config: &Config) -> PathBuf {
    config.data_dir.join("demo-account.json")
}

/// The demo account, made at the first start. Its password is drawn at random and kept beside the database.
pub(crate) async fn account(config: &Config, deployment: &Arc<Deployment>) -> Result<DemoAccount, Failure> {
    let path = file(config);
    let kept = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<DemoAccount>(&text).ok());
    let ctx = boot::ctx(deployment);
    let exists = ctx.store.find_sign_in(&NameKey::of(USERNAME)).await?.is_some();
    match (kept, exists) {
        (Some(account), true) => Ok(account),
        (None, true) => {
            let what = format!("the demo account exists, but {} is gone", path.display());
            let fix = format!(
                "set a password you know: printf '%s' 'lypa-mist-bereza-4821' | brama user password {USERNAME} --password-stdin --data-dir {0}, or delete {0} to start over",
                config.data_dir.display()
            );
            crate::terminal::message(&format!("{}\n", Trouble::new("B1212", what, fix)));
            Ok(DemoAccount { username: USERNAME.to_owned(), email: EMAIL.to_owned(), password: String::new() })
        }
        (_, false) => {
            let account = DemoAccount { username: USERNAME.to_owned(), email: EMAIL.to_owned(), password: password()? };
            let text = serde_json::to_vec_pretty(&account).unwrap_or_default();
            fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .and_then(|mut file| file.write_all(&text))?;
            let username = Username::parse(USERNAME)
                .map_err(|error| Trouble::new("B4205", error.to_string(), "report this as a bug"))?;
            let form = AccountForm {
                username,
                email: Email::parse(EMAIL).ok(),
                name: Some("Олена Дяченко".to_owned()),
                locale: Some("uk".to_owned()),
            };
            admin::add_account(&ctx, form, &account.password).await?;
            Ok(account)
        }
    }
}

/// The demo app: a first-party single-page app at `/demo`.
pub(crate) async fn client(config: &Config, deployment: &Arc<Deployment>) -> Result<(), Failure> {
    let own = config.public_url.as_str();
    let form = ClientForm {
        id: CLIENT.to_owned(),
        name: Some("Brama demo".to_owned()),
        client_type: "browser".to_owned(),
        redirect_uris: vec![format!("{own}/demo/callback")],
        post_logout_redirect_uris: vec![format!("{own}/demo")],
        origins: vec![own.to_owned()],
        first_party: true,
        ..ClientForm::default()
    };
    let client =
        form.check().map_err(|unfit| Trouble::new("B5102", format!("{}: {}", unfit.field, unfit.what), unfit.fix))?;
    let now = edge::now();
    deployment
        .store
        .declare_client(ClientRecord { client, secrets: Vec::new(), created_at: now, updated_at: now })
        .await?;
    Ok(())
}
