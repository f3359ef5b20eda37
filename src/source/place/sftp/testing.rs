//! An SFTP server of a few files, which does what tests ask for; and SSH around it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes, BytesMut};
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::access::Access;
use super::address::Address;
use super::known_hosts;
use super::packet::tests::{answered, asked, file, of_mode};
use super::packet::{Answer, Entry, State};
use super::server::Server;
use super::spec::SftpSpec;
use crate::http::spec::TimeoutsSpec;
use crate::source::Input;
use crate::source::spec::Pick;

/// What a server has, and how it behaves.
#[derive(Default)]
pub(in crate::source) struct Shelf {
    /// By their full paths.
    pub(in crate::source) files: Mutex<BTreeMap<Vec<u8>, Kept>>,
    /// As many bytes as it gives at once.
    pub(super) most: usize,
    /// It answers the last question first.
    pub(super) backwards: bool,
    /// After so many bytes of a file a connection ends; the next one, after the next number.
    pub(in crate::source) cuts: Mutex<VecDeque<usize>>,
    /// The questions that were asked, by their kinds.
    pub(super) asked: Mutex<Vec<u8>>,
}

#[derive(Clone)]
pub(in crate::source) enum Kept {
    File { text: Vec<u8>, modified: u32 },
    Folder,
    Link(&'static str),
    Denied,
}

/// The home folder.
const HOME: &str = "/home/hr";

impl Shelf {
    pub(in crate::source) fn of(files: &[(&str, &[u8], u32)]) -> Shelf {
        let shelf = Shelf {
            most: 1 << 20,
            ..Shelf::default()
        };
        for (path, text, modified) in files {
            shelf.put(path, text, *modified);
        }
        shelf
    }

    pub(in crate::source) fn put(&self, path: &str, text: &[u8], modified: u32) {
        let text = text.to_vec();
        self.keep(path, Kept::File { text, modified });
    }

    pub(super) fn keep(&self, path: &str, kept: Kept) {
        self.files.lock().unwrap().insert(path.into(), kept);
    }

    fn full(path: &[u8]) -> Vec<u8> {
        let path = String::from_utf8(path.to_vec()).unwrap();
        let path = match path.strip_prefix('/') {
            Some(_) => path,
            None => format!("{HOME}/{path}"),
        };
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        let parts: Vec<_> = parts.map(|part| format!("/{part}")).collect();
        parts.concat().into_bytes()
    }

    fn find(&self, path: &[u8], follow: bool) -> Result<(State, Bytes), Answer> {
        let status = |code| Answer::Status {
            code,
            said: String::new(),
        };
        let kept = self.files.lock().unwrap().get(path).cloned();
        match kept {
            Some(Kept::File { text, modified }) => {
                Ok((file(text.len() as u64, modified), text.into()))
            }
            Some(Kept::Folder) => Ok((of_mode(0o040_755), Bytes::new())),
            Some(Kept::Link(to)) if follow => self.find(to.as_bytes(), true),
            Some(Kept::Link(_)) => Ok((of_mode(0o120_777), Bytes::new())),
            Some(Kept::Denied) => Err(status(3)),
            None => Err(status(2)),
        }
    }

