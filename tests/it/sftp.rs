//! Sources at SFTP servers: OpenSSH's own, started here for each test, with a way to it that breaks, crawls and tells.

use crate::support::Rig;

/// Writes a pipeline whose source is there.
fn pipeline(rig: &Rig, address: &str, more: &str) {
    rig.pipeline(
        &format!("source:\n  path: {address}\n{more}\nvalidate: {{ key: employeeID }}"),
        "identify_by: { id_key: employeeID }",
    );
}

#[test]
fn lint_needs_no_server() {
    let rig = Rig::new();
    let address = "sftp://hr@127.0.0.1:1/out/w-*.csv";
    pipeline(&rig, address, "  sftp: { password: { file: none } }");
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    pipeline(&rig, address, "  sftp: { pasword: { file: none } }");
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("did you mean `password`?"), "{stderr}");
}

#[cfg(not(feature = "sftp"))]
#[test]
fn not_in_this_build() {
    let rig = Rig::new();
    let more = "  sftp: { password: { env: PASSWORD } }";
    pipeline(&rig, "sftp://hr@h.example/w.csv", more);
    let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
    command
        .env("BASE_URL", rig.base_url())
        .env("PASSWORD", "CANARY")
        .env("HOME", rig.folder());
    let ended = rig.ended(command.output().unwrap());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(
        ended.stderr.lines().last(),
        Some(
            "error: sftp://h.example/w.csv: can't be read: this build of rostream has no SFTP: build it with `--features \
             sftp`"
        )
    );
}

