//! A password, and what the server accepts as one.

use std::fmt;
use zeroize::Zeroizing;

/// The server rejects shorter passwords, and bcrypt longer ones. Both count bytes.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=72;

/// A password. It is never printed, and is overwritten in memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password as a Secret holds it.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Why the server would not accept it.
    pub fn problem(&self) -> Option<String> {
        let (least, most) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
        let fits = PASSWORD_BYTES.contains(&self.0.len());
        (!fits).then(|| format!("DittoFS accepts only passwords of {least} to {most} bytes"))
    }

    /// The password itself. Only for sending it to the server.
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
    fn the_length_of_a_password_is_counted_in_bytes() {
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
