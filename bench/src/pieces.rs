//! The parts that no implementation can do without, computed in this process on the server's core.

use anyhow::Context as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use brama_guard::Guard;
use brama_jose::{Algorithm, SigningKey, Typ};

use crate::load::{self, Plan};
use crate::measured::Sample;
use crate::site::PASSWORD;
use crate::skeleton::claims;
use crate::wire::Place;

/// Checks per timed call: one is too short.
const BATCH: usize = 16;

/// One ES256 signature of an access token.
pub(crate) fn sign(plan: &Plan) -> anyhow::Result<Sample> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    load::compute(plan, 1, 1, || Ok(|| key.sign(Typ::AccessToken, &claims()).map(drop).map_err(Into::into)))
}

/// One bare ES256 signature check: nothing is decoded, nothing is read.
pub(crate) fn verify(plan: &Plan) -> anyhow::Result<Sample> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let token = key.sign(Typ::AccessToken, &claims())?;
    let (signed, signature) = token.rsplit_once('.').context("a token has three parts")?;
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let jwk = serde_json::to_value(key.public())?;
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = jwk.get(name).and_then(serde_json::Value::as_str).context("a key has two coordinates")?;
        point.extend(URL_SAFE_NO_PAD.decode(coordinate)?);
    }
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?;
    load::compute(plan, 1, BATCH, || {
        Ok(|| (0..BATCH).try_for_each(|_| Ok(public.verify_sig(signed.as_bytes(), &signature)?)))
    })
}

/// Salt of all hashes.
const SALT: [u8; 16] = [7; 16];

/// A password's hash as the server stores it, with its default cost.
pub(crate) fn phc(password: &str) -> anyhow::Result<String> {
    use argon2::{Algorithm, Argon2, Params, Version};
    let wrong = |error| anyhow::anyhow!("argon2: {error}");
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(wrong)?;
    let mut tag = [0u8; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), &SALT, &mut tag).map_err(wrong)?;
    let [salt, tag] = [&SALT[..], &tag].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${tag}"))
}

/// Argon2id with the server's default cost by the fastest library that is known, on as many threads as the server hashes
/// with; the memory is there already.
pub(crate) fn argon2id(plan: &Plan) -> anyhow::Result<Sample> {
    use argon2_rust::params::{Memory, TagLen};
    use argon2_rust::{Algorithm, Argon2, Params, Version};
    let params = Params::builder().memory(Memory::kib(19_456)).passes(2).lanes(1).threads(1).tag_len(TagLen::bytes(32));
    let params = params.build()?;
    load::compute(plan, plan.placement.server_cores(), 1, || {
        let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
        Ok(move || {
            let mut tag = [0u8; 32];
            Ok(hasher.hash_into(PASSWORD.as_bytes(), &SALT, &mut tag)?)
        })
    })
}

/// The same by the library of RustCrypto, for comparison.
pub(crate) fn argon2id_rustcrypto(plan: &Plan) -> anyhow::Result<Sample> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    let wrong = |error| anyhow::anyhow!("argon2: {error}");
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(wrong)?;
    load::compute(plan, plan.placement.server_cores(), 1, || {
        let mut memory = vec![Block::new(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        Ok(move || {
            let mut tag = [0u8; 32];
            argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), &SALT, &mut tag, &mut memory).map_err(wrong)
        })
    })
}

/// The guard that APIs use, on a token of the running server. `remembered`: how many tokens its cache holds; 0 checks every
/// signature.
pub(crate) fn guard(plan: &Plan, place: &Place, token: &str, remembered: usize) -> anyhow::Result<Sample> {
    let issuer = format!("http://{}", place.authority);
    load::compute(plan, 1, BATCH, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = Guard::builder(&issuer).audience(format!("{issuer}/api")).cached_tokens(remembered);
        let guard = runtime.block_on(guard.build_and_warm())?;
        Ok(move || {
            runtime.block_on(async {
                for _ in 0..BATCH {
                    guard.verify(token).await.map_err(|rejection| anyhow::anyhow!("{rejection:?}"))?;
                }
                Ok(())
            })
        })
    })
}