    /// Answers until the client goes, or until it has had enough of it.
    pub(super) async fn serve(self: Arc<Self>, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let cut = self.cuts.lock().unwrap().pop_front();
        let mut talk = Talk {
            cut,
            shelf: self,
            given: 0,
            handles: Vec::new(),
        };
        let mut bytes = BytesMut::new();
        while bytes.len() < 9 {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        assert_eq!(bytes.split_to(9), &b"\0\0\0\x05\x01\0\0\0\x03"[..]);
        // With an extension, as OpenSSH says it.
        let hello = b"\0\0\0\x0e\x02\0\0\0\x03\0\0\0\x01a\0\0\0\0";
        let _ = stream.write_all(hello).await;
        loop {
            let mut answers = Vec::new();
            while let Some((id, kind, subject, rest)) = asked(&mut bytes) {
                talk.shelf.asked.lock().unwrap().push(kind);
                answers.push(answered(id, &talk.answer(kind, &subject, rest)));
                if talk.cut.is_some_and(|cut| talk.given > cut) {
                    let answers = answers.concat();
                    let cut = answers.len().saturating_sub(1);
                    let _ = stream.write_all(&answers[..cut]).await;
                    return;
                }
            }
            if talk.shelf.backwards {
                answers.reverse();
            }
            if !answers.is_empty() && stream.write_all(&answers.concat()).await.is_err() {
                return;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
    }
}

/// What is under way with one client.
struct Talk {
    shelf: Arc<Shelf>,
    cut: Option<usize>,
    given: usize,
    /// Full paths. What is a folder is handed out once.
    handles: Vec<Option<Vec<u8>>>,
}

impl Talk {
    fn answer(&mut self, kind: u8, subject: &[u8], mut rest: Bytes) -> Answer {
        let status = |code, said: &str| Answer::Status {
            code,
            said: said.to_owned(),
        };
        let path = |talk: &Talk| match subject {
            // Bytes of the server's own choice.
            [0xff, 0, number] => talk.handles[usize::from(*number)].clone(),
            _ => Some(Shelf::full(subject)),
        };
        let path = path(self);
        match (kind, path) {
            (3 | 11, Some(path)) => match self.shelf.find(&path, true) {
                Ok(_) => {
                    self.handles.push(Some(path));
                    Answer::Handle(vec![0xff, 0, self.handles.len() as u8 - 1].into())
                }
                Err(status) => status,
            },
            (4, _) => status(0, "closed"),
            (5, Some(path)) => {
                let (at, count) = (rest.get_u64() as usize, rest.get_u32() as usize);
                let (_, text) = self.shelf.find(&path, true).unwrap();
                if at >= text.len() {
                    return status(1, "the end");
                }
                let count = count.min(self.shelf.most).min(text.len() - at);
                self.given += count;
                Answer::Data(text.slice(at..at + count))
            }
            (8 | 17, Some(path)) => match self.shelf.find(&path, true) {
                Ok((state, _)) => Answer::State(state),
                Err(status) => status,
            },
            (12, Some(folder)) => {
                self.handles[usize::from(subject[2])] = None;
                self.list(&folder)
            }
            (12, None) => status(1, "the end"),
            (16, Some(path)) => Answer::Names(vec![Entry {
                name: path.into(),
                state: State::default(),
            }]),
            _ => status(8, ""),
        }
    }

    fn list(&self, folder: &[u8]) -> Answer {
        let files = self.shelf.files.lock().unwrap();
        let folder = [folder, b"/"].concat();
        let names = files.keys().filter_map(|path| {
            let name = path.strip_prefix(&*folder)?;
            (!name.contains(&b'/')).then(|| name.to_vec())
        });
        let names: Vec<_> = names.collect();
        drop(files);
        let entry = |name: Vec<u8>| Entry {
            state: match self.shelf.find(&[&*folder, &name].concat(), false) {
                Ok((state, _)) => state,
                Err(_) => file(1, 1),
            },
            name: name.into(),
        };
        let dots = [".", ".."].map(|name| Entry {
            name: name.into(),
            state: of_mode(0o040_755),
        });
        let names = names.into_iter().rev().map(entry);
        Answer::Names(dots.into_iter().chain(names).collect())
    }
}

/// What a host lets in.
#[derive(Clone, Default)]
pub(super) struct Lock {
    /// With keys, and with a password where that is wanted, too.
    pub(super) keys: Vec<PublicKey>,
    pub(super) password: Option<&'static str>,
    /// The password is asked for in a conversation.
    pub(super) asks: bool,
    /// A key and the password.
    pub(super) both: bool,
}

/// SSH around an SFTP server, at a port of this machine.
pub(in crate::source) struct Host {
    pub(in crate::source) shelf: Arc<Shelf>,
    port: u16,
    key: PublicKey,
    folder: tempfile::TempDir,
}

pub(super) fn new_key(kind: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), kind).unwrap()
}

/// A key as it stands in a file.
pub(super) fn text_of(key: &PrivateKey) -> SecretString {
    let text = key.to_openssh(Default::default()).unwrap();
    SecretString::from(text.to_string())
}

impl Host {
    /// It answers for as long as the runtime lives.
    pub(super) async fn start(shelf: Shelf, lock: Lock) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = new_key(Algorithm::Ed25519);
        let mut methods = MethodSet::empty();
        methods.push(MethodKind::PublicKey);
        methods.push(match lock.asks {
            true => MethodKind::KeyboardInteractive,
            false => MethodKind::Password,
        });
        let host = Host {
            shelf: Arc::new(shelf),
            port: listener.local_addr().unwrap().port(),
            key: key.public_key().clone(),
            folder: tempfile::tempdir().unwrap(),
        };
        let config = Arc::new(server::Config {
            keys: vec![key],
            methods,
            auth_rejection_time: std::time::Duration::ZERO,
            ..server::Config::default()
        });
        let shelf = host.shelf.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let door = Door {
                    shelf: shelf.clone(),
                    lock: lock.clone(),
                    half_open: false,
                    channels: Vec::new(),
                };
                let config = config.clone();
                tokio::spawn(async move {
                    if let Ok(session) = server::run_stream(config, stream, door).await {
                        let _ = session.await;
                    }
                });
            }
        });
        host.knows(&host.key);
        host
    }

    /// One that lets in with the password `secret`.
    pub(in crate::source) async fn open(shelf: Shelf) -> Host {
        let lock = Lock {
            password: Some("secret"),
            ..Lock::default()
        };
        Host::start(shelf, lock).await
    }

    /// Has the list of known hosts say that the host has this key.
    pub(super) fn knows(&self, key: &PublicKey) {
        let line = known_hosts::line(self.address("/x").login(), key);
        std::fs::write(self.list(), line).unwrap();
    }

    pub(super) fn list(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn address(&self, path: &str) -> Address {
        Address::read(&format!("sftp://hr@127.0.0.1:{}{path}", self.port)).unwrap()
    }

    /// A way in with the password.
    pub(super) fn access(&self) -> Access {
        Access {
            known_hosts: self.list(),
            password: Some("secret".into()),
            ..Access::default()
        }
    }

    pub(super) fn server(&self, access: Access) -> Server {
        let login = self.address("/x").login().clone();
        let server = Server::new(login, &SftpSpec::default(), &TimeoutsSpec::default());
        server.unlock(access);
        server
    }

    pub(in crate::source) fn shown(&self, path: &str) -> String {
        self.address(path).to_string()
    }

    pub(in crate::source) fn input(&self, path: &str, pick: Pick) -> Input {
        Input::Sftp(
            self.server(self.access()),
            Box::new(self.address(path)),
            pick,
        )
    }
}

