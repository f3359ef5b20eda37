//! A sandbox in this process, the real program run against it, and a proxy between the two.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use futures::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use rostream::internals::sandbox::{Sandbox, SandboxSettings};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// The token of every sandbox here. It may stand in no output.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.CANARYTOKEN.c2lnbmF0dXJl";

/// Far longer than anything here takes: what is waited for so long never comes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port at 127.0.0.1 where nobody listens, for a server that is told its port, given once only. It is below those that
/// systems give to whoever asks for any: nothing takes it before the server does, and who tries whether the server is
/// there can't meet himself.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id() + GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (next % 20_000) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Workers numbered from 1, one a line of 48 bytes.
pub fn workers(rows: u32) -> String {
    let header = "employeeID,fullName\n".to_owned();
    (1..=rows).fold(header, |text, id| text + &format!("{id:08},{id:038}\n"))
}

/// Sends a signal (`INT`) to a process.
pub fn signal(name: &str, process: u32) {
    let process = process.to_string();
    let kill = Command::new("kill").args(["-s", name, &process]).status();
    assert!(kill.unwrap().success());
}

/// A folder, a sandbox, and the program.
pub struct Rig {
    sandbox: Sandbox,
    base_url: String,
    proxy: Option<Arc<Proxy>>,
    folder: tempfile::TempDir,
    // Last, so that the sandbox's tasks end before their runtime does.
    runtime: tokio::runtime::Runtime,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The run report.
    pub report: Value,
}

impl Rig {
    /// A sandbox with its default settings.
    pub fn new() -> Rig {
        Rig::with(|_| {})
    }

    /// A sandbox with other settings.
    pub fn with(change: impl FnOnce(&mut SandboxSettings)) -> Rig {
        Rig::holding("[]", change)
    }

