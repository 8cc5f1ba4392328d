//! What is remembered of instances, each by its uid: another one of the same name is told nothing of it.

use std::collections::HashMap;

use crate::server::InstanceRef;

/// Something of some instances. It may be lost.
#[derive(Debug)]
pub struct Remembered<T>(HashMap<InstanceRef, (String, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Default> Remembered<T> {
    /// Takes what is remembered of an instance with this uid.
    pub fn take(&mut self, instance: &InstanceRef, uid: &str) -> T {
        let known = self.0.remove(instance);
        let known = known.filter(|(of, _)| of == uid);
        known.map(|(_, known)| known).unwrap_or_default()
    }

    /// Remembers this of an instance with this uid.
    pub fn put(&mut self, instance: &InstanceRef, uid: String, what: T) {
        self.0.insert(instance.clone(), (uid, what));
    }

    /// Forgets an instance that is gone.
    pub fn forget(&mut self, instance: &InstanceRef) {
        self.0.remove(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_instance_of_the_same_name_is_told_nothing() {
        let files = InstanceRef::new("files").within("team-a");
        let mut remembered = Remembered::<Vec<u8>>::default();
        remembered.put(&files, "first".to_owned(), vec![1]);
        assert_eq!(remembered.take(&files, "first"), [1]);
        assert!(remembered.take(&files, "first").is_empty());
        remembered.put(&files, "first".to_owned(), vec![1]);
        assert!(remembered.take(&files, "second").is_empty());
        assert!(remembered.take(&files, "first").is_empty());
        remembered.put(&files, "first".to_owned(), vec![1]);
        remembered.forget(&files);
        assert!(remembered.take(&files, "first").is_empty());
    }
}
