//! A proxy in front of the server: counts questions and loses answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use brama_postgres_cluster::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the proxy saw and what it is to do.
#[derive(Default)]
pub(crate) struct Seen {
    questions: AtomicU32,
    lose_the_next_answer: AtomicBool,
    and_fall_silent: AtomicBool,
    silent: AtomicBool,
}

impl Seen {
    /// How many round trips were begun: a `Sync` or a simple query asks for an answer.
    pub(crate) fn questions(&self) -> u32 {
        self.questions.load(Ordering::SeqCst)
    }

    /// Cut the connection on which the next answer comes, instead of passing it on.
    pub(crate) fn lose_the_next_answer(&self) {
        self.lose_the_next_answer.store(true, Ordering::SeqCst);
    }

    /// The same, and from then on pass nothing on.
    pub(crate) fn lose_the_next_answer_and_fall_silent(&self) {
        self.and_fall_silent.store(true, Ordering::SeqCst);
        self.lose_the_next_answer();
    }

    /// Whether an answer was lost since it was asked for.
    pub(crate) fn has_lost_it(&self) -> bool {
        !self.lose_the_next_answer.load(Ordering::SeqCst)
    }

    /// Pass nothing on any more, in either direction, on connections that are there and on new ones.
    pub(crate) fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }
}

/// The same database behind a proxy. It ends with the test's runtime.
pub(crate) async fn in_front_of(url: &str) -> (String, Arc<Seen>) {
    let server = server_of(url);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(&server).await.unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let cut = Arc::new(Notify::new());
            tokio::spawn(questions(near_in, far_out, Arc::clone(&shared), Arc::clone(&cut)));
            tokio::spawn(answers(far_in, near_out, Arc::clone(&shared), cut));
        }
    });
    (url.replace(&server_of(url), &format!("127.0.0.1:{port}")) + "?sslmode=disable", seen)
}

/// `host:port`
fn server_of(url: &str) -> String {
    let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    assert!(Cluster::shared().url("x").contains(authority), "of the shared cluster");
    authority.rsplit('@').next().unwrap().to_owned()
}

/// Passes whole messages on. The first has no type byte.
async fn questions(mut near: OwnedReadHalf, mut far: OwnedWriteHalf, seen: Arc<Seen>, cut: Arc<Notify>) {
    let mut greeted = false;
    loop {
        let message = tokio::select! {
            message = read_message(&mut near, greeted) => message,
            () = cut.notified() => return,
        };
        let Ok(message) = message else { return };
        if greeted && matches!(message.first(), Some(b'S' | b'Q')) {
            seen.questions.fetch_add(1, Ordering::SeqCst);
        }
        greeted = true;
        if seen.silent.load(Ordering::SeqCst) {
            continue;
        }
        if far.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn read_message(from: &mut OwnedReadHalf, typed: bool) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if typed {
        message.push(from.read_u8().await?);
    }
    let length = from.read_u32().await?;
    message.extend_from_slice(&length.to_be_bytes());
    let start = message.len();
    message.resize(start + usize::try_from(length).unwrap() - 4, 0);
    from.read_exact(message.get_mut(start..).unwrap()).await?;
    Ok(message)
}

async fn answers(mut far: OwnedReadHalf, mut near: OwnedWriteHalf, seen: Arc<Seen>, cut: Arc<Notify>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = far.read(&mut buffer).await else { return };
        if seen.lose_the_next_answer.load(Ordering::SeqCst) {
            seen.silent.fetch_or(seen.and_fall_silent.swap(false, Ordering::SeqCst), Ordering::SeqCst);
            seen.lose_the_next_answer.store(false, Ordering::SeqCst);
            cut.notify_one();
            return;
        }
        if seen.silent.load(Ordering::SeqCst) {
            continue;
        }
        if near.write_all(buffer.get(..length).unwrap()).await.is_err() {
            return;
        }
    }
}
