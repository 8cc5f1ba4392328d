//! What the kernel counts of a process.

use super::Error;
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::Path;

/// As the kernel tells programs, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory of a process in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub resident: f64,
    /// Most that was resident since the start, or since [`reset_peak`].
    pub peak: f64,
}

/// Reads the memory of a process.
///
/// # Errors
/// There is no such process.
pub fn memory(process: u32) -> Result<Memory, Error> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let read = |key: &str| -> Result<f64, Error> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: f64 = kibibytes.ok_or(format!("no {key}"))?.parse()?;
        Ok(kibibytes / 1024.0)
    };
    Ok(Memory {
        resident: read("VmRSS:")?,
        peak: read("VmHWM:")?,
    })
}

/// Lets the peak begin anew at what is resident now.
///
/// # Errors
/// The kernel refuses.
pub fn reset_peak(process: u32) -> Result<(), Error> {
    Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
}

/// Time in seconds that all threads of a process have been running on a processor.
///
/// # Errors
/// There is no such process.
pub fn processor_time(process: u32) -> Result<f64, Error> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let file = thread?.path().join("schedstat");
        // A thread may just have ended.
        let text = fs::read_to_string(file).unwrap_or_default();
        let first = text.split_whitespace().next();
        nanoseconds += first.unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

/// When a process was started, to a hundredth of a second.
///
/// # Errors
/// There is no such process.
pub fn started(process: u32) -> Result<Timestamp, Error> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let uptime = fs::read_to_string("/proc/uptime")?;
    let now = Timestamp::now();
    // The name of the program, in brackets, may have spaces. The time is the 20th field after it.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let ticks = fields.and_then(|fields| fields.split_whitespace().nth(19));
    let ticks: f64 = ticks.ok_or("no start time")?.parse()?;
    let uptime = uptime.split_whitespace().next().ok_or("no uptime")?;
    let age = uptime.parse::<f64>()? - ticks / TICKS_PER_SECOND;
    Ok(now - SignedDuration::try_from_secs_f64(age)?)
}

/// The processes of a cluster that run a program: those in its control group.
///
/// # Errors
/// There is no `/proc`.
pub fn find(cluster: &str, program: &str) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let folder = Path::new("/proc").join(format!("{process}"));
        // A process that has just ended has no files any more.
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
        let command = read("cmdline");
        let executable = command.split('\0').next().unwrap_or_default();
        if executable.ends_with(program) && read("cgroup").contains(cluster) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Processor and memory of this machine, in words.
pub fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kibibytes: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    format!(
        "{cores} cores ({}), {:.0} GiB",
        value(&read("/proc/cpuinfo"), "model name"),
        kibibytes / (1024.0 * 1024.0)
    )
}
