//! The machine's `openssl` with its libraries, for images. `wget` of busybox leaves https to it, as Alpine's leaves it to a
//! program on top of OpenSSL. The TLS of busybox itself names no signature algorithms, and neither rustls nor Go answers that.

use crate::images::Error;
use crate::images::archive::{Content, Image};
use crate::node::requirements;
use crate::process::command;
use std::process::Command;

/// Puts it at `/bin/openssl`, and its libraries where its loader looks for them.
pub fn add_to(image: Image) -> Result<Image, Error> {
    let program = requirements::find("openssl").ok_or(Error::NoOpenssl)?;
    let listed = command::run(Command::new("ldd").arg(&program))?;
    let image = image.file("/bin/openssl", Content::File(program), 0o755);
    let with = |image: Image, path: &str| image.file(path, Content::File(path.into()), 0o755);
    Ok(libraries(&listed).into_iter().fold(image, with))
}

/// The paths in what `ldd` says: `name => path (address)`, or `path (address)` for the loader.
fn libraries(listed: &str) -> Vec<&str> {
    let words = listed.split_whitespace();
    words.filter(|word| word.starts_with('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_where_ldd_says() {
        let listed = "\tlinux-vdso.so.1 (0x00007f26067c8000)\n\
            \tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007f260661e000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f26067ca000)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libssl.so.3",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(libraries(listed), expected);
    }
}