/// What lets one in is looked up before anything is connected.
#[test]
fn secrets_that_are_not_there() {
    for (sftp, expected) in [
        (
            "password: { env: PASSWORD }",
            "pipeline.yaml:4:28: the environment variable PASSWORD is not set",
        ),
        (
            "key: { file: none }",
            "pipeline.yaml:4:24: the file none cannot be read: there is no such file",
        ),
        (
            "agent: true, known_hosts: k",
            "pipeline.yaml:4:18: SSH_AUTH_SOCK is not set",
        ),
        (
            "key: { file: token }",
            "pipeline.yaml:4:3: HOME is not set, so the list of known hosts is not at its usual place",
        ),
    ] {
        let rig = Rig::new();
        let more = format!("  sftp: {{ {sftp} }}");
        pipeline(&rig, "sftp://hr@127.0.0.1:1/w.csv", &more);
        let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
        command.env("BASE_URL", rig.base_url());
        let (code, _, stderr) = crate::outcome(command.output().unwrap());
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[cfg(feature = "sftp")]
mod openssh {
    use std::fs;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::support::{Ended, free_port, signal, wait_until, workers};

    const ROWS: u32 = 100_000;

    /// OpenSSH's server, as the user who runs the tests. Its folder has the files, and keys.
    struct Sshd {
        folder: tempfile::TempDir,
        port: u16,
        server: Child,
    }

    impl Drop for Sshd {
        fn drop(&mut self) {
            self.cut_all();
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }

    fn keygen(args: &[&str], file: &Path) {
        let made = Command::new("ssh-keygen").args(args).arg(file).output();
        let made = made.expect("ssh-keygen is here: apt-get install openssh-client");
        assert!(made.status.success(), "{made:?}");
    }

    impl Sshd {
        fn start() -> Sshd {
            Sshd::with("")
        }

        /// With more lines of its settings, which win.
        fn with(settings: &str) -> Sshd {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            for kind in ["ed25519", "rsa"] {
                let host_key = at(&format!("host_{kind}"));
                keygen(&["-q", "-t", kind, "-N", "", "-f"], &host_key);
            }
            keygen(&["-q", "-t", "ed25519", "-N", "", "-f"], &at("id"));
            fs::copy(at("id.pub"), at("authorized_keys")).unwrap();
            let port = free_port();
            let folder_text = folder.path().display();
            let config = format!(
                "{settings}\n\
                 ListenAddress 127.0.0.1\n\
                 Port {port}\n\
                 HostKey {folder_text}/host_ed25519\n\
                 HostKey {folder_text}/host_rsa\n\
                 AuthorizedKeysFile {folder_text}/authorized_keys\n\
                 PidFile none\n\
                 StrictModes no\n\
                 PasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\n\
                 Subsystem sftp internal-sftp\n"
            );
            fs::write(at("sshd_config"), config).unwrap();
            // Where root starts it, it wants this folder.
            let _ = fs::create_dir("/run/sshd");
            let server = Command::new("/usr/sbin/sshd")
                .args(["-D", "-e", "-f"])
                .arg(at("sshd_config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(at("log")).unwrap())
                .spawn()
                .expect("sshd is here: apt-get install openssh-server");
            let sshd = Sshd {
                folder,
                port,
                server,
            };
            wait_until("sshd listens", || {
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            sshd
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, text: impl AsRef<[u8]>) {
            fs::write(self.path(name), text).unwrap();
        }

        /// Ends the processes that serve its clients.
        fn cut_all(&self) {
            children(self.server.id()).into_iter().for_each(|child| {
                // It may be gone by now.
                let _ = Command::new("kill")
                    .args(["-9", &child.to_string()])
                    .output();
            });
        }

        fn address_at(&self, port: u16, path: &str) -> String {
            let user = Command::new("id").arg("-un").output().unwrap().stdout;
            let user = String::from_utf8(user).unwrap();
            let path = self.path(path);
            format!("sftp://{}@127.0.0.1:{port}{}", user.trim(), path.display())
        }

        fn address(&self, path: &str) -> String {
            self.address_at(self.port, path)
        }

        /// A list in which this server is known, at this port.
        fn known_at(&self, port: u16) -> String {
            let key = fs::read_to_string(self.path("host_ed25519.pub")).unwrap();
            format!("[127.0.0.1]:{port} {key}")
        }

        /// The settings by which it is known, and with which one is let in.
        fn sftp(&self, port: u16) -> String {
            self.write("known_hosts", self.known_at(port));
            let folder = self.folder.path().display();
            format!("  sftp: {{ known_hosts: {folder}/known_hosts, key: {{ file: {folder}/id }} }}")
        }
    }

    /// The children of a process, and theirs.
    fn children(of: u32) -> Vec<u32> {
        let listed = Command::new("ps").args(["-eo", "pid=,ppid="]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let pairs: Vec<(u32, u32)> = listed
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().map(|word| word.parse().ok());
                Some((words.next()??, words.next()??))
            })
            .collect();
        let mut found = vec![of];
        let mut at = 0;
        while at < found.len() {
            let parent = found[at];
            found.extend(
                pairs
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(pid, _)| pid),
            );
            at += 1;
        }
        found.split_off(1)
    }

    /// What the way to the server does when so many bytes have come from it on one connection.
    enum Deed {
        Pass,
        Cut,
        /// For so long.
        Wait(Duration),
    }

    /// A way to the server. Connections are numbered from 0.
    fn way(port: u16, deed: impl Fn(usize, usize) -> Deed + Send + Sync + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (deed, count) = (Arc::new(deed), AtomicUsize::new(0));
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let deed = deed.clone();
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                std::thread::spawn(move || pass(server, client, |passed| deed(number, passed)));
            }
        });
        own
    }

    fn pass(mut server: TcpStream, mut client: TcpStream, deed: impl Fn(usize) -> Deed) {
        let (mut bytes, mut passed) = ([0; 16 * 1024], 0);
        loop {
            match deed(passed) {
                Deed::Pass => {}
                Deed::Cut => break,
                Deed::Wait(time) => std::thread::sleep(time),
            }
            match server.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    passed += read;
                    if client.write_all(&bytes[..read]).is_err() {
                        break;
                    }
                }
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    fn counted(ended: &Ended) -> (u64, u64) {
        let count = |name: &str| ended.report["counts"][name].as_u64().unwrap();
        (count("read"), count("accepted"))
    }

    fn all() -> (u64, u64) {
        (u64::from(ROWS), u64::from(ROWS))
    }

    /// The last line of what is said.
    fn said(ended: &Ended) -> &str {
        ended.stderr.lines().last().unwrap_or_default()
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn read_twice_over_connections_that_change_keys() {
        let sshd = Sshd::with("RekeyLimit 2M");
        let text = workers(ROWS);
        sshd.write("w.csv", &text);
        let rig = Rig::new();
        pipeline(&rig, &sshd.address("w.csv"), &sshd.sftp(sshd.port));
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, counted(&ended)),
            (0, all()),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.report["bytes"]["source"], text.len());
        let shown = format!(
            "sftp://127.0.0.1:{}{}",
            sshd.port,
            sshd.path("w.csv").display()
        );
        assert_eq!(ended.report["sources"][0]["path"], shown);
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn patterns_of_compressed_files() {
        let sshd = Sshd::start();
        let gzip = |text: String| {
            let mut packer = Command::new("gzip")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = packer.stdin.take().unwrap();
            std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
            packer.wait_with_output().unwrap().stdout
        };
        sshd.write("w-1.csv.gz", gzip(workers(10)));
        sshd.write("w-2.csv.gz", gzip(workers(20)));
        let touched = Command::new("touch")
            .args(["-d", "2020-01-01"])
            .arg(sshd.path("w-2.csv.gz"))
            .status();
        assert!(touched.unwrap().success());
        std::os::unix::fs::symlink(sshd.path("gone"), sshd.path("w-3.csv.gz")).unwrap();
        let rig = Rig::new();
        let newest = format!("{}\n  pick: newest", sshd.sftp(sshd.port));
        pipeline(&rig, &sshd.address("w-?.csv.gz"), &newest);
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, counted(&ended)),
            (0, (10, 10)),
            "{}",
            ended.stderr
        );
        pipeline(
            &rig,
            &sshd.address("w-*.csv.gz"),
            &format!("{}\n  pick: one", sshd.sftp(sshd.port)),
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(said(&ended).contains("2 files match, and source.pick is one"));
        for (name, code, expected) in [
            ("none.csv", 1, ": no such file"),
            ("none-*.csv", 1, ": no file matches"),
            ("../", 2, "the address names a folder"),
        ] {
            let address = match name {
                "../" => sshd.address("") + "/",
                name => sshd.address(name),
            };
            pipeline(&rig, &address, &sshd.sftp(sshd.port));
            let (got, stderr) = rig.ask(&["check", "pipeline.yaml"]);
            rig.forget_reports();
            assert_eq!(got, code, "{stderr}");
            assert!(stderr.contains(expected), "{stderr}");
        }
    }

    /// Keys of all kinds, with and without a passphrase, in a file and in an agent.
    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn ways_in() {
        let sshd = Sshd::start();
        sshd.write("w.csv", workers(10));
        let rig = Rig::new();
        let check = |sftp: &str, socket: Option<&Path>| {
            let list = sshd.path("known_hosts");
            fs::write(&list, sshd.known_at(sshd.port)).unwrap();
            let more = format!("  sftp: {{ known_hosts: {}, {sftp} }}", list.display());
            pipeline(&rig, &sshd.address("w.csv"), &more);
            let mut command =
                crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
            command.env("BASE_URL", rig.base_url());
            command.env("PASS", "CANARY sesame");
            command.envs(socket.map(|socket| ("SSH_AUTH_SOCK", socket)));
            let ended = rig.ended(command.output().unwrap());
            (ended.code, said(&ended).to_owned())
        };
        let agent = Agent::start(&sshd.path("agent"));
        for (kind, more, passphrase) in [
            ("ed25519", &[][..], "CANARY sesame"),
            ("ecdsa", &["-b", "384"], ""),
            ("rsa", &["-b", "3072"], "CANARY sesame"),
            ("rsa", &["-m", "PEM"], ""),
            ("ecdsa", &["-m", "PKCS8"], "CANARY sesame"),
        ] {
            let key = sshd.path("key");
            let _ = fs::remove_file(&key);
            let args = [&["-q", "-t", kind, "-N", passphrase], more, &["-f"]].concat();
            keygen(&args, &key);
            let public = sshd.path("key.pub");
            fs::copy(&public, sshd.path("authorized_keys")).unwrap();
            let file = format!("key: {{ file: {} }}", key.display());
            let with = match passphrase {
                "" => file.clone(),
                _ => format!("{file}, passphrase: {{ env: PASS }}"),
            };
            let (code, said) = check(&with, None);
            assert_eq!(code, 0, "{kind} {more:?}: {said}");
            if !passphrase.is_empty() {
                let (code, said) = check(&file, None);
                assert_eq!(code, 2, "{said}");
                assert!(said.contains("source.sftp.passphrase"), "{said}");
                continue;
            }
            agent.add(&key);
            let (code, said) = check("agent: true", Some(&agent.socket));
            assert_eq!(code, 0, "{kind}, in the agent: {said}");
        }
        // Nobody's key.
        fs::write(sshd.path("authorized_keys"), "").unwrap();
        let file = format!("key: {{ file: {} }}", sshd.path("id").display());
        let (code, said) = check(&format!("{file}, agent: true"), Some(&agent.socket));
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains(
                "can't be read: the server does not let the user in with the key SHA256:"
            ),
            "{said}"
        );
        assert!(said.contains(" or the agent's key SHA256:"), "{said}");
    }

    struct Agent {
        socket: PathBuf,
        agent: Child,
    }

    impl Drop for Agent {
        fn drop(&mut self) {
            let _ = self.agent.kill();
            let _ = self.agent.wait();
        }
    }

    impl Agent {
        fn start(socket: &Path) -> Agent {
            let agent = Command::new("ssh-agent")
                .args(["-D", "-a"])
                .arg(socket)
                .stdout(Stdio::null())
                .spawn();
            wait_until("the agent listens", || socket.exists());
            Agent {
                socket: socket.to_owned(),
                agent: agent.unwrap(),
            }
        }

        fn add(&self, key: &Path) {
            let added = Command::new("ssh-add")
                .arg(key)
                .env("SSH_AUTH_SOCK", &self.socket)
                .output()
                .unwrap();
            assert!(added.status.success(), "{added:?}");
        }
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn servers_that_are_not_who_they_should_be() {
        let sshd = Sshd::start();
        sshd.write("w.csv", workers(10));
        let rig = Rig::new();
        let sftp = sshd.sftp(sshd.port);
        pipeline(&rig, &sshd.address("w.csv"), &sftp);
        let list = sshd.path("known_hosts");
        let check = || {
            let ended = rig.tell(&["check", "pipeline.yaml"]);
            (ended.code, said(&ended).to_owned())
        };
        fs::remove_file(&list).unwrap();
        let (code, unknown) = check();
        assert_eq!(code, 2, "{unknown}");
        let shown = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(sshd.path("host_ed25519.pub"))
            .output();
        let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
        let shown = shown.split(' ').nth(1).unwrap();
        assert!(unknown.contains(&format!(
            "the server is not known: its ssh-ed25519 key {shown}"
        )));
        // The line that is told makes it known, hashed or not.
        let line = unknown.rsplit_once("known_hosts): ").unwrap().1;
        fs::write(&list, format!("{line}\n")).unwrap();
        assert_eq!(check().0, 0);
        keygen(&["-q", "-H", "-f"], &list);
        assert!(fs::read_to_string(&list).unwrap().starts_with("|1|"));
        assert_eq!(check().0, 0);
        // It is known by its RSA key alone, and shows that one then.
        let rsa = fs::read_to_string(sshd.path("host_rsa.pub")).unwrap();
        fs::write(&list, format!("[127.0.0.1]:{} {rsa}", sshd.port)).unwrap();
        assert_eq!(check().0, 0);
        // It has another key than it had.
        let another = fs::read_to_string(sshd.path("id.pub")).unwrap();
        fs::write(&list, format!("[127.0.0.1]:{} {another}", sshd.port)).unwrap();
        let (code, changed) = check();
        assert_eq!(code, 2, "{changed}");
        assert!(
            changed.contains(&format!(
                "the server's key has changed: its ssh-ed25519 key {shown}"
            )),
            "{changed}"
        );
        // Nobody has tried to get in.
        let log = fs::read_to_string(sshd.path("log")).unwrap();
        let (last, before) = (log.lines().rev().take(1), log.lines().count());
        assert!(
            before > 0 && !last.collect::<String>().contains("Accepted"),
            "{log}"
        );
        fs::write(
            &list,
            format!("@revoked * {}", line.split_once(' ').unwrap().1),
        )
        .unwrap();
        let (code, revoked) = check();
        assert_eq!(code, 2, "{revoked}");
        assert!(revoked.ends_with("known_hosts, line 1"), "{revoked}");
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn what_only_old_servers_have() {
        let old =
            "HostKeyAlgorithms rsa-sha2-256\nCiphers aes128-ctr\nMACs hmac-sha1\nKexAlgorithms ";
        for (kex, code) in [
            ("diffie-hellman-group14-sha256", 0),
            ("ecdh-sha2-nistp384", 0),
            ("diffie-hellman-group14-sha1", 1),
        ] {
            let sshd = Sshd::with(&format!("{old}{kex}"));
            sshd.write("w.csv", workers(10));
            let rig = Rig::new();
            pipeline(&rig, &sshd.address("w.csv"), &sshd.sftp(sshd.port));
            let rsa = fs::read_to_string(sshd.path("host_rsa.pub")).unwrap();
            let line = format!("[127.0.0.1]:{} {rsa}", sshd.port);
            sshd.write("known_hosts", line);
            let ended = rig.tell(&["check", "pipeline.yaml"]);
            assert_eq!(ended.code, code, "{}", ended.stderr);
            if code == 1 {
                assert!(
                    said(&ended).contains("the server has no way to agree on keys that is safe; it has: diffie-hellman-group14-sha1"),
                    "{}",
                    ended.stderr
                );
            }
        }
    }

    /// The processes that serve the client are killed in the middle of both passes, and once the way is cut.
    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn killed_in_the_middle_and_taken_up() {
        let sshd = Arc::new(Sshd::start());
        sshd.write("w.csv", workers(ROWS));
        let killer = sshd.clone();
        let kills = AtomicUsize::new(0);
        let port = way(sshd.port, move |number, passed| {
            let due = [2_000_000, 1_000_000, 4_000_000].get(number);
            match due {
                Some(due)
                    if passed >= *due
                        && kills.fetch_max(number + 1, Ordering::Relaxed) <= number =>
                {
                    if number == 1 {
                        return Deed::Cut;
                    }
                    killer.cut_all();
                    Deed::Pass
                }
                _ => Deed::Pass,
            }
        });
        let rig = Rig::new();
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let ended = rig.run(&["-v"]);
        assert_eq!(
            (ended.code, counted(&ended)),
            (0, all()),
            "{}",
            ended.stderr
        );
        let taken_up = ended.stderr.matches("with a new connection").count();
        assert!(taken_up >= 2, "{}", ended.stderr);
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn changed_in_between() {
        let sshd = Arc::new(Sshd::start());
        sshd.write("w.csv", workers(ROWS));
        let writer = sshd.clone();
        // Another extract takes its place, and the way is cut.
        let port = way(sshd.port, move |number, passed| {
            if number == 0 && passed > 2_000_000 {
                writer.write("w.csv", workers(ROWS - 1));
                return Deed::Cut;
            }
            Deed::Pass
        });
        let rig = Rig::new();
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(
            ended.report["error"]["code"], "source_changed",
            "{}",
            ended.stderr
        );
        assert_eq!(rig.taken(), (0, 0));
        // Somebody goes on writing to it, with the way as it should be.
        sshd.write("w.csv", workers(ROWS));
        let writer = sshd.clone();
        let port = way(sshd.port, move |_, passed| {
            if (2_000_000..2_100_000).contains(&passed) {
                let file = fs::File::options().append(true).open(writer.path("w.csv"));
                file.unwrap().write_all(b"99999999,late\n").unwrap();
            }
            Deed::Pass
        });
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(
            ended.report["error"]["code"], "source_changed",
            "{}",
            ended.stderr
        );
        assert_eq!(rig.taken(), (0, 0));
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn slow_is_not_still() {
        let sshd = Sshd::start();
        sshd.write("w.csv", workers(5000));
        // Some bytes every now and then, for longer than the time without any that is allowed.
        let port = way(sshd.port, |_, passed| match passed {
            0..6_000 => Deed::Pass,
            _ => Deed::Wait(Duration::from_millis(120)),
        });
        let rig = Rig::new();
        let more = format!("{}\ntimeouts: {{ stalled: 1s }}", sshd.sftp(port));
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &more);
        let ended = rig.tell(&["check", "pipeline.yaml"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains("new connection"), "{}", ended.stderr);
        // Nothing more, on any connection.
        let port = way(sshd.port, |_, passed| match passed {
            0..50_000 => Deed::Pass,
            _ => Deed::Wait(Duration::from_secs(5)),
        });
        let more = format!("{}\ntimeouts: {{ stalled: 500ms }}", sshd.sftp(port));
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &more);
        let ended = rig.tell(&["check", "pipeline.yaml"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            said(&ended).contains("(timeouts.stalled)"),
            "{}",
            ended.stderr
        );
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn cut_for_good() {
        let sshd = Sshd::start();
        sshd.write("w.csv", workers(ROWS));
        let port = way(sshd.port, |number, passed| match (number, passed) {
            (0, 0..2_000_000) => Deed::Pass,
            _ => Deed::Cut,
        });
        let rig = Rig::new();
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(ended.report["error"]["code"], "network");
        assert_eq!(rig.taken(), (0, 0));
        // And where nobody is.
        let port = free_port();
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            said(&ended).contains("the server can't be reached: Connection refused"),
            "{}",
            ended.stderr
        );
    }

    #[test]
    #[ignore = "needs OpenSSH's server"]
    fn interrupted() {
        let sshd = Sshd::start();
        sshd.write("w.csv", workers(ROWS));
        let port = way(sshd.port, |_, passed| match passed {
            0..100_000 => Deed::Pass,
            _ => Deed::Wait(Duration::from_millis(200)),
        });
        let rig = Rig::new();
        pipeline(&rig, &sshd.address_at(port, "w.csv"), &sshd.sftp(port));
        let run = rig.start(&[]);
        wait_until("somebody is let in", || {
            fs::read_to_string(sshd.path("log"))
                .unwrap()
                .contains("Accepted")
        });
        signal("INT", run.id());
        let ended = rig.ended(run.wait_with_output().unwrap());
        assert_eq!(ended.code, 130, "{}", ended.stderr);
    }
}
