//! Requests of people who are not signed in: so many a minute for each address, and so many at work at once. TH-13.
//!
//! Limits on guessing are in the database, where all nodes see them (`throttle`). This one stands before the database
//! and costs it nothing: a flood is refused from memory, by each node for itself. What is not refused may still be more
//! than the database can take, so strangers have a part of its queue only, and the signed-in do not queue behind them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use brama_protocol::client::ClientId;
use brama_protocol::error::{INTERNAL, Refusal, STORAGE_BUSY, TOO_MANY};
use brama_protocol::id::SessionId;
use brama_store::Unavailable;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::login::throttle::prefix;

/// Writes of strangers at the same time: a quarter of what waits for the database at most.
const AT_WORK: usize = 1024;
/// Most counters that are kept, about 5 MiB.
const KEPT: usize = 1 << 16;
/// How long requests are counted after the first.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// A network may send so many times what an address may.
const ADDRESSES: u32 = 10;

/// What is asked for; each has counters of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// An attempt to sign in.
    SignIn,
    /// A new authorization.
    Authorization,
    /// What a token is worth that was never ours.
    Introspection,
    /// Codes for a device.
    Device,
    /// A DPoP proof, which anybody can make.
    Proof,
    /// A registration, or a look at one.
    Registration,
}

/// Who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Address(Vec<u8>),
    Network(Vec<u8>),
    Session(SessionId),
    Client(ClientId),
}

#[derive(Clone, Copy)]
struct Window {
    began: Timestamp,
    requests: u32,
}

type Windows = HashMap<(Asked, Who), Window>;

/// The gate of one node.
pub struct FloodGate {
    windows: Mutex<Windows>,
    at_work: Arc<Semaphore>,
}

impl Default for FloodGate {
    fn default() -> Self {
        Self { windows: Mutex::default(), at_work: Arc::new(Semaphore::new(AT_WORK)) }
    }
}

impl FloodGate {
    /// Count a request of an address, and of its network.
    ///
    /// # Errors
    /// `too_many_attempts` with the seconds until the minute is over; then it is not counted.
    pub fn admit_address(&self, asked: Asked, address: IpAddr, per_minute: u32, now: Timestamp) -> Result<(), Refusal> {
        let limits = [
            (Who::Address(prefix(address, 4, 8)), per_minute),
            (Who::Network(prefix(address, 3, 6)), per_minute.saturating_mul(ADDRESSES)),
        ];
        self.admit(asked, limits, now)
    }

    /// Count a request of somebody who is signed in.
    ///
    /// # Errors
    /// As [`FloodGate::admit_address`].
    pub fn admit_session(
        &self,
        asked: Asked,
        session: SessionId,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.admit(asked, [(Who::Session(session), per_minute)], now)
    }

    /// Count a request of a client that has authenticated.
    ///
    /// # Errors
    /// As [`FloodGate::admit_address`].
    pub fn admit_client(
        &self,
        asked: Asked,
        client: &ClientId,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.admit(asked, [(Who::Client(client.clone()), per_minute)], now)
    }

    fn admit<const N: usize>(&self, asked: Asked, limits: [(Who, u32); N], now: Timestamp) -> Result<(), Refusal> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = limits.map(|(who, most)| ((asked, who), most));
        let longest = limits.iter().filter_map(|(key, most)| wait(windows.get(key), *most, now)).max();
        if let Some(seconds) = longest {
            return Err(Refusal::from(&TOO_MANY).retry_after(seconds));
        }
        make_room(&mut windows, N, now);
        for (key, _) in limits {
            let window = windows.entry(key).or_insert(Window { began: now, requests: 0 });
            if is_over(window, now) {
                *window = Window { began: now, requests: 0 };
            }
            window.requests = window.requests.saturating_add(1);
        }
        Ok(())
    }

    /// Write something that a stranger asked for, whether the stranger waits for it or not.
    ///
    /// # Errors
    /// `temporarily_unavailable` when too many are at work already; whatever the write says.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Unavailable>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = Arc::clone(&self.at_work).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::from(&STORAGE_BUSY).retry_after(1))?;
        // A task of its own: who hangs up gives the permit back only when the database has done the work.
        let done = tokio::spawn(async move {
            let outcome = work.await;
            drop(permit);
            outcome
        });
        done.await.map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))?.map_err(Refusal::from)
    }
}