    /// A sandbox whose data set holds these items, a JSON array.
    pub fn holding(items: &str, change: impl FnOnce(&mut SandboxSettings)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let at_start = folder.path().join("items.json");
        fs::write(&at_start, items).unwrap();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).unwrap();
        let token = folder.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let mut settings = SandboxSettings {
            token: Some(TOKEN.to_owned().into()),
            items: Some(at_start),
            folder: Some(storage),
            ..SandboxSettings::default()
        };
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
        let base_url = sandbox.base_url().to_owned();
        Rig {
            sandbox,
            base_url,
            proxy: None,
            folder,
            runtime,
        }
    }

    /// Puts a proxy between program and sandbox, for API and storage alike.
    pub fn behind(mut self, rule: impl Fn(&Call) -> Deed + Send + Sync + 'static) -> Rig {
        let upstream = self.sandbox.base_url().replace("http://", "");
        let listener = self
            .runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let own = listener.local_addr().unwrap().to_string();
        self.base_url = format!("http://{own}");
        let proxy = Arc::new(Proxy {
            own,
            upstream,
            rule: Box::new(rule),
            calls: Mutex::default(),
            victim: Mutex::default(),
        });
        self.runtime.spawn(proxy.clone().accept(listener));
        self.proxy = Some(proxy);
        self
    }

    /// How often the proxy has seen a step.
    pub fn calls(&self, step: &str) -> usize {
        let proxy = self.proxy.as_ref().unwrap();
        let calls = proxy.calls.lock().unwrap();
        calls.iter().filter(|call| **call == step).count()
    }

    /// Where the API is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes `pipeline.yaml`: its sections but for the target, and what the target says of the import.
    pub fn pipeline(&self, sections: &str, import: &str) {
        let import: String = import.lines().map(|line| format!("    {line}\n")).collect();
        let target = format!(
            "target:\n  orgvue:\n    base_url: ${{BASE_URL}}\n    tenant: SANDBOX\n    \
             dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    token: {{ file: token }}\n{import}"
        );
        self.write("pipeline.yaml", format!("version: 1\n{sections}\n{target}"));
    }

    fn command(&self, args: &[&str]) -> Command {
        // A check leaves a report where that is asked for.
        let dry = |arg: &&&str| **arg == "--dry-run";
        let mut all = match args.iter().find(dry) {
            Some(_) => vec!["check", "pipeline.yaml", "--report"],
            None => vec!["run", "pipeline.yaml"],
        };
        all.extend(args.iter().filter(|arg| !dry(arg)));
        self.command_of(&all)
    }

    /// Any command, to be started.
    pub fn command_of(&self, args: &[&str]) -> Command {
        let mut command = crate::rostream(self.folder(), args);
        command
            .env("BASE_URL", &self.base_url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What comes of `rostream run pipeline.yaml` and these arguments.
    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// `rostream run pipeline.yaml` and these arguments, to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.ended(self.output(args))
    }

    /// Another command that does a run's work, to its end.
    pub fn tell(&self, args: &[&str]) -> Ended {
        self.ended(self.command_of(&reporting(args)).output().unwrap())
    }

    /// Any command, to its end.
    pub fn tool(&self, args: &[&str]) -> Output {
        self.command_of(args).output().unwrap()
    }

    /// Any command, to its end: exit code and stderr.
    pub fn ask(&self, args: &[&str]) -> (i32, String) {
        let (code, _, stderr) = crate::outcome(self.command_of(args).output().unwrap());
        (code, stderr)
    }

    /// Another command that does a run's work, with a variable, to its end.
    pub fn tell_with(&self, variable: (&str, &str), args: &[&str]) -> Ended {
        let mut command = self.command_of(&reporting(args));
        self.ended(command.env(variable.0, variable.1).output().unwrap())
    }

    /// Any command, to its end: exit code and stdout.
    pub fn put_out(&self, args: &[&str]) -> (i32, String) {
        let (code, stdout, _) = crate::outcome(self.command_of(args).output().unwrap());
        (code, stdout)
    }

    /// `rostream run pipeline.yaml`, until the proxy kills it.
    pub fn run_and_be_killed(&self) {
        let child = self.start(&[]);
        let proxy = self.proxy.as_ref().unwrap();
        *proxy.victim.lock().unwrap() = Some(child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
    }

    /// Any command that does a run's work or refuses to, to its end: nothing where the proxy killed it.
    pub fn unless_killed(&self, args: &[&str]) -> Option<Ended> {
        let child = self.command_of(args).spawn().unwrap();
        let victim = &self.proxy.as_ref().unwrap().victim;
        *victim.lock().unwrap() = Some(child.id());
        let output = child.wait_with_output().unwrap();
        *victim.lock().unwrap() = None;
        self.unless_dead(output)
    }

    /// Any command that does a run's work or refuses to: nothing where it takes longer than that, and is killed.
    pub fn unless_longer_than(&self, time: Duration, args: &[&str]) -> Option<Ended> {
        let mut child = self.command_of(args).spawn().unwrap();
        let begun = Instant::now();
        while begun.elapsed() < time && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // It may be over by now.
        let _ = child.kill();
        self.unless_dead(child.wait_with_output().unwrap())
    }

    fn unless_dead(&self, output: Output) -> Option<Ended> {
        if output.status.signal() == Some(9) {
            return None;
        }
        if !self.reports().is_empty() {
            return Some(self.ended(output));
        }
        let (code, stdout, stderr) = crate::outcome(output);
        Some(Ended {
            code,
            stdout,
            stderr,
            report: Value::Null,
        })
    }

    /// The same, with a file as standard input.
    pub fn run_with_stdin(&self, args: &[&str], file: &str) -> Ended {
        let stdin = fs::File::open(self.path(file)).unwrap();
        self.ended(self.command(args).stdin(stdin).output().unwrap())
    }

    /// The same, started and left running.
    pub fn start(&self, args: &[&str]) -> Child {
        self.start_with_stdin(args, Stdio::null())
    }

    /// Any command, started and left running.
    pub fn start_of(&self, args: &[&str]) -> Child {
        self.command_of(args).stdin(Stdio::null()).spawn().unwrap()
    }

    /// The same, in a shell that does something first.
    pub fn start_after(&self, first: &str) -> Child {
        let run = self.command(&[]);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("{first}\nexec \"$0\" \"$@\"")])
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir(self.folder())
            .env_clear()
            .env("BASE_URL", &self.base_url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell.spawn().unwrap()
    }

    /// The same, with a standard input.
    pub fn start_with_stdin(&self, args: &[&str], stdin: Stdio) -> Child {
        self.command(args).stdin(stdin).spawn().unwrap()
    }

    /// The end of a run, and what is true of every one: a report that only its owner may read, whose
    /// exit code is the process's and whose counts add up, and no secret anywhere.
    pub fn ended(&self, output: Output) -> Ended {
        let (code, stdout, stderr) = crate::outcome(output);
        let reports = self.reports();
        assert_eq!(reports.len(), 1, "{stderr}");
        let text = fs::read_to_string(&reports[0]).unwrap();
        assert_eq!(mode(&reports[0]), 0o600);
        fs::remove_file(&reports[0]).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["exit_code"], code, "{stderr}");
        let count = |name: &str| report["counts"][name].as_u64().unwrap();
        assert_eq!(
            count("read") + count("deletes") + count("carried"),
            count("sent")
                + count("would_send")
                + count("rejected")
                + count("filtered")
                + count("superseded")
                + count("other_shards")
                + count("unchanged")
                + count("withheld"),
        );
        assert_eq!(
            count("sent"),
            // Of rows whose fate is told elsewhere, it is not known which they are.
            match count("unknown") {
                0 => count("accepted") + count("failed") + count("unprocessed"),
                unknown => unknown + count("unprocessed"),
            }
        );
        assert_eq!(report["rejects"]["rows"], report["counts"]["rejected"]);
        if self.path("rejects.csv").exists() {
            assert_eq!(mode(&self.path("rejects.csv")), 0o600);
        }
        for (what, text) in [("stdout", &stdout), ("stderr", &stderr), ("report", &text)] {
            for secret in ["CANARY", "X-Amz-Signature", "Bearer "] {
                assert!(!text.contains(secret), "{secret} in {what}: {text}");
            }
        }
        Ended {
            code,
            stdout,
            stderr,
            report,
        }
    }

    /// Takes away what commands have reported.
    pub fn forget_reports(&self) {
        for report in self.reports() {
            fs::remove_file(report).unwrap();
        }
    }

    pub fn reports(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(".report.json"))
            .collect()
    }

    /// The data set: its items without the `_id` that the sandbox gave them.
    pub fn items(&self) -> Vec<String> {
        // `{"_id":"6586F21B-AD4D-4D06-A309-712AF47184A2",...`
        let after_id = r#"{"_id":"","#.len() + 36;
        let items = self.sandbox.item_texts();
        items
            .iter()
            .map(|item| format!("{{{}", &item[after_id..]))
            .collect()
    }

    /// The data set by some of its properties, as `00000001 Ann G1`, sorted; `-` where an item has no such text.
    pub fn people(&self, properties: &[&str]) -> Vec<String> {
        let items = self.items();
        let person = |item: &String| {
            let item: Value = serde_json::from_str(item).unwrap();
            let texts = properties
                .iter()
                .map(|name| item[*name].as_str().unwrap_or("-"));
            texts.collect::<Vec<_>>().join(" ")
        };
        let mut people: Vec<String> = items.iter().map(person).collect();
        people.sort();
        people
    }

    /// Another night with this extract, which ends with this exit code; one that guards stop leaves everything as it was.
    #[track_caller]
    pub fn night(&self, extract: &str, code: i32) -> Ended {
        self.write("workers.csv", extract);
        let (taken, items) = (self.taken(), self.items());
        let ended = self.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        if code == 4 {
            assert_eq!((self.taken(), self.items()), (taken, items));
        }
        ended
    }

    /// The data set: its items as they are, with the `_id` of each.
    pub fn items_with_ids(&self) -> Vec<String> {
        self.sandbox.item_texts()
    }

    /// How many uploads were stored, and how many imports accepted.
    pub fn taken(&self) -> (u64, u64) {
        (self.sandbox.uploads(), self.sandbox.imports())
    }

    /// Whether every import that was accepted is through.
    pub fn is_through(&self) -> bool {
        self.sandbox.imports() == self.sandbox.jobs_over()
    }

    pub fn uploaded(&self) -> Vec<u8> {
        fs::read(self.sandbox.last_upload().unwrap()).unwrap()
    }

    /// Bytes of uploads under way that have reached the storage; nothing where there are none.
    pub fn arriving(&self) -> Option<u64> {
        let folder = fs::read_dir(self.path("storage")).unwrap().next()?.unwrap();
        let drafts = fs::read_dir(folder.path()).unwrap().filter_map(|entry| {
            let entry = entry.unwrap();
            let is_draft = entry.file_name().to_str()?.starts_with("draft-");
            // One that is gone meanwhile is none.
            is_draft.then(|| Some(entry.metadata().ok()?.len()))?
        });
        drafts.reduce(|a, b| a + b)
    }
}

