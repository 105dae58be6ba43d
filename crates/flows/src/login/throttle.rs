//! Which counters an attempt runs into. TH-1, TH-2, TH-10, TH-11.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use brama_protocol::error::{Refusal, TOO_MANY};
use brama_protocol::username::NameKey;
use brama_store::throttle::{Admission, Lane, OnSuccess};

use crate::context::Ctx;
use crate::login::flood::Asked;

/// Names counters by keyed hashes: the table says nothing about who signs in from where. TH-2, LG-3.
pub struct ThrottleKey(hmac::Key);

impl ThrottleKey {
    /// From 32 derived bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub(crate) fn name(&self, label: &str, value: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(label.as_bytes());
        context.update(&[0]);
        context.update(value);
        let mut name = [0u8; 32];
        name.copy_from_slice(context.sign().as_ref());
        name
    }
}

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The peer, or what a trusted proxy says of it. TH-10.
    pub address: IpAddr,
    /// Exempt from the limits on addresses: development, or an operator's list.
    pub exempt: bool,
}

/// An attempt that every counter has admitted and counted. Only [`reserve`] makes it; a password is looked at only with
/// it. TH-3.
pub struct Reserved {
    lanes: Vec<Lane>,
}

/// The first bits of an address, as bytes. TH-10.
pub(crate) fn prefix(address: IpAddr, v4_bytes: usize, v6_bytes: usize) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().into_iter().take(v4_bytes).collect(),
        IpAddr::V6(address) => address.octets().into_iter().take(v6_bytes).collect(),
    }
}

fn lanes(ctx: &Ctx, name: &NameKey, source: Source) -> Vec<Lane> {
    let rules = &ctx.settings.throttle;
    let key = &ctx.throttle_key;
    let mut lanes = vec![Lane {
        key: key.name("account", name.as_str().as_bytes()),
        rule: rules.account,
        on_success: OnSuccess::Reset,
    }];
    if !source.exempt {
        // The day is part of the name: yesterday's addresses cannot be told from today's. TH-11.
        let day = (ctx.now.as_second() / 86_400).to_be_bytes();
        let named = |label: &str, mut bytes: Vec<u8>| {
            bytes.extend_from_slice(&day);
            key.name(label, &bytes)
        };
        let (address, network) = (prefix(source.address, 4, 8), prefix(source.address, 3, 6));
        lanes.push(Lane {
            key: named("address", address.clone()),
            rule: rules.address,
            on_success: OnSuccess::GiveBack,
        });
        lanes.push(Lane { key: named("requests", address), rule: rules.address_requests, on_success: OnSuccess::Keep });
        lanes.push(Lane { key: named("network", network), rule: rules.network, on_success: OnSuccess::GiveBack });
    }
    lanes
}

/// Asking the counters is a write. Who goes on and on although they refuse is refused from memory. TH-13.
///
/// # Errors
/// `too_many_attempts`.
pub fn admit(ctx: &Ctx, source: Source) -> Result<(), Refusal> {
    if source.exempt {
        return Ok(());
    }
    let requests = ctx.settings.throttle.address_requests.free.saturating_mul(2);
    ctx.flood.admit_address(Asked::SignIn, source.address, requests, ctx.now)
}

/// Count an attempt before any password is looked at. TH-3, TH-4.
///
/// # Errors
/// `too_many_attempts` with the real wait in whole seconds (TH-9); a store that is down answers 503, nobody signs in
/// unthrottled (TH-11).
pub async fn reserve(ctx: &Ctx, name: &NameKey, source: Source) -> Result<Reserved, Refusal> {
    let lanes = lanes(ctx, name, source);
    let (store, asked, now) = (Arc::clone(&ctx.store), lanes.clone(), ctx.now);
    match ctx.flood.write(async move { store.reserve_attempt(asked, now).await }).await? {
        Admission::Admitted => Ok(Reserved { lanes }),
        Admission::Wait(wait) => {
            let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000).max(1);
            Err(Refusal::from(&TOO_MANY).retry_after(seconds))
        }
    }
}

impl Reserved {
    /// Nothing was looked at after all, because the server is busy: the attempt is given back.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn withdrawn(self, ctx: &Ctx) -> Result<(), Refusal> {
        let lanes = self.lanes.into_iter().map(|lane| Lane { on_success: OnSuccess::GiveBack, ..lane }).collect();
        ctx.store.attempt_succeeded(lanes).await.map_err(Refusal::from)
    }

    /// The password was right. TH-7.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn succeeded(self, ctx: &Ctx) -> Result<(), Refusal> {
        ctx.store.attempt_succeeded(self.lanes).await.map_err(Refusal::from)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn th10_one_ipv6_network_is_one_address() {
        let of = |text: &str| prefix(text.parse().unwrap(), 4, 8);
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
