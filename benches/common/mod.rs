//! What the benches share: arguments, the machine's description, rounds that take turns, and tables.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::time::{Duration, Instant};

/// At least this many rounds, in which the sides take turns: what the machine does meanwhile hits all of them.
pub(crate) const ROUNDS: usize = 5;

/// What stands behind `--` on the command line. `cargo bench` adds `--bench`, which means nothing here.
pub(crate) struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    pub(crate) fn read() -> Arguments {
        Arguments { words: std::env::args().skip(1).filter(|word| word != "--bench").collect() }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }

    /// The word after `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let place = self.words.iter().position(|word| word == name)?;
        self.words.get(place + 1).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.value(name).map_or(default, |text| {
            let digits = text.replace('_', "");
            digits.parse().unwrap_or_else(|_| panic!("{name} {text}: not a number"))
        })
    }

    /// The usual amount of work, or a twentieth of it with `--quick`, which shows that a bench runs, not how fast.
    pub(crate) fn scaled(&self, usual: usize) -> usize {
        if self.flag("--quick") { (usual / 20).max(1) } else { usual }
    }
}

/// Times one piece of work.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Nanoseconds for each of `count` operations.
pub(crate) fn per_operation(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_nanos() as f64 / count as f64
}

/// Runs each measurement once a round, in turns, and returns the median of each.
pub(crate) fn in_turns(rounds: usize, sides: &mut [&mut dyn FnMut() -> f64]) -> Vec<f64> {
    let mut results = vec![Vec::with_capacity(rounds); sides.len()];
    for _ in 0..rounds {
        for (side, results) in sides.iter_mut().zip(&mut results) {
            results.push(side());
        }
    }
    results.into_iter().map(median).collect()
}

pub(crate) fn median(mut results: Vec<f64>) -> f64 {
    results.sort_by(f64::total_cmp);
    let middle = results.len() / 2;
    match results.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => results[middle],
        _ => (results[middle - 1] + results[middle]) / 2.0,
    }
}

/// One line about the machine, so that figures can be told apart.
pub(crate) fn machine() -> String {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = file("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = file("/proc/meminfo");
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    let memory = kilobytes.map_or(String::new(), |kb| format!(", {:.0} GiB", kb as f64 / 1024.0 / 1024.0));
    let load = file("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    format!("{model}, {cores} cores{memory}, {}, load {load}", std::env::consts::OS)
}

/// Rows under a title; the first column stands left, the others right.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, header: &[&str]) -> Table {
        Table { title: title.into(), rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) {
        println!("\n{}", self.title);
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padded = if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
                line += &padded;
                line += "  ";
            }
            println!("  {}", line.trim_end());
            if number == 0 {
                println!("  {}", "-".repeat(widths.iter().sum::<usize>() + 2 * (columns - 1)));
            }
        }
    }
}

/// A time for a table: three digits that mean something.
pub(crate) fn nanos(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value >= 10_000.0 => format!("{:.1} us", value / 1000.0),
        value if value >= 100.0 => format!("{value:.0} ns"),
        value => format!("{value:.1} ns"),
    }
}

/// How many times as fast, or as much.
pub(crate) fn times(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}x") } else { "-".to_owned() }
}
