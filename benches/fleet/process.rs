//! What a process takes of the machine, as `/proc` tells it. Linux only.
use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// That of it which no file backs.
    pub anonymous: u64,
    /// The most that ever was resident.
    pub peak: u64,
}

impl Memory {
    /// Of a process, now.
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            number.unwrap_or_else(|| panic!("no {name} in /proc")) * 1024
        };
        Self { resident: bytes("VmRSS"), anonymous: bytes("RssAnon"), peak: bytes("VmHWM") }
    }
}

/// Time on processors, the kernel's for it included.
#[derive(Debug, Clone, Copy)]
pub struct Cpu(Duration);

impl Cpu {
    /// Of a process, since it began.
    pub fn of(pid: u32) -> Self {
        /// A unit of these times: Linux shows them in hundredths of a second on every architecture in use.
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number"));
        Self(TICK * ticks.sum::<u32>())
    }

    /// All of it.
    pub fn so_far(self) -> Duration {
        self.0
    }
}

impl Sub for Cpu {
    type Output = Duration;

    fn sub(self, before: Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}