/// Whether a window has ended. One that begins in the future is of before the clock was set back.
fn is_over(window: &Window, now: Timestamp) -> bool {
    let age = now.duration_since(window.began);
    age >= WINDOW || age.is_negative()
}

/// Seconds to wait, when this window admits no more.
fn wait(window: Option<&Window>, most: u32, now: Timestamp) -> Option<u64> {
    let window = window.filter(|window| window.requests >= most && !is_over(window, now))?;
    let left = WINDOW - now.duration_since(window.began);
    Some(u64::try_from(left.as_millis()).unwrap_or(0).div_ceil(1000).max(1))
}

/// Keep the number of counters bounded. When even those of this minute are too many, all begin anew: so many addresses
/// are stopped by no counter, only by [`FloodGate::write`].
fn make_room(windows: &mut Windows, more: usize, now: Timestamp) {
    if windows.len().saturating_add(more) <= KEPT {
        return;
    }
    windows.retain(|_, window| !is_over(window, now));
    // Looking through them all again for every request would be a flood of our own.
    if windows.len() > KEPT / 2 {
        windows.clear();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::net::Ipv6Addr;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn ask(gate: &FloodGate, address: &str, now: i64) -> Option<u64> {
        let admitted = gate.admit_address(Asked::Authorization, address.parse().unwrap(), 3, at(now));
        admitted.err().map(|refusal| refusal.retry_after.unwrap())
    }

    #[test]
    fn th13_so_many_a_minute_and_the_wait_is_real() {
        let gate = FloodGate::default();
        let asked: Vec<_> = [0, 10, 20, 30, 59, 60, 61].map(|now| ask(&gate, "192.0.2.1", now)).into();
        assert_eq!(asked, [None, None, None, Some(30), Some(1), None, None]);
        assert!(gate.admit_address(Asked::SignIn, "192.0.2.1".parse().unwrap(), 1, at(61)).is_ok());
    }

    #[test]
    fn th13_a_clock_that_was_set_back_blocks_nobody() {
        let gate = FloodGate::default();
        assert_eq!([0; 4].map(|now| ask(&gate, "192.0.2.1", now)), [None, None, None, Some(60)]);
        assert_eq!(ask(&gate, "192.0.2.1", -3600), None);
    }

    #[test]
    fn th13_th10_a_network_may_ask_ten_times_as_often() {
        let gate = FloodGate::default();
        let admitted = (0..250_u8).filter(|last| ask(&gate, &format!("192.0.2.{last}"), 0).is_none()).count();
        assert_eq!(admitted, 30);
        assert_eq!(ask(&gate, "192.0.3.1", 0), None);
        let admitted = (0..100).filter(|host| ask(&gate, &format!("2001:db8::{host}"), 0).is_none()).count();
        assert_eq!(admitted, 3, "one subscriber");
    }

    #[test]
    fn th11_counters_are_bounded() {
        let gate = FloodGate::default();
        for number in 0..200_000_u128 {
            let address = Ipv6Addr::from_bits(number << 80);
            assert!(gate.admit_address(Asked::SignIn, address.into(), 1, at(0)).is_ok());
            if number % 1000 == 0 {
                assert!(gate.windows.lock().unwrap().len() <= KEPT);
            }
        }
    }

    #[tokio::test]
    async fn strangers_have_a_part_of_the_queue_even_when_they_hang_up() {
        let gate = Arc::new(FloodGate::default());
        let go_on = Arc::new(Semaphore::new(0));
        for _ in 0..AT_WORK {
            let (gate, go_on) = (Arc::clone(&gate), Arc::clone(&go_on));
            let work = async move {
                let turn = go_on.acquire().await;
                turn.map(drop).map_err(|_| Unavailable::Busy)
            };
            let mut waiting = Box::pin(async move { gate.write(work).await });
            // Asked once, then dropped: the connection was closed.
            assert!(asked_once(waiting.as_mut()).await.is_none());
        }
        let refusal = gate.write(async { Ok(()) }).await.unwrap_err();
        assert_eq!((refusal.row.status, refusal.retry_after), (503, Some(1)));
        go_on.add_permits(AT_WORK);
        while gate.at_work.available_permits() < AT_WORK {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.write(async { Ok(7) }).await.unwrap(), 7);
    }

    /// What a future is worth when it is asked once.
    async fn asked_once<T>(mut future: std::pin::Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match future.as_mut().poll(cx) {
                std::task::Poll::Ready(done) => Some(done),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
