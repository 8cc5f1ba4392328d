//! `dittofs-core-allocations`: how often one pass allocates memory, and how many bytes.

use dittofs_core_bench::{Corpus, Error, pass};

fn main() -> Result<(), Error> {
    let corpus = Corpus::at_rest()?;
    // The first pass may fill what is filled once.
    pass::run(&corpus);
    let heap = allocation_counter::measure(|| drop(std::hint::black_box(pass::run(&corpus))));
    println!("{} {}", heap.count_total, heap.bytes_total);
    Ok(())
}
