//! What was measured, as one table: a row for each figure with its goal, a column for each size of the fleet.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::samples::Samples;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    Ready,
    Alone,
    ReadyCpu,
    ObjectWrites,
    EventWrites,
    Reads,
    Calls,
    Pages,
    RssIdle,
    AnonymousIdle,
    RssMade,
    Rss,
    Anonymous,
    Peak,
    Quiet,
    QuietCpu,
    RestartWrites,
    RestartTargetWrites,
    EditHalf,
    EditMost,
    ScanEditHalf,
    ScanEditMost,
    Scans,
    ScanCpu,
    DriftHalf,
    DriftMost,
    Deleted,
    DeletedCpu,
    DeletedWrites,
    DeletedCalls,
}

/// A row of the table.
struct Row {
    figure: Figure,
    title: &'static str,
    /// The most that is wanted, by size of the fleet (0: at every size).
    goals: &'static [(usize, f64)],
    /// Digits after the point.
    digits: usize,
}

const fn row(figure: Figure, title: &'static str, goals: &'static [(usize, f64)], digits: usize) -> Row {
    Row { figure, title, goals, digits }
}

/// All rows, in the order in which they are printed.
const ROWS: [Row; 30] = [
    row(Figure::Ready, "all Ready after, s", &[(1_000, 8.0), (5_000, 45.0)], 1),
    row(Figure::Alone, "· a plain client's writes of the same, no operator running, s", &[], 1),
    row(Figure::ReadyCpu, "· CPU of the operator, s", &[(1_000, 2.0)], 2),
    row(Figure::ObjectWrites, "· Kubernetes writes per new object", &[(0, 2.0)], 2),
    row(Figure::EventWrites, "· and Events", &[], 2),
    row(Figure::Reads, "· and reads", &[], 2),
    row(Figure::Calls, "· gRPC calls per new object", &[(0, 1.0)], 2),
    row(Figure::Pages, "· and pages of scans meanwhile, in all", &[], 0),
    row(Figure::RssIdle, "RSS idle, all kinds enabled, MiB", &[(0, 16.0)], 1),
    row(Figure::AnonymousIdle, "· anonymous, MiB", &[], 1),
    row(Figure::RssMade, "RSS when all are made, MiB", &[(10_000, 24.0), (100_000, 64.0)], 1),
    row(Figure::Rss, "RSS in sync, after a restart, MiB", &[(10_000, 24.0), (100_000, 64.0)], 1),
    row(Figure::Anonymous, "· anonymous, MiB", &[], 1),
    row(Figure::Peak, "· peak, MiB", &[], 1),
    row(Figure::Quiet, "restart in sync: quiet after, s", &[(10_000, 5.0)], 2),
    row(Figure::QuietCpu, "· CPU, s", &[], 2),
    row(Figure::RestartWrites, "· Kubernetes writes", &[(0, 0.0)], 0),
    row(Figure::RestartTargetWrites, "· writes to the target", &[(0, 0.0)], 0),
    row(Figure::EditHalf, "edit → target, idle: p50, ms", &[], 1),
    row(Figure::EditMost, "· p99, ms", &[(0, 50.0)], 1),
    row(Figure::ScanEditHalf, "edit → target, during scans of all: p50, ms", &[], 1),
    row(Figure::ScanEditMost, "· p99, ms", &[(0, 300.0)], 1),
    row(Figure::Scans, "· scans meanwhile", &[], 1),
    row(Figure::ScanCpu, "· CPU of the operator per scan, s", &[], 3),
    row(Figure::DriftHalf, "drift → reverted: p50, ms", &[], 0),
    row(Figure::DriftMost, "· p99, ms", &[(0, 1_000.0)], 0),
    row(Figure::Deleted, "all deleted after, s", &[], 1),
    row(Figure::DeletedCpu, "· CPU of the operator, s", &[], 2),
    row(Figure::DeletedWrites, "· Kubernetes writes per object", &[], 2),
    row(Figure::DeletedCalls, "· gRPC calls per object", &[], 2),
];

/// All figures, by size of the fleet and name.
#[derive(Default)]
pub struct Table(BTreeMap<usize, BTreeMap<Figure, f64>>);

impl Table {
    /// Takes in a figure.
    pub fn put(&mut self, size: usize, figure: Figure, value: f64) {
        eprintln!("{size:>8} {figure:?}: {value:.3}");
        self.0.entry(size).or_default().insert(figure, value);
    }

    /// Takes in a duration, in seconds.
    pub fn seconds(&mut self, size: usize, figure: Figure, duration: Duration) {
        self.put(size, figure, duration.as_secs_f64());
    }

    /// Takes in an amount of memory, in MiB.
    pub fn memory(&mut self, size: usize, figure: Figure, bytes: u64) {
        self.put(size, figure, bytes as f64 / f64::from(1 << 20));
    }

    /// Takes in what half of the samples don't exceed, and what 99 in a hundred don't, in milliseconds.
    pub fn samples(&mut self, size: usize, [half, most]: [Figure; 2], samples: &Samples) {
        for (figure, percent) in [(half, 50), (most, 99)] {
            self.put(size, figure, samples.percentile(percent).as_secs_f64() * 1000.0);
        }
    }

    /// The table in Markdown; a figure beyond its goal is bold.
    pub fn print(&self) -> String {
        let sizes: Vec<_> = self.0.keys().copied().collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let head =
            ["".to_owned(), "goal".to_owned()].into_iter().chain(sizes.iter().map(|size| thousands(*size)));
        let mut text = line(head.collect());
        text.push_str(&format!("|---|---|{}\n", "---:|".repeat(sizes.len())));
        for row in &ROWS {
            let cells = sizes.iter().map(|size| row.cell(*size, self.0[size].get(&row.figure)));
            text.push_str(&line([row.title.to_owned(), row.goal()].into_iter().chain(cells).collect()));
        }
        text
    }
}

impl Row {
    fn goal(&self) -> String {
        let goals = self.goals.iter().map(|(size, goal)| match size {
            0 => format!("≤ {goal}"),
            size => format!("{}: ≤ {goal}", thousands(*size)),
        });
        goals.collect::<Vec<_>>().join(", ")
    }

    fn cell(&self, size: usize, figure: Option<&f64>) -> String {
        let Some(figure) = figure else { return String::new() };
        let text = format!("{figure:.*}", self.digits);
        let goal = self.goals.iter().find(|(of, _)| *of == 0 || *of == size);
        if goal.is_some_and(|(_, goal)| figure > goal) { format!("**{text}**") } else { text }
    }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { digits } else { format!("{head},{tail}") }
}
