//! Random identifiers in the shape of version 4 UUIDs.

use std::fmt::Write as _;

/// A fresh identifier.
pub(crate) fn fresh() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a text has the shape of such an identifier.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, c)| match index {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_look_like_uuids() {
        let id = fresh();
        assert!(is_id(&id), "{id}");
        assert_eq!(&id[14..15], "4");
        assert_ne!(id, fresh());
        assert!(!is_id("3eee8de6-4a80-4d97-b697"));
    }
}
