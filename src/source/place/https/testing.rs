//! A web server of one file, which does what tests ask for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use xxhash_rust::xxh3::xxh3_64;

use super::spec::HttpsSpec;
use crate::http::spec::TimeoutsSpec;
use crate::settings::secret::PresignedUrl;
use crate::source::Input;

/// How the server tells of the file's state, and what it knows of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Manner {
    /// By an ETag, and it knows ranges.
    Tagged,
    /// By the time of its last change, and it knows ranges.
    Timed,
    /// By an ETag, and it answers every request with the whole file.
    Whole,
    /// Not at all, nor how long it is: the file is made for each request.
    Made,
}

/// What becomes of one answer.
#[derive(Clone, Debug)]
pub(in crate::source) enum Deed {
    /// So many bytes of the body, and the end of the connection.
    Cut(usize),
    /// The body in pieces of so many bytes.
    Slow(usize),
    /// Another answer.
    Says(Vec<u8>),
    /// No answer, and a connection that stays open.
    Silent,
}

pub(in crate::source) struct Site {
    pub(in crate::source) address: String,
    text: Mutex<Vec<u8>>,
    manner: Manner,
    deeds: Mutex<VecDeque<Deed>>,
    seen: Mutex<Vec<String>>,
}

impl Site {
    /// It answers for as long as the runtime lives.
    pub(in crate::source) async fn start(text: Vec<u8>, manner: Manner) -> Arc<Site> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Arc::new(Site {
            address: format!("http://{}", listener.local_addr().unwrap()),
            text: Mutex::new(text),
            manner,
            deeds: Mutex::default(),
            seen: Mutex::default(),
        });
        let own = site.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.serve(socket).await });
            }
        });
        site
    }

    pub(in crate::source) fn becomes(&self, text: impl Into<Vec<u8>>) {
        *self.text.lock().unwrap() = text.into();
    }

    /// What becomes of the next answers; those after them are good.
    pub(in crate::source) fn will(&self, deeds: impl IntoIterator<Item = Deed>) {
        self.deeds.lock().unwrap().extend(deeds);
    }

    /// The heads of the requests so far, in lower case.
    pub(in crate::source) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(in crate::source) fn input(&self, path: &str) -> Input {
        self.input_as(path, &HttpsSpec::default())
    }

    pub(in crate::source) fn input_as(&self, path: &str, spec: &HttpsSpec) -> Input {
        let address = PresignedUrl::parse(&format!("{}{path}", self.address)).unwrap();
        Input::https(address, spec, &TimeoutsSpec::default()).unwrap()
    }

    async fn serve(&self, mut socket: TcpStream) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        self.seen.lock().unwrap().push(head.clone());
        let deed = self.deeds.lock().unwrap().pop_front();
        if let Some(Deed::Says(answer)) = &deed {
            let _ = socket.write_all(answer).await;
            return Some(());
        }
        if let Some(Deed::Silent) = deed {
            std::future::pending::<()>().await;
        }
        let (answer, body) = self.answer(&head);
        let _ = socket.write_all(answer.as_bytes()).await;
        match deed {
            Some(Deed::Cut(count)) => {
                let _ = socket.write_all(&body[..count.min(body.len())]).await;
            }
            Some(Deed::Slow(count)) => {
                for piece in body.chunks(count) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let _ = socket.write_all(piece).await;
                }
            }
            _ => {
                let _ = socket.write_all(&body).await;
            }
        }
        Some(())
    }

    /// The head of an answer, and its body.
    fn answer(&self, head: &str) -> (String, Vec<u8>) {
        let text = self.text.lock().unwrap().clone();
        let tag = format!("\"{:x}\"", xxh3_64(&text));
        // Every text is of another day.
        let time = Duration::from_secs(xxh3_64(&text) % 20_000 * 86_400);
        let time = httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + time);
        let asked = |name: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.strip_prefix(": "))
        };
        let state = match self.manner {
            Manner::Tagged | Manner::Whole => format!("ETag: {tag}\r\n"),
            Manner::Timed => format!("Last-Modified: {time}\r\n"),
            Manner::Made => {
                let chunk = format!("{:x}\r\n", text.len());
                let body = [chunk.as_bytes(), &text, b"\r\n0\r\n\r\n"].concat();
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                return (head.to_owned(), body);
            }
        };
        let refused = |status: &str| {
            let head = format!("HTTP/1.1 {status}\r\n{state}Connection: close\r\n\r\n");
            (head, Vec::new())
        };
        let is_other = |name: &str, now: &str| asked(name).is_some_and(|tag| tag != now);
        let is_same = |name: &str, now: &str| asked(name) == Some(now);
        let time = time.to_lowercase();
        if is_other("if-match", &tag) || is_other("if-unmodified-since", &time) {
            return refused("412 Precondition Failed");
        }
        if is_same("if-none-match", &tag) || is_same("if-modified-since", &time) {
            return refused("304 Not Modified");
        }
        let from = asked("range")
            .filter(|_| self.manner != Manner::Whole)
            .map(|range| range["bytes=".len()..range.len() - 1].parse().unwrap());
        let (status, range, body) = match from {
            None => ("200 OK", String::new(), &text[..]),
            Some(from) if from >= text.len() => return refused("416 Range Not Satisfiable"),
            Some(from) => {
                let (last, size) = (text.len() - 1, text.len());
                let range = format!("Content-Range: bytes {from}-{last}/{size}\r\n");
                ("206 Partial Content", range, &text[from..])
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\n{state}{range}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        (head, body.to_vec())
    }
}
