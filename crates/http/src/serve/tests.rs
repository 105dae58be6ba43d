//! Deadlines of connections, by a clock that jumps whenever everybody waits.
#![expect(clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::body::Body;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
/// Answered after 25 s.
const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
/// Answered with more than a connection holds.
const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n";

/// The other side of a connection.
struct Guest {
    stream: DuplexStream,
    began: Instant,
    mood: watch::Sender<Mood>,
}

impl Guest {
    fn new() -> Self {
        let (stream, theirs) = duplex(4096);
        let (mood, watched) = watch::channel(Mood::Calm);
        let router = Router::new().fallback(|request: Request<Body>| async move {
            match request.uri().path() {
                "/slow" => {
                    sleep(Duration::from_secs(25)).await;
                    "done".to_owned()
                }
                "/large" => "x".repeat(1 << 20),
                _ => "here".to_owned(),
            }
        });
        let house = Arc::new(House::new(TrustedProxies::default(), 100, 100));
        let peer = SocketAddr::from(([192, 0, 2, 1], 1));
        let front = Arc::new(Front::bare(router));
        tokio::spawn(connection(theirs, peer, front, house, Limits::default(), watched));
        Self { stream, began: Instant::now(), mood }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Read until this text has come.
    async fn hear(&mut self, text: &str) {
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(text) {
            assert!(self.stream.read_buf(&mut heard).await.unwrap() > 0, "closed after {heard:?}");
        }
    }

    /// Seconds until the server has closed the connection, while this is sent every second.
    async fn closed_while_sending(mut self, drop: &[u8]) -> u64 {
        let from = Instant::now();
        let mut heard = [0; 1024];
        for _ in 0..1000 {
            let read = tokio::time::timeout(Duration::from_secs(1), self.stream.read(&mut heard)).await;
            match read {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(_)) => {}
                Err(_) => {
                    let _ = self.stream.write_all(drop).await;
                }
            }
        }
        from.elapsed().as_secs()
    }

    /// Seconds until the server has closed the connection, while nothing is sent.
    async fn closed(self) -> u64 {
        self.closed_while_sending(b"").await
    }
}

#[tokio::test(start_paused = true)]
async fn wh13_who_says_nothing_is_cut() {
    assert_eq!(Guest::new().closed().await, 10);
}

