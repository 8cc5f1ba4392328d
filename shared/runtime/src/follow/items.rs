//! Takes the answer to a list apart while it arrives: a page of large objects is never in memory as a whole.

/// Buffers that are larger than this are given back after use.
const USUAL: usize = 64 * 1024;

/// A list that is arriving as JSON.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// All but the items.
    envelope: Vec<u8>,
    /// The item that is arriving.
    item: Vec<u8>,
    /// The last string directly in the list: where an array begins, its name.
    name: Vec<u8>,
    /// Objects and arrays that have not ended yet.
    depth: usize,
    is_inside: bool,
    is_text: bool,
    is_escaped: bool,
}

impl Items {
    /// Takes more of the answer, and gives each item that is complete by now.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn feed<E>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.is_text {
                bytes = self.string(bytes);
                continue;
            }
            bytes = rest;
            if self.structure(first) {
                take(&self.item)?;
                self.item.clear();
                self.item.shrink_to(USUAL);
            }
        }
        Ok(())
    }

    /// The list without its items, when all of it has arrived.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.is_inside && self.depth > 1 {
            self.item.extend_from_slice(bytes);
        } else {
            self.envelope.extend_from_slice(bytes);
        }
    }

    /// Takes as much of a string as there is, and returns what comes after that.
    fn string<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\');
        let length = if self.is_escaped {
            self.is_escaped = false;
            1
        } else {
            let mut all = bytes.iter().enumerate();
            let end = all.find(|(_, byte)| is_end(byte));
            if let Some((_, byte)) = end {
                self.is_text = *byte != b'"';
                self.is_escaped = *byte == b'\\';
            }
            end.map_or(bytes.len(), |(end, _)| end + 1)
        };
        let (part, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        if self.depth == 1 {
            self.name.extend_from_slice(part);
        }
        self.keep(part);
        rest
    }

    /// Takes a byte that is in no string. Returns whether an item is complete with it.
    fn structure(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => {
                self.is_text = true;
                if self.depth == 1 {
                    self.name.clear();
                }
                self.keep(&[byte]);
            }
            b'{' | b'[' => {
                if self.depth == 1 && byte == b'[' && self.name == b"items\"" {
                    self.keep(&[byte]);
                    self.is_inside = true;
                    self.depth += 1;
                    return false;
                }
                self.depth += 1;
                self.keep(&[byte]);
            }
            b'}' | b']' => {
                let is_end_of_items = self.is_inside && self.depth == 2;
                self.is_inside &= !is_end_of_items;
                self.keep(&[byte]);
                self.depth = self.depth.saturating_sub(1);
                return self.is_inside && self.depth == 2;
            }
            // Between two items.
            _ if self.is_inside && self.depth == 2 => {}
            _ => self.keep(&[byte]),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::convert::Infallible;

    /// The items and the rest, if the answer arrives in pieces of this length.
    fn taken_apart(text: &str, length: usize) -> (Vec<Value>, Value) {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for piece in text.as_bytes().chunks(length) {
            let fed = items.feed(piece, |item| {
                found.push(serde_json::from_slice(item).unwrap());
                Ok::<_, Infallible>(())
            });
            fed.unwrap();
        }
        (found, serde_json::from_slice(items.envelope()).unwrap())
    }

    #[test]
    fn every_item_is_found_wherever_the_answer_is_cut() {
        let objects = [
            json!({"metadata": {"name": "a", "labels": {"items": "]}"}}, "data": {"k": "\"quoted\" \\ {[,"}}),
            json!({}),
            json!({"items": [{"deep": [1, 2, {"x": null}]}], "text": "\\\""}),
        ];
        let metadata = json!({"resourceVersion": "7", "continue": "items"});
        let lists = [
            format!(
                r#"{{"kind":"List","metadata":{metadata},"items":[{}, {},{}]}}"#,
                objects[0], objects[1], objects[2]
            ),
            // Kinds of definitions have their fields in alphabetical order.
            serde_json::to_string_pretty(
                &json!({"apiVersion": "items", "items": objects, "metadata": metadata}),
            )
            .unwrap(),
        ];
        for text in lists {
            for length in [1, 2, 3, 7, text.len()] {
                let (found, envelope) = taken_apart(&text, length);
                assert_eq!(found, objects, "{length}: {text}");
                assert_eq!(envelope["metadata"], metadata);
                assert_eq!(envelope["items"], json!([]));
            }
        }
    }

    #[test]
    fn a_list_may_be_empty_or_have_no_items_at_all() {
        for items in [r#""items":[]"#, r#""items":null"#, r#""other":[1]"#] {
            let text = format!(r#"{{{items},"metadata":{{"resourceVersion":"7"}}}}"#);
            let (found, envelope) = taken_apart(&text, 4);
            assert!(found.is_empty(), "{text}");
            assert_eq!(envelope["metadata"]["resourceVersion"], "7");
        }
    }
}
