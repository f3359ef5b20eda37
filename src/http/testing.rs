//! A server of scripted answers on a raw socket, for tests of what goes over the wire.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot::Receiver;
use tokio::task::JoinHandle;

/// What is done with one connection.
pub(crate) enum Reply {
    /// Reads the whole request, then answers.
    Full(Vec<u8>),
    /// Answers after the request's head, then reads on until the client ends the connection.
    Early(Vec<u8>),
    /// Answers after the first bytes, whatever they are, and closes.
    Raw(Vec<u8>),
    /// Reads the whole request and closes without a word.
    Close,
    /// Reads the whole request and says nothing until the client ends the connection.
    Silent,
    /// Reads the request's head and so many bytes of its body, answers, and closes with the rest unread, which
    /// resets the connection.
    Reset(usize, Vec<u8>),
    /// Reads the request's head and nothing more until it is told to; then as `Full`.
    Deaf(Receiver<()>, Vec<u8>),
    /// Reads the whole request, and answers a byte at a time.
    Drip(Vec<u8>),
    /// Reads the whole request, answers, and goes on with the answer for as long as it is read.
    Endless(Vec<u8>),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body was as long as its head said.
    pub whole: bool,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a header whose name is written exactly so.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Server {
    address: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

/// An answer with a length.
pub(crate) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for header in headers {
        out.push_str(header);
        out.push_str("\r\n");
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

impl Server {
    /// Serves one connection per reply, in order, then closes its port.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Server {
        Server::start_with(|_| replies.into_iter().collect()).await
    }

    /// As [`Server::start`], for replies that name the server's own address.
    pub(crate) async fn start_with(replies: impl FnOnce(&str) -> Vec<Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let replies = replies(&format!("http://{address}"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let task = tokio::spawn(async move {
            for reply in replies {
                let (socket, _) = listener.accept().await.unwrap();
                let request = serve(socket, reply).await;
                log.lock().unwrap().push(request);
            }
        });
        Server {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests, once every scripted connection has ended.
    pub(crate) async fn finish(&mut self) -> Vec<Seen> {
        (&mut self.task).await.unwrap();
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut socket: TcpStream, mut reply: Reply) -> Seen {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    if let Reply::Raw(answer) = &reply {
        let n = socket.read(&mut chunk).await.unwrap_or(0);
        bytes.extend_from_slice(&chunk[..n]);
        let _ = socket.write_all(answer).await;
        return Seen {
            head: String::new(),
            body: bytes,
            whole: false,
        };
    }
    let end = loop {
        match socket.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            // Cut off before its head had come.
            _ => break 0,
        }
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let lower = head.to_lowercase();
    let length: Option<usize> = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let chunked = lower.contains("transfer-encoding: chunked");
    let is_whole = |body: &[u8]| match length {
        _ if head.is_empty() => false,
        Some(length) => body.len() >= length,
        None => !chunked || body.ends_with(b"0\r\n\r\n"),
    };
    if let Reply::Early(answer) = &reply {
        let _ = socket.write_all(answer).await;
    }
    if let Reply::Deaf(told, _) = &mut reply {
        let _ = told.await;
    }
    let enough = |body: &[u8]| match &reply {
        Reply::Reset(bytes, _) => body.len() >= *bytes,
        _ => is_whole(body),
    };
    while !enough(&body) {
        match socket.read(&mut chunk).await {
            Ok(n) if n > 0 => body.extend_from_slice(&chunk[..n]),
            _ => break,
        }
    }
    let whole = is_whole(&body);
    match reply {
        Reply::Full(answer) | Reply::Deaf(_, answer) if whole => {
            let _ = socket.write_all(&answer).await;
            let _ = socket.shutdown().await;
        }
        Reply::Reset(_, answer) => {
            let _ = socket.write_all(&answer).await;
        }
        Reply::Silent => while matches!(socket.read(&mut chunk).await, Ok(1..)) {},
        Reply::Drip(answer) => {
            let head = answer.windows(4).position(|w| w == b"\r\n\r\n");
            let (head, body) = answer.split_at(head.map_or(0, |at| at + 4));
            let _ = socket.write_all(head).await;
            for byte in body {
                if socket.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        Reply::Endless(answer) => {
            let _ = socket.write_all(&answer).await;
            while socket.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        _ => {}
    }
    Seen { head, body, whole }
}
