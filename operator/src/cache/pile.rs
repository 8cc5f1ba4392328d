//! Many short byte strings in a few large pieces of memory. Each in a piece of its own, as they come, go and grow, they would leave a
//! third of the memory between them unused.

/// Size of a piece, in bytes.
const PIECE: usize = 16 * 1024;
/// What is longer has a piece of its own: it would leave too much of a shared one unused.
const LONG: usize = PIECE / 8;

/// Where a byte string is in the pile that returned this. They are in the order in which the pile was filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    piece: u32,
    start: u32,
    length: u32,
}

/// The byte strings.
#[derive(Debug, Default)]
pub struct Pile {
    pieces: Vec<Vec<u8>>,
    /// The piece that short strings are added to.
    open: Option<usize>,
    /// Bytes that are in use, and all there are.
    used: usize,
    filled: usize,
}

impl Pile {
    /// Adds a byte string.
    pub fn put(&mut self, bytes: &[u8]) -> Place {
        let number = self.piece_for(bytes.len());
        let Some(piece) = self.pieces.get_mut(number) else {
            return Place::default();
        };
        let start = piece.len();
        piece.extend_from_slice(bytes);
        self.used += bytes.len();
        self.filled += bytes.len();
        // An API server answers with a few MiB at most, and a pile of 4 billion pieces fits in no machine.
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place {
            piece: narrow(number),
            start: narrow(start),
            length: narrow(bytes.len()),
        }
    }

    /// Number of a piece with room for so many bytes.
    fn piece_for(&mut self, length: usize) -> usize {
        let open = self.open.filter(|open| {
            let piece = self.pieces.get(*open);
            piece.is_some_and(|piece| piece.capacity() - piece.len() >= length)
        });
        if let Some(open) = open.filter(|_| length <= LONG) {
            return open;
        }
        let number = self.pieces.len();
        if length <= LONG {
            self.pieces.push(Vec::with_capacity(PIECE));
            self.open = Some(number);
        } else {
            self.pieces.push(Vec::with_capacity(length));
        }
        number
    }

    /// Frees the memory of all pieces before the one of this place.
    pub fn free_before(&mut self, place: Place) {
        let before = self.pieces.iter_mut().take(place.piece as usize);
        before
            .rev()
            .take_while(|piece| piece.capacity() > 0)
            .for_each(|piece| *piece = Vec::new());
    }

    /// A byte string. Of a place in another pile there is none, or another one.
    pub fn get(&self, place: Place) -> &[u8] {
        let [piece, start, length] =
            [place.piece, place.start, place.length].map(|number| number as usize);
        let piece = self.pieces.get(piece);
        let bytes = piece.and_then(|piece| piece.get(start..start.checked_add(length)?));
        bytes.unwrap_or_default()
    }

    /// A byte string is no longer needed. Its memory is free once the pile is [built anew](Self::is_wasteful).
    pub fn forget(&mut self, place: Place) {
        self.used = self.used.saturating_sub(place.length as usize);
    }

    /// Whether so much is no longer needed that it should be built anew: an eighth of what is, and more than a piece.
    pub fn is_wasteful(&self) -> bool {
        self.filled - self.used > self.used / 8 + PIECE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_comes_back_whatever_its_length() {
        let mut pile = Pile::default();
        let strings: Vec<Vec<u8>> = [0, 1, 100, LONG, LONG + 1, PIECE, PIECE + 1, 3 * PIECE, 5]
            .iter()
            .enumerate()
            .map(|(number, &length)| vec![u8::try_from(number).unwrap(); length])
            .collect();
        let places: Vec<_> = strings.iter().map(|bytes| pile.put(bytes)).collect();
        for (place, bytes) in places.iter().zip(&strings) {
            assert_eq!(pile.get(*place), bytes);
        }
    }

    #[test]
    fn short_strings_share_a_piece() {
        let mut pile = Pile::default();
        for _ in 0..PIECE / 100 - 1 {
            pile.put(&[7; 100]);
        }
        assert_eq!(pile.pieces.len(), 1);
        pile.put(&[7; LONG + 1]);
        let long = &pile.pieces[1];
        assert_eq!(long.len(), long.capacity());
        assert_eq!(pile.put(&[7; 50]).piece, 0, "the first one has room");
    }

    #[test]
    fn it_is_wasteful_when_more_than_an_eighth_is_not_needed() {
        let mut pile = Pile::default();
        let places: Vec<_> = (0..1000).map(|_| pile.put(&[7; 100])).collect();
        let enough = places.iter().position(|place| {
            pile.forget(*place);
            pile.is_wasteful()
        });
        // (100,000 - x) / 8 + 16,384 < x
        assert_eq!(enough, Some(256));
    }

    #[test]
    fn a_place_in_another_pile_is_empty() {
        let mut pile = Pile::default();
        pile.put(&[7; 100]);
        let place = pile.put(&[7; 100]);
        assert!(Pile::default().get(place).is_empty());
    }
}