/// A command that leaves a report behind: `check` does not by itself.
fn reporting<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut args = args.to_vec();
    if args[0] == "check" {
        args.push("--report");
    }
    args
}

/// Who may do what with a file.
pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

impl Ended {
    /// The number behind a member of the report's counts.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        self.report["counts"][name].as_u64().unwrap()
    }

    /// What the report says of the difference: people created, updated, deleted and unchanged.
    #[track_caller]
    pub fn differs(&self, expected: [u64; 4]) {
        let delta = &self.report["delta"];
        let names = ["creates", "updates", "deletes", "unchanged"];
        let found = names.map(|name| delta[name].as_u64().unwrap());
        assert_eq!(found, expected, "{}", self.stderr);
    }

    /// The hash by which the run that comes next may do what this one was stopped for.
    #[track_caller]
    pub fn offered(&self) -> String {
        let next = self.report["next"].as_str().unwrap_or_default();
        let (_, hash) = next.split_once(" --approve ").expect(&self.stderr);
        hash.to_owned()
    }

    /// Looks for a text in stderr.
    #[track_caller]
    pub fn says(&self, text: &str) {
        assert!(self.stderr.contains(text), "{}", self.stderr);
    }

    /// The last line of stderr, which says what ended the run; hosts and traces are named `[host]` and
    /// `[trace]`.
    pub fn error(&self) -> String {
        let line = self.stderr.lines().last().unwrap_or_default();
        let mut text = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("127.0.0.1") {
            text.push_str(before);
            text.push_str("[host]");
            rest = after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
        }
        text.push_str(rest);
        match text.split_once("(trace Root=1-") {
            Some((before, after)) => {
                let after = after.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
                format!("{before}(trace [trace]{after}")
            }
            None => text,
        }
    }
}