/// One connection.
struct Door {
    shelf: Arc<Shelf>,
    lock: Lock,
    half_open: bool,
    channels: Vec<Channel<Msg>>,
}

impl Door {
    fn says(&mut self, fits: bool) -> Auth {
        match fits {
            false => Auth::reject(),
            true if self.lock.both && !self.half_open => {
                self.half_open = true;
                Auth::Reject {
                    proceed_with_methods: Some([MethodKind::Password][..].into()),
                    partial_success: true,
                }
            }
            true => Auth::Accept,
        }
    }
}

impl server::Handler for Door {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        assert_eq!(user, "hr");
        let shown = key.public_key.key_data();
        let fits = self.lock.keys.iter().any(|known| known.key_data() == shown);
        Ok(self.says(fits))
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        let fits = self.lock.password == Some(password);
        Ok(self.says(fits))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<server::Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password:".into(), false)].into(),
            });
        };
        let fits = answers.next().as_deref() == self.lock.password.map(str::as_bytes);
        Ok(self.says(fits))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.push(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        assert_eq!(name, "sftp");
        session.channel_success(id)?;
        let place = self.channels.iter().position(|channel| channel.id() == id);
        let channel = self.channels.remove(place.unwrap());
        tokio::spawn(self.shelf.clone().serve(channel.into_stream()));
        Ok(())
    }
}
