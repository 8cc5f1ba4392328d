//! What one reconcile that changes nothing costs in the pure core: `dittofs-core-bench [--check | --record | --repeat N]`.
//!
//! * Without arguments: the median time, the instructions and the allocations of one pass.
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
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Passes of which the median time is taken.
const PASSES: usize = 5_000;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] => print(),
        ["--check"] => counted().and_then(|counts| counts::check(&counts)),
        ["--record"] => counted().and_then(|counts| counts::record(&counts)),
        ["--repeat", passes] => repeat(passes),
        _ => Err("usage: dittofs-core-bench [--check | --record | --repeat PASSES]".into()),
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
    let corpus = Corpus::at_rest()?;
    let (median, fastest) = time(&corpus);
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "no-op reconcile, pure part: median {:.1} µs, fastest {:.1} µs",
        micros(median),
        micros(fastest)
    );
    counted()?.print();
    Ok(())
}

fn time(corpus: &Corpus) -> (Duration, Duration) {
    let one = |_| {
        let began = Instant::now();
        std::hint::black_box(pass::run(corpus));
        began.elapsed()
    };
    let warm_up = PASSES / 10;
    let mut times: Vec<_> = (0..warm_up + PASSES).map(one).skip(warm_up).collect();
    times.sort_unstable();
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
        std::hint::black_box(pass::run(&corpus));
    }
    Ok(())
}
