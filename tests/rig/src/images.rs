//! The images that tests and the demo use. All are made from files of this machine.

mod archive;
mod openssl;

use crate::files::FileError;
use crate::images::archive::Content;
pub use crate::images::archive::Image;
use crate::node::requirements;
use crate::process::command::CommandError;
use std::path::{Path, PathBuf};

/// Keeps the namespaces of a pod.
pub const PAUSE: &str = "docker.io/local/pause:1";
/// A busybox, for looking at things from another pod.
pub const CLIENT: &str = "docker.io/local/client:1";
/// The operator of this workspace.
pub const OPERATOR: &str = concat!(
    "ghcr.io/dittofs/dittofs-operator:",
    env!("CARGO_PKG_VERSION")
);
/// The sidecar of this workspace.
pub const SIDECAR: &str = concat!(
    "ghcr.io/dittofs/dittofs-sidecar:",
    env!("CARGO_PKG_VERSION")
);
/// The same under another name, to change from one to the other.
pub const OTHER_SIDECAR: &str = "docker.io/local/dittofs-sidecar:other";
/// The server, real or simulated, laid out as the official image.
pub const SERVER: &str = "docker.io/local/dittofs:simulator";

const NOBODY: &str = "65532:65532";
/// Debian's static busybox crashes on `wget -T`, so another of its commands keeps the time.
const WGET: &str = r#"#!/bin/sh
limit=900
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case "$word" in
        -T) limit=$1; shift; left=$((left - 1)) ;;
        -T?*) limit=${word#-T} ;;
        --timeout=*) limit=${word#--timeout=} ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec /bin/busybox timeout "$limit" /bin/busybox wget "$@"
"#;
/// It has no `nc -z` either: a program that ends at once, run on the connection, does the same.
const NC: &str = r#"#!/bin/sh
scan=no
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case "$word" in
        -z) scan=yes ;;
        *) set -- "$@" "$word" ;;
    esac
done
if [ "$scan" = yes ]; then
    exec /bin/busybox nc "$@" -e /bin/true
fi
exec /bin/busybox nc "$@"
"#;
const CLIENT_COMMANDS: [&str; 13] = [
    "cat", "date", "echo", "env", "id", "ip", "ls", "netstat", "ps", "sh", "sleep", "timeout",
    "true",
];
const SERVER_COMMANDS: [&str; 5] = ["cat", "ls", "sh", "sleep", "true"];

/// An image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Images without a base need a static busybox.
    #[error("no statically linked busybox found; on Debian: apt-get install busybox-static")]
    NoBusybox,
    /// They speak TLS with the machine's program.
    #[error("no openssl found; on Debian: apt-get install openssl")]
    NoOpenssl,
    /// What it needs cannot be found out.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The pause image: a process that does nothing.
pub fn pause() -> Result<Image, Error> {
    let forever = ["/bin/busybox", "sleep", "2147483647"];
    Ok(with_busybox(PAUSE, &[])?
        .user("65535:65535")
        .entrypoint(&forever))
}

/// The client image.
pub fn client() -> Result<Image, Error> {
    Ok(
        with_network_programs(with_busybox(CLIENT, &CLIENT_COMMANDS)?)?
            .folder("/tmp", 0o1777)
            .user(NOBODY)
            .variable("PATH", "/bin")
            .variable("HOME", "/tmp")
            .arguments(&["/bin/sleep", "2147483647"]),
    )
}

/// The operator image, as its Dockerfile makes it.
pub fn operator(program: &Path) -> Image {
    from_scratch(OPERATOR, "/dittofs-operator", program)
}

/// The sidecar image, as its Dockerfile makes it.
pub fn sidecar(program: &Path) -> Image {
    from_scratch(SIDECAR, "/dittofs-sidecar", program)
}

/// The same under the other name.
pub fn other_sidecar(program: &Path) -> Image {
    from_scratch(OTHER_SIDECAR, "/dittofs-sidecar", program)
}

/// The server image around any `dfs`: the simulator, or a real one.
pub fn server(program: &Path) -> Result<Image, Error> {
    Ok(
        with_network_programs(with_busybox(SERVER, &SERVER_COMMANDS)?)?
            .file("/app/dfs", Content::File(program.to_owned()), 0o755)
            .folder("/tmp", 0o1777)
            .user(NOBODY)
            .variable("PATH", "/bin:/app")
            .variable("HOME", "/tmp")
            .entrypoint(&["/app/dfs"])
            .arguments(&["start", "--foreground"]),
    )
}

/// Writes images into a folder and gives the paths of the tars.
pub fn write_all(folder: &Path, images: &[Image]) -> Result<Vec<PathBuf>, Error> {
    crate::files::create_folder(folder)?;
    images
        .iter()
        .map(|image| {
            let path = folder.join(file_name(image.reference()));
            image.write(&path)?;
            Ok(path)
        })
        .collect()
}

fn file_name(reference: &str) -> String {
    format!("{}.tar", reference.replace(['/', ':'], "-"))
}

fn from_scratch(reference: &str, path: &str, program: &Path) -> Image {
    Image::new(reference)
        .file(path, Content::File(program.to_owned()), 0o755)
        .user(NOBODY)
        .entrypoint(&[path])
}

/// `wget` and `nc`, which answer to the words that those of the official image answer to.
fn with_network_programs(image: Image) -> Result<Image, Error> {
    let script = |text: &str| Content::Bytes(text.as_bytes().to_vec());
    let image = image
        .file("/bin/wget", script(WGET), 0o755)
        .file("/bin/nc", script(NC), 0o755);
    openssl::add_to(image)
}

fn with_busybox(reference: &str, commands: &[&str]) -> Result<Image, Error> {
    let busybox = requirements::static_busybox().ok_or(Error::NoBusybox)?;
    let image = Image::new(reference).file("/bin/busybox", Content::File(busybox), 0o755);
    let link = |image: Image, name: &&str| image.link(&format!("/bin/{name}"), "busybox");
    Ok(commands.iter().fold(image, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_images_carry_the_version_of_the_workspace() {
        assert!(OPERATOR.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))));
        assert!(SIDECAR.starts_with("ghcr.io/dittofs/dittofs-sidecar:"));
    }

    #[test]
    fn wget_keeps_its_own_time() {
        let script = WGET.replace("exec /bin/busybox timeout", "echo");
        let outcome = std::process::Command::new("sh")
            .args([
                "-c",
                &script,
                "wget",
                "-q",
                "-T",
                "2",
                "-O",
                "-",
                "http://a b/",
            ])
            .output()
            .unwrap();
        let said = String::from_utf8(outcome.stdout).unwrap();
        assert_eq!(said.trim(), "2 /bin/busybox wget -q -O - http://a b/");
    }

    #[test]
    fn nc_says_whether_a_port_takes_connections() {
        let Some(busybox) = requirements::static_busybox() else {
            eprintln!("skipped: there is no static busybox");
            return;
        };
        let script = NC.replace("/bin/busybox", &busybox.to_string_lossy());
        let scan = |port: u16| {
            let words = ["-c", &script, "nc", "-z", "-w", "4", "127.0.0.1"];
            let mut command = std::process::Command::new("sh");
            let outcome = command.args(words).arg(port.to_string()).output();
            outcome.unwrap().status.code()
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(scan(port), Some(0));
        drop(listener);
        assert_eq!(scan(port), Some(1));
    }

    #[test]
    fn a_reference_becomes_one_file_name() {
        assert_eq!(file_name(PAUSE), "docker.io-local-pause-1.tar");
    }
}
