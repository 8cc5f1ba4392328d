//! What one reconcile that changes nothing costs in the pure core: `dittofs-core-bench [--time | --check | --record | --repeat N]`.
//!
//! * Without arguments: the median times, and the instructions and the allocations of a pass that computes everything.
//! * `--time`: only the median times in microseconds: once everything was in order, and as after a start.
//! * `--check`: compares instructions and allocations with `counts.txt`, and fails when one of them has grown by more
//!   than the tolerance.
//! * `--record`: writes `counts.txt`.
//! * `--repeat N`: N passes without any output. Valgrind runs this.
//!
//! Time is printed and never asserted: it depends on the machine.

mod counts;
mod heap;
mod valgrind;

use counts::Counts;
use dittofs_core_bench::{Corpus, Error, pass};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// Passes of which the median time is taken.
const PASSES: usize = 5_000;
/// Passes at rest that are timed as one.
const AT_ONCE: u32 = 100;
/// The objects of an instance with its pod, its claims and two adapters.
const OBJECTS: u64 = 19;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] => print(),
        ["--time"] => print_time(),
        ["--check"] => counted().and_then(|counts| counts::check(&counts)),
        ["--record"] => counted().and_then(|counts| counts::record(&counts)),
        ["--repeat", passes] => repeat(passes),
        _ => {
            Err("usage: dittofs-core-bench [--time | --check | --record | --repeat PASSES]".into())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dittofs-core-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<(), Error> {
    let times = Times::measure()?;
    println!(
        "no-op reconcile, pure part: median {:.1} µs once everything was in order, {:.1} µs (fastest {:.1}) as after a start",
        times.at_rest, times.whole, times.fastest
    );
    counted()?.print();
    Ok(())
}

fn print_time() -> Result<(), Error> {
    let times = Times::measure()?;
    println!("{:.2} {:.2}", times.at_rest, times.whole);
    Ok(())
}

/// In microseconds.
struct Times {
    /// Median, once everything was in order.
    at_rest: f64,
    /// Median of a pass that computes everything.
    whole: f64,
    /// The fastest of those.
    fastest: f64,
}

impl Times {
    fn measure() -> Result<Self, Error> {
        let corpus = Corpus::at_rest()?;
        let stamps: Vec<_> = (0..OBJECTS).collect();
        let now = Instant::now();
        let known = pass::remember(&corpus, &stamps, now)?;
        if !pass::at_rest(&corpus, &stamps, known, now) {
            return Err("a reconcile at rest would compute everything".into());
        }
        let (whole, fastest) = time(|| drop(black_box(pass::run(&corpus))));
        // Too short for the clock to be asked before and after each.
        let (many, _) = time(|| {
            for _ in 0..AT_ONCE {
                black_box(pass::at_rest(black_box(&corpus), &stamps, known, now));
            }
        });
        Ok(Self {
            at_rest: many / f64::from(AT_ONCE),
            whole,
            fastest,
        })
    }
}

/// The median and the shortest time, in microseconds.
fn time(act: impl Fn()) -> (f64, f64) {
    let one = |_| {
        let began = Instant::now();
        act();
        began.elapsed().as_secs_f64() * 1e6
    };
    let warm_up = PASSES / 10;
    let mut times: Vec<_> = (0..warm_up + PASSES).map(one).skip(warm_up).collect();
    times.sort_by(f64::total_cmp);
    (times[PASSES / 2], times[0])
}

fn counted() -> Result<Counts, Error> {
    let (allocations, bytes) = heap::allocations()?;
    Ok(Counts {
        allocations,
        bytes,
        instructions: valgrind::instructions()?,
    })
}

fn repeat(passes: &str) -> Result<(), Error> {
    let corpus = Corpus::at_rest()?;
    for _ in 0..passes.parse::<u32>()? {
        black_box(pass::run(&corpus));
    }
    Ok(())
}