/// A request at the proxy.
pub struct Call {
    /// `datasets`, `metadata`, `generate`, `put`, `import`, `ticket`, `results`.
    pub step: &'static str,
    /// How many of this step came before it.
    pub before: usize,
}

/// What the proxy does with a request.
pub enum Deed {
    /// Passes it on, and the answer back.
    Pass,
    /// Answers with this status and body; the sandbox hears nothing of it.
    Answer(u16, &'static str),
    /// Cuts the connection; the sandbox hears nothing of it.
    Cut,
    /// Passes it on, and cuts the connection when the answer is there.
    Lose,
    /// Kills the program; the sandbox hears nothing of the request.
    Kill,
    /// Passes it on, and kills the program when the answer is there, which it never sees.
    KillAfter,
    /// Takes the whole request and never answers; the sandbox hears nothing of it.
    Silence,
    /// Passes it on with one text in the place of another of the same length.
    Change(&'static str, &'static str),
    /// Lets something go wrong at a moment.
    At(Moment, Fault),
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its head has come.
    Begun,
    /// Half its body has come.
    Halfway,
    /// All of it has come; the sandbox hears nothing of it.
    Asked,
    /// The sandbox has answered; the program sees nothing of it.
    Done,
    /// The program has half the answer.
    Answering,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer with this status and body, in which `{proxy}` stands for the proxy's own host.
    Answer(u16, &'static str),
    /// The connection is cut.
    Cut,
    /// Nothing more comes, and the connection stays.
    Stall,
    /// The program is killed.
    Kill,
}

type Rule = Box<dyn Fn(&Call) -> Deed + Send + Sync>;

struct Proxy {
    own: String,
    upstream: String,
    rule: Rule,
    calls: Mutex<Vec<&'static str>>,
    victim: Mutex<Option<u32>>,
}

/// Why the proxy cuts a connection.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Cut {
        match never {}
    }
}

