//! A password, and what the server takes for one.

use std::fmt;
use zeroize::Zeroizing;

/// The server hashes nothing shorter, and bcrypt takes nothing longer; it counts bytes.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=72;

/// A password. It does not get into a log by accident, and is overwritten in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password as it stands in a Secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// What keeps the server from taking it.
    pub fn problem(&self) -> Option<String> {
        let (least, most) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
        let fits = PASSWORD_BYTES.contains(&self.0.len());
        (!fits).then(|| format!("DittoFS takes passwords of {least} to {most} bytes only"))
    }

    /// The password itself, to be sent and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_counts_the_bytes_of_a_password() {
        for (text, fits) in [
            ("x".repeat(7), false),
            ("é".repeat(4), true),
            ("x".repeat(72), true),
            ("x".repeat(73), false),
        ] {
            assert_eq!(
                Password::new(text.clone()).problem().is_none(),
                fits,
                "{text}"
            );
        }
    }
}
