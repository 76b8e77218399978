//! What the figures were measured on: without that they say nothing.
use std::fs;
use std::thread::available_parallelism;

use time::OffsetDateTime;

use crate::operator::PROGRAM;

/// Date, machine, load before the run, and the size of the program.
pub fn describe(load: &str) -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let (cores, kernel) =
        (available_parallelism().map_or(0, usize::from), read("/proc/sys/kernel/osrelease"));
    let size = fs::metadata(PROGRAM).map_or(0, |metadata| metadata.len()) as f64 / f64::from(1 << 20);
    let (date, kernel) = (OffsetDateTime::now_utc().date(), kernel.trim());
    format!(
        "{date}; {cores} cores ({model}), Linux {kernel}; load before the run: {load}; program: {size:.1} MiB"
    )
}

/// How busy the machine is: over one, five and fifteen minutes.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
