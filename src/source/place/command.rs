//! A command as a source: it is started when it is read, and what it wrote is whole only if it ended well.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, ChildStdout};

use crate::source::bytes::raw::Raw;

/// A program and its arguments, which no shell sees. The arguments may hold secrets: nothing shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// As written: a name that is looked up in `PATH`, or a path.
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    /// The folder that it runs in.
    pub(crate) folder: PathBuf,
    /// Environment variables that hold this program's secrets. The command gets all others.
    pub(crate) withheld: Vec<String>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Command").field(&self.program).finish()
    }
}

/// How a command ended that did not end well.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .0.code() {
    Some(code) => format!("exit status {code}"),
    None => .0.to_string(),
})]
pub struct Failed(ExitStatus);

/// A command, and the process that it is once it was started. Clones share it; the last of them ends it.
#[derive(Clone, Debug)]
pub(in crate::source) struct Producer {
    command: Command,
    child: Arc<Mutex<Option<Child>>>,
}

impl Producer {
    pub(in crate::source) fn new(command: Command) -> Producer {
        Producer {
            command,
            child: Arc::default(),
        }
    }

    /// The program, without its folder.
    pub(in crate::source) fn name(&self) -> String {
        let program = self.command.program.as_str();
        let name = program.rsplit('/').next().unwrap_or(program);
        name.to_owned()
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it. What it says on its standard error is said on ours.
    pub(in crate::source) fn open(&self) -> io::Result<Raw> {
        let Command {
            program,
            args,
            folder,
            withheld,
        } = &self.command;
        // A path is one from the folder, wherever this program was started; a name is looked up as in a shell.
        let program = match program.contains('/') {
            true => folder.join(program),
            false => PathBuf::from(program),
        };
        let mut command = tokio::process::Command::new(program);
        for name in withheld {
            command.env_remove(name);
        }
        let mut child = command
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take();
        *self.child() = Some(child);
        Ok(Box::new(Output {
            output: output.ok_or(io::ErrorKind::BrokenPipe)?,
            producer: self.clone(),
        }))
    }

    /// Ends it, where it still runs.
    pub(in crate::source) fn stop(&self) {
        if let Some(child) = &mut *self.child() {
            // One that has ended by itself can't be ended again.
            let _ = child.start_kill();
        }
    }
}

/// What a command writes; its end is an error unless the command ended well.
struct Output {
    output: ChildStdout,
    producer: Producer,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(Pin::new(&mut self.output).poll_read(cx, buf))?;
        if buf.filled().len() > before || room == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut child = self.producer.child();
        let Some(child) = &mut *child else {
            return Poll::Ready(Ok(()));
        };
        let status = ready!(pin!(child.wait()).poll(cx))?;
        Poll::Ready(match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(Failed(status))),
        })
    }
}
