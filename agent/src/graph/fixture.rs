//! For tests: a server on the loopback that answers as the test says, and a bearer that counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::{Bearer, BearerFuture, Graph};
use crate::store::fixture::StoppedClock;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Header lines, lower-case.
    pub(crate) headers: Vec<String>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What the server answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        let body = br#"{"error":{"code":"SomeCode","message":"Some message."}}"#.to_vec();
        Self {
            status,
            headers: vec![("request-id", "server-id".to_owned())],
            body,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(crate) struct Server {
    pub(crate) origin: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers with what `answer` makes of each request and its number, from 1.
    pub(crate) async fn start(
        answer: impl Fn(&Seen, usize, &Url) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: Url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, here) = (Arc::clone(&seen), origin.clone());
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, here, answer) = (Arc::clone(&log), here.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &here, answer.as_ref()).await;
                });
            }
        });
        Self { origin, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn graph(&self, bearer: Arc<dyn Bearer>) -> Graph {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Graph::new(
            http,
            self.origin.clone(),
            bearer,
            Arc::new(StoppedClock),
            random,
        )
    }
}

pub(crate) fn random() -> [u8; 16] {
    *uuid::Uuid::new_v4().as_bytes()
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Seen>>,
    here: &Url,
    answer: &(dyn Fn(&Seen, usize, &Url) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers = lines.map(str::to_lowercase).collect();
    let seen = Seen { target, headers };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len()
    };
    let answer = answer(&seen, number, here);
    let mut out = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in answer.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    stream.write_all(out.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.shutdown().await
}

/// Gives `token-N`, with N counting the fresh ones.
#[derive(Default)]
pub(crate) struct CountingBearer(AtomicU64);

impl Bearer for CountingBearer {
    fn bearer(&self, fresh: bool) -> BearerFuture<'_> {
        Box::pin(async move {
            let number = self.0.fetch_add(u64::from(fresh), Ordering::Relaxed) + u64::from(fresh);
            Ok(Zeroizing::new(format!("token-{number}")))
        })
    }
}
