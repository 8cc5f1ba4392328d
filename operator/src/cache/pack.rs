//! Compressed JSON. The first objects of a kind are the dictionary for all later ones, which mostly differ in names.

use serde::de::DeserializeOwned;
use std::borrow::Cow;

use super::pile::{Pile, Place};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    place: Place,
    /// With its length before it. One of those that the dictionary was made from is not.
    is_compressed: bool,
}

/// The packed objects of one kind.
#[derive(Debug, Default)]
pub struct Packer {
    /// It grows with the first objects, and is used when it is full: what is compressed with it needs it as it was.
    dictionary: Vec<u8>,
    is_full: bool,
    pile: Pile,
}

impl Packer {
    /// Packs JSON.
    pub fn pack(&mut self, json: &[u8]) -> Packed {
        if self.is_full {
            let compressed =
                lz4_flex::block::compress_prepend_size_with_dict(json, &self.dictionary);
            return Packed {
                place: self.pile.put(&compressed),
                is_compressed: true,
            };
        }
        let left = DICTIONARY - self.dictionary.len();
        self.dictionary.extend(json.iter().take(left));
        self.is_full = self.dictionary.len() == DICTIONARY;
        Packed {
            place: self.pile.put(json),
            is_compressed: false,
        }
    }

    /// A packed object is no longer needed.
    pub fn forget(&mut self, packed: Packed) {
        self.pile.forget(packed.place);
    }

    /// Whether much memory is held by objects that were forgotten.
    pub fn is_wasteful(&self) -> bool {
        self.pile.is_wasteful()
    }

    /// Moves all objects that there are to new memory, and frees the old one. The first ones are compressed now as well.
    pub fn move_all<'a>(&mut self, all: impl Iterator<Item = &'a mut Packed>) {
        let mut old = std::mem::take(&mut self.pile);
        let mut all: Vec<_> = all.collect();
        // In the order of the old memory, so that it is freed on the way.
        all.sort_unstable_by_key(|packed| packed.place);
        for packed in all {
            old.free_before(packed.place);
            let bytes = old.get(packed.place);
            if packed.is_compressed {
                packed.place = self.pile.put(bytes);
            } else {
                *packed = self.pack(bytes);
            }
        }
    }

    /// Whether this JSON was packed.
    pub fn is_same(&self, packed: Packed, json: &[u8]) -> bool {
        self.json(packed).is_ok_and(|packed| *packed == *json)
    }

    /// Parses what was packed.
    ///
    /// # Errors
    /// It is not what this packer has made.
    pub fn unpack<K: DeserializeOwned>(&self, packed: Packed) -> Result<K, UnpackError> {
        Ok(serde_json::from_slice(&self.json(packed)?)?)
    }

    fn json(&self, packed: Packed) -> Result<Cow<'_, [u8]>, UnpackError> {
        let bytes = self.pile.get(packed.place);
        if !packed.is_compressed {
            return Ok(bytes.into());
        }
        let json = lz4_flex::block::decompress_size_prepended_with_dict(bytes, &self.dictionary)?;
        Ok(json.into())
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

    fn assert_are(by: &Packer, all: &[Packed]) {
        for (number, packed) in all.iter().enumerate() {
            let value: Value = by.unpack(*packed).unwrap();
            assert_eq!(serde_json::to_vec(&value).unwrap(), object(number));
            assert!(by.is_same(*packed, &object(number)));
            assert!(!by.is_same(*packed, &object(number + 1)));
        }
    }

    #[test]
    fn objects_come_back_as_they_were() {
        let mut by = Packer::default();
        let mut all: Vec<_> = (0..500).map(|number| by.pack(&object(number))).collect();
        assert!(by.is_full);
        assert_are(&by, &all);
        for packed in all.drain(300..) {
            by.forget(packed);
        }
        by.move_all(all.iter_mut());
        assert_are(&by, &all);
    }

    #[test]
    fn an_object_that_resembles_others_takes_a_fraction_of_its_length() {
        let mut by = Packer::default();
        while !by.is_full {
            by.pack(&object(0));
        }
        let packed = by.pack(&object(12345));
        let length = by.pile.get(packed.place).len();
        assert!(packed.is_compressed);
        assert!(length * 3 < object(12345).len(), "{length}");
    }

    #[test]
    fn an_object_longer_than_the_dictionary_is_packed_whole() {
        let mut by = Packer::default();
        let long = json!({"data": "x".repeat(3 * DICTIONARY)});
        let json = serde_json::to_vec(&long).unwrap();
        for _ in 0..2 {
            let packed = by.pack(&json);
            assert_eq!(by.unpack::<Value>(packed).unwrap(), long);
        }
    }

    #[test]
    fn what_was_not_packed_here_is_an_error() {
        let mut by = Packer::default();
        let place = by.pile.put(b"\xff\xff\xff\x0f\xff");
        for (place, is_compressed) in [(place, false), (place, true), (Place::default(), true)] {
            let packed = Packed {
                place,
                is_compressed,
            };
            assert!(by.unpack::<Value>(packed).is_err());
        }
    }
}
