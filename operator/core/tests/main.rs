//! The golden files and the tables of fields: `cargo test -p dittofs-operator-core --test golden -- FILTER`.

fn main() {
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, dittofs_golden::trials()).exit();
}