#[tokio::test(start_paused = true)]
async fn wh13_a_first_head_that_comes_in_drops_is_cut() {
    for begin in ["", "G", "GET / HTTP/1.1\r\nhost: x\r\nx: ", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut guest = Guest::new();
        guest.send(begin.as_bytes()).await;
        let seconds = guest.closed_while_sending(b"y").await;
        assert!((1..=11).contains(&seconds), "{begin:?}: {seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn wh13_a_later_head_that_comes_in_drops_is_cut_too() {
    let mut guest = Guest::new();
    guest.send(GET).await;
    guest.hear("here").await;
    guest.send(b"GET / HTTP/1.1\r\nx: ").await;
    let seconds = guest.closed_while_sending(b"y").await;
    assert!((10..=21).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn wh13_an_idle_connection_is_kept_for_a_minute_and_no_longer() {
    let mut guest = Guest::new();
    for _ in 0..3 {
        guest.send(GET).await;
        guest.hear("here").await;
        sleep(Duration::from_secs(55)).await;
    }
    guest.send(GET).await;
    guest.hear("here").await;
    let seconds = guest.closed().await;
    assert!((60..=61).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_left_alone() {
    let mut guest = Guest::new();
    guest.send(SLOW).await;
    guest.hear("done").await;
    assert_eq!(guest.began.elapsed().as_secs(), 25);
    guest.send(GET).await;
    guest.hear("here").await;
}

#[tokio::test(start_paused = true)]
async fn wh13_who_takes_nothing_of_an_answer_is_cut() {
    let mut guest = Guest::new();
    guest.send(LARGE).await;
    guest.hear("200 OK").await;
    let mood = guest.mood.clone();
    let from = Instant::now();
    mood.closed().await;
    let seconds = from.elapsed().as_secs();
    assert!((15..=16).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn wh13_who_takes_an_answer_in_drops_has_a_minute() {
    let mut guest = Guest::new();
    guest.send(LARGE).await;
    let from = Instant::now();
    let mut drop = [0; 256];
    while guest.stream.read(&mut drop).await.is_ok_and(|length| length > 0) && from.elapsed().as_secs() < 300 {
        sleep(Duration::from_secs(1)).await;
    }
    // What was on its way may still be taken after the server has gone.
    guest.mood.closed().await;
    let seconds = from.elapsed().as_secs();
    assert!((60..=90).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn when_all_places_are_taken_who_has_no_request_goes_and_who_has_stays() {
    let (mut idle, mut busy, silent) = (Guest::new(), Guest::new(), Guest::new());
    idle.send(GET).await;
    idle.hear("here").await;
    busy.send(SLOW).await;
    sleep(Duration::from_millis(500)).await;
    for guest in [&idle, &busy, &silent] {
        guest.mood.send_replace(Mood::Full);
    }
    let (idle, silent) = (idle.closed().await, silent.closed().await);
    assert!(idle <= 2 && silent <= 2, "{idle} {silent}");
    busy.hear("done").await;
    // There is room again.
    busy.mood.send_replace(Mood::Calm);
    sleep(Duration::from_secs(1)).await;
    let seconds = busy.closed().await;
    assert!((2..=61).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_requests_in_flight_are_answered() {
    let (mut idle, mut busy) = (Guest::new(), Guest::new());
    idle.send(GET).await;
    idle.hear("here").await;
    busy.send(SLOW).await;
    sleep(Duration::from_secs(1)).await;
    idle.mood.send_replace(Mood::Ending);
    busy.mood.send_replace(Mood::Ending);
    assert_eq!(idle.closed().await, 0);
    busy.hear("done").await;
    assert_eq!(busy.closed().await, 0);
}

#[tokio::test(start_paused = true)]
async fn tls_on_this_port_is_told_so_at_once() {
    let mut guest = Guest::new();
    guest.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    guest.hear("400 Bad Request").await;
    assert_eq!(guest.closed().await, 0);
}

/// Frames of HTTP/2, as hostile clients write them. RFC 9113.
mod http2 {
    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const CONTINUATION: u8 = 9;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    /// `GET /` over http, from the static table of HPACK. RFC 7541, appendix A.
    const REQUEST: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [length.get(1..).unwrap(), &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    async fn guest() -> Guest {
        let mut guest = Guest::new();
        guest.send(PREFACE).await;
        guest.send(&frame(SETTINGS, 0, 0, &[])).await;
        guest
    }

    /// Whether the server ends the connection while these are sent again and again, and after how many.
    async fn ended_after(guest: Guest, most: u32, frames: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
        let (mut read, mut write) = tokio::io::split(guest.stream);
        let reader = tokio::spawn(async move {
            let mut heard = Vec::new();
            let _ = read.read_to_end(&mut heard).await;
        });
        for number in 0..most {
            if write.write_all(&frames(number)).await.is_err() || reader.is_finished() {
                return Some(number);
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn wh13_pings_and_settings_prolong_nothing() {
        for drop in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
            let seconds = guest().await.closed_while_sending(&drop).await;
            assert!((1..=11).contains(&seconds), "{seconds}");
            let mut guest = guest().await;
            guest.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, REQUEST)).await;
            guest.hear("here").await;
            let seconds = guest.closed_while_sending(&drop).await;
            assert!((50..=61).contains(&seconds), "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wh13_streams_that_are_reset_at_once_end_the_connection() {
        let ended = ended_after(guest().await, 100_000, |number| {
            let stream = number * 2 + 1;
            let mut frames = frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST);
            frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            frames
        });
        assert!(ended.await.is_some_and(|streams| streams < 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn wh13_a_head_without_end_ends_the_connection() {
        let mut guest = guest().await;
        guest.send(&frame(HEADERS, END_STREAM, 1, REQUEST)).await;
        // A literal field, name and value of one byte each.
        let ended = ended_after(guest, 100_000, |_| frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b']));
        assert!(ended.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn wh13_a_large_head_is_refused() {
        // 12 KB of fields of 120 bytes in each frame.
        let fields = [&[0, 1, b'a', 120][..], &[b'b'; 120]].concat().repeat(100);
        for (frames, answered) in [(1, true), (4, false)] {
            let mut guest = guest().await;
            guest.send(&frame(HEADERS, END_STREAM, 1, REQUEST)).await;
            for number in 1..=frames {
                let flags = if number == frames { END_HEADERS } else { 0 };
                guest.send(&frame(CONTINUATION, flags, 1, &fields)).await;
            }
            let mut heard = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(5), guest.stream.read_to_end(&mut heard)).await;
            assert_eq!(String::from_utf8_lossy(&heard).contains("here"), answered, "{frames}: {heard:?}");
        }
    }
}
