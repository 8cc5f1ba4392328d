//! Compressed JSON. The first objects of a kind are the dictionary for all later ones, which mostly differ in names.

use serde::de::DeserializeOwned;

/// Longest dictionary, in bytes. LZ4 looks back 64 KiB at most, and a longer one takes longer to prepare.
const DICTIONARY: usize = 16 * 1024;

/// Why a packed object cannot be read: a fault of this program.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] lz4_flex::block::DecompressError),
    /// It cannot be parsed.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A packed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed {
    /// One of those that the dictionary was made from.
    Plain(Box<[u8]>),
    /// Compressed, with its length before it.
    Compressed(Box<[u8]>),
}

/// Packs the objects of one kind.
#[derive(Debug, Default)]
pub struct Packer {
    /// It grows with the first objects, and is used when it is full: what is compressed with it needs it as it was.
    dictionary: Vec<u8>,
    is_full: bool,
}

impl Packer {
    /// Packs JSON.
    pub fn pack(&mut self, json: &[u8]) -> Packed {
        if self.is_full {
            let compressed =
                lz4_flex::block::compress_prepend_size_with_dict(json, &self.dictionary);
            return Packed::Compressed(compressed.into());
        }
        let left = DICTIONARY - self.dictionary.len();
        self.dictionary.extend(json.iter().take(left));
        self.is_full = self.dictionary.len() == DICTIONARY;
        Packed::Plain(json.into())
    }

    /// Whether this JSON was packed.
    pub fn is_same(&self, packed: &Packed, json: &[u8]) -> bool {
        match packed {
            Packed::Plain(plain) => **plain == *json,
            Packed::Compressed(_) => self.json(packed).is_ok_and(|packed| packed == json),
        }
    }

    /// Parses what was packed.
    ///
    /// # Errors
    /// It is not what this packer has made.
    pub fn unpack<K: DeserializeOwned>(&self, packed: &Packed) -> Result<K, UnpackError> {
        match packed {
            Packed::Plain(plain) => Ok(serde_json::from_slice(plain)?),
            Packed::Compressed(_) => Ok(serde_json::from_slice(&self.json(packed)?)?),
        }
    }

    fn json(&self, packed: &Packed) -> Result<Vec<u8>, UnpackError> {
        match packed {
            Packed::Plain(plain) => Ok(plain.to_vec()),
            Packed::Compressed(compressed) => {
                let dictionary = &self.dictionary;
                Ok(lz4_flex::block::decompress_size_prepended_with_dict(
                    compressed, dictionary,
                )?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(number: usize) -> Vec<u8> {
        let object = json!({
            "metadata": {"name": format!("files-{number}"), "labels": {"instance": format!("files-{number}")}},
            "spec": {"ports": [{"name": "nfs", "port": 12049}, {"name": "smb", "port": 1445}]},
        });
        serde_json::to_vec(&object).unwrap()
    }

    #[test]
    fn objects_come_back_as_they_were() {
        let mut by = Packer::default();
        let all: Vec<_> = (0..500).map(|number| by.pack(&object(number))).collect();
        assert!(by.is_full);
        for (number, packed) in all.iter().enumerate() {
            let value: Value = by.unpack(packed).unwrap();
            assert_eq!(serde_json::to_vec(&value).unwrap(), object(number));
            assert!(by.is_same(packed, &object(number)));
            assert!(!by.is_same(packed, &object(number + 1)));
        }
    }

    #[test]
    fn an_object_that_resembles_others_takes_a_fraction_of_its_length() {
        let mut by = Packer::default();
        while !by.is_full {
            by.pack(&object(0));
        }
        let Packed::Compressed(compressed) = by.pack(&object(12345)) else {
            panic!("it was not compressed");
        };
        assert!(
            compressed.len() * 3 < object(12345).len(),
            "{}",
            compressed.len()
        );
    }

    #[test]
    fn an_object_longer_than_the_dictionary_is_packed_whole() {
        let mut by = Packer::default();
        let long = json!({"data": "x".repeat(3 * DICTIONARY)});
        let json = serde_json::to_vec(&long).unwrap();
        for _ in 0..2 {
            let packed = by.pack(&json);
            assert_eq!(by.unpack::<Value>(&packed).unwrap(), long);
        }
    }

    #[test]
    fn what_was_not_packed_here_is_an_error() {
        let by = Packer::default();
        for packed in [
            Packed::Plain(Box::from(*b"{")),
            Packed::Compressed(Box::from(*b"\xff\xff\xff\x0f\xff")),
        ] {
            assert!(by.unpack::<Value>(&packed).is_err());
        }
    }
}
