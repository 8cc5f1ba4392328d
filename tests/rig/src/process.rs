//! Processes: started where they belong, and ended whatever happens.

pub(crate) mod cgroup;
pub(crate) mod cleanup;
pub mod command;
pub(crate) mod launch;
pub(crate) mod namespaces;
pub(crate) mod pid_file;
pub mod reaper;
