//! Another program as a process that must not outlive this one, however that ends: a shell between the two kills the program
//! when it sees the end of its input.
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Signals come in as lines; the end of them means SIGKILL. Ctrl-C on a terminal reaches the whole process group: we end first,
/// then the program.
const GUARD: &str = r#"trap '' INT; exec 3<&0; "$0" "$@" 3<&- & program=$!
    { while read -r signal <&3; do kill -"$signal" $program; done; kill -KILL $program; } & reader=$!
    wait $program; code=$?; kill $reader; exit $code"#;

/// A running program; killed when dropped, and when this process dies.
#[derive(Debug)]
pub struct Process {
    guard: Mutex<Child>,
    log: PathBuf,
}

/// A command that runs a program under guard; arguments and environment are the program's own.
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD]).arg(program);
    command
}

impl Process {
    /// Starts what [`guarded`] made; what the program prints is appended to the file `log`.
    ///
    /// # Errors
    /// When the log can't be written, or there is no shell. A program that can't be started ends at once, with 126 or 127.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let errors = output.try_clone()?;
        let guard = command.stdin(Stdio::piped()).stdout(output).stderr(errors).spawn()?;
        Ok(Self { guard: Mutex::new(guard), log: log.to_owned() })
    }

    fn guard(&self) -> MutexGuard<'_, Child> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shell's process, whose child the program is.
    pub fn guard_id(&self) -> u32 {
        self.guard().id()
    }

    /// Sends a signal, by its name without `SIG`.
    ///
    /// # Errors
    /// When the program has ended.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let mut guard = self.guard();
        guard.stdin.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |stdin| writeln!(stdin, "{name}"))
    }

    /// How the program ended, if it did.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn ended(&self) -> io::Result<Option<ExitStatus>> {
        self.guard().try_wait()
    }

    /// How the program ended, if it does within this time.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn wait(&self, at_most: Duration) -> io::Result<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            let ended = self.ended()?;
            if ended.is_some() || began.elapsed() >= at_most {
                return Ok(ended);
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The last of what the program said.
    pub fn log_end(&self) -> String {
        const END: usize = 4000;
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(END)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let guard = self.guard.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(guard.stdin.take());
        // Its end is all that matters; there is nobody to tell of a failure.
        let _ = guard.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str, folder: &Path) -> Process {
        Process::start(guarded("sh").args(["-c", script]), &folder.join("log")).unwrap()
    }

    /// The first that it says.
    fn said(process: &Process) -> String {
        let began = Instant::now();
        while process.log_end().is_empty() && began.elapsed() < SOON {
            sleep(Duration::from_millis(5));
        }
        process.log_end().trim().to_owned()
    }

    #[test]
    fn what_it_says_and_how_it_ends_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell("echo out; echo err >&2; exit 3", folder.path());
        assert_eq!(process.wait(SOON).unwrap().unwrap().code(), Some(3));
        assert_eq!(process.log_end(), "out\nerr\n");
    }

    #[test]
    fn signals_reach_it() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell("trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done", folder.path());
        said(&process);
        process.signal("TERM").unwrap();
        assert_eq!(process.wait(SOON).unwrap().unwrap().code(), Some(4));
    }

    #[test]
    fn it_goes_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell("echo $$; exec sleep 1000", folder.path());
        let program = PathBuf::from(format!("/proc/{}", said(&process)));
        assert!(program.exists());
        drop(process);
        assert!(!program.exists());
    }
}