impl Proxy {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let proxy = self.clone();
            tokio::spawn(async move {
                let serve = hyper::service::service_fn(|request| proxy.clone().pass(request));
                let mut server = hyper::server::conn::http1::Builder::new();
                // A connection that is cut is what this is for.
                let _ = server
                    .title_case_headers(true)
                    .serve_connection(TokioIo::new(stream), serve)
                    .await;
            });
        }
    }

    async fn pass(
        self: Arc<Self>,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Body>, Cut> {
        let path = request.uri().path();
        let step = match request.method().as_str() {
            "POST" => "generate",
            "PUT" if path.ends_with("/items/import") => "import",
            "PUT" => "put",
            _ if path.ends_with("/datasets") => "datasets",
            _ if path.ends_with("/metadata") => "metadata",
            _ if path.contains("/tickets/") => "ticket",
            _ => "results",
        };
        let before = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(step);
            calls.iter().filter(|call| **call == step).count() - 1
        };
        let (moment, fault) = match (self.rule)(&Call { step, before }) {
            Deed::Pass => return self.forward(step, request).await,
            Deed::Change(from, to) => {
                let (head, body) = request.into_parts();
                let body = replaced(Body::new(body), from, to).await?;
                return self.forward(step, Request::from_parts(head, body)).await;
            }
            // The whole request first, so that the answer is never lost to an early end.
            Deed::Answer(status, text) => (Moment::Asked, Fault::Answer(status, text)),
            Deed::Cut => (Moment::Begun, Fault::Cut),
            Deed::Lose => (Moment::Done, Fault::Cut),
            Deed::Silence => (Moment::Asked, Fault::Stall),
            Deed::Kill => (Moment::Begun, Fault::Kill),
            Deed::KillAfter => (Moment::Done, Fault::Kill),
            Deed::At(moment, fault) => (moment, fault),
        };
        match moment {
            Moment::Begun => {}
            Moment::Halfway => {
                let length = request.headers().get(header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                let half = length.unwrap_or(0usize) / 2;
                let mut body = Body::new(request.into_body()).into_data_stream();
                let mut seen = 0;
                while seen < half {
                    seen += body.next().await.ok_or(Cut)?.map_err(|_| Cut)?.len();
                }
                let failed = self.fail(fault).await;
                drop(body);
                return failed;
            }
            Moment::Asked => {
                let _ = to_bytes(Body::new(request.into_body()), usize::MAX).await;
            }
            Moment::Done => {
                let (_, body) = self.forward(step, request).await?.into_parts();
                to_bytes(body, usize::MAX).await.map_err(|_| Cut)?;
            }
            Moment::Answering => {
                let (mut head, body) = self.forward(step, request).await?.into_parts();
                let whole = to_bytes(body, usize::MAX).await.map_err(|_| Cut)?;
                head.headers
                    .insert(header::CONTENT_LENGTH, whole.len().into());
                let half = stream::iter([Ok(whole.slice(..whole.len() / 2))]);
                let proxy = self.clone();
                let rest = stream::once(async move { proxy.fail(fault).await.and(Err(Cut)) });
                return Ok(Response::from_parts(
                    head,
                    Body::from_stream(half.chain(rest)),
                ));
            }
        }
        self.fail(fault).await
    }

    async fn fail(&self, fault: Fault) -> Result<Response<Body>, Cut> {
        match fault {
            Fault::Answer(status, text) => Ok(Response::builder()
                .status(status)
                .body(Body::from(text.replace("{proxy}", &self.own)))
                .unwrap()),
            Fault::Cut => Err(Cut),
            Fault::Stall => std::future::pending().await,
            Fault::Kill => self.kill().await,
        }
    }

    async fn kill(&self) -> Result<Response<Body>, Cut> {
        loop {
            let victim = self.victim.lock().unwrap().take();
            if let Some(pid) = victim {
                signal("KILL", pid);
                return Err(Cut);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Addresses of the sandbox are the proxy's on this side and the sandbox's on the other.
    async fn forward<B>(
        &self,
        step: &'static str,
        request: Request<B>,
    ) -> Result<Response<Body>, Cut>
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (mut head, body) = request.into_parts();
        head.headers
            .insert(header::HOST, self.upstream.parse().unwrap());
        let mut body = Body::new(body);
        if step == "import" {
            head.headers.remove(header::CONTENT_LENGTH);
            body = replaced(body, &self.own, &self.upstream).await?;
        }
        let stream = TcpStream::connect(&self.upstream).await.map_err(|_| Cut)?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Cut)?;
        tokio::spawn(connection);
        let answer = sender
            .send_request(Request::from_parts(head, body))
            .await
            .map_err(|_| Cut)?;
        let (mut head, body) = answer.into_parts();
        let mut body = Body::new(body);
        if matches!(step, "generate" | "import" | "ticket" | "datasets") {
            head.headers.remove(header::CONTENT_LENGTH);
            body = replaced(body, &self.upstream, &self.own).await?;
        }
        Ok(Response::from_parts(head, body))
    }
}

async fn replaced(body: Body, from: &str, to: &str) -> Result<Body, Cut> {
    let bytes = to_bytes(body, usize::MAX).await.map_err(|_| Cut)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Cut)?;
    Ok(Body::from(text.replace(from, to)))
}
