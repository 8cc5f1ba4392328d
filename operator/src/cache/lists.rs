//! How far the lists that fill a cache have got.

use std::collections::BTreeMap;

/// The lists of one kind: one in each namespace of our scope, or one of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<Option<String>, Progress>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// It has been read to its end at least once.
    is_complete: bool,
    /// The operator may not read it now.
    is_refused: bool,
}

impl Lists {
    /// None of them has been read. No namespaces: the whole cluster.
    pub fn of(namespaces: &[String]) -> Self {
        let keys: Vec<_> = match namespaces {
            [] => vec![None],
            several => several.iter().cloned().map(Some).collect(),
        };
        Self(
            keys.into_iter()
                .map(|key| (key, Progress::default()))
                .collect(),
        )
    }

    /// Whether there is nothing left to wait for. A namespace without our rights holds up no other.
    pub fn are_settled(&self) -> bool {
        let mut all = self.0.iter();
        all.all(|(namespace, list)| list.is_complete || (list.is_refused && namespace.is_some()))
    }

    /// Whether all objects of a namespace are known: a missing one does not exist.
    pub fn cover(&self, namespace: &str) -> bool {
        let list = self.within(namespace);
        list.is_complete && !list.is_refused
    }

    /// Whether the operator may not read a namespace.
    pub fn are_refused(&self, namespace: &str) -> bool {
        self.within(namespace).is_refused
    }

    /// Whether the objects of a namespace have been known at least once.
    pub fn have_covered(&self, namespace: &str) -> bool {
        self.within(namespace).is_complete
    }

    /// Whether those of any namespace have.
    pub fn have_covered_any(&self) -> bool {
        self.0.values().any(|list| list.is_complete)
    }

    fn within(&self, namespace: &str) -> Progress {
        let one = self.0.get(&Some(namespace.to_owned()));
        one.or_else(|| self.0.get(&None))
            .copied()
            .unwrap_or_default()
    }

    /// Whether a list has been read before.
    pub(super) fn is_complete(&self, namespace: Option<&String>) -> bool {
        let list = self.0.get(&namespace.cloned());
        list.is_some_and(|list| list.is_complete)
    }

    /// A list has been read. Whether that is news.
    pub(crate) fn complete(&mut self, namespace: Option<String>) -> bool {
        let complete = Progress {
            is_complete: true,
            is_refused: false,
        };
        self.0.insert(namespace, complete) != Some(complete)
    }

    /// A list is refused. Whether that is news.
    pub(crate) fn refuse(&mut self, namespace: &str) -> bool {
        let list = self.0.entry(Some(namespace.to_owned())).or_default();
        !std::mem::replace(&mut list.is_refused, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        Lists::of(&["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn a_namespace_that_is_refused_holds_up_no_other() {
        let mut lists = lists();
        assert!(!lists.are_settled() && !lists.have_covered_any());
        assert!(lists.complete(Some("a".to_owned())));
        assert!(!lists.complete(Some("a".to_owned())), "no news");
        assert!(!lists.are_settled(), "b may be read any moment");
        assert!(lists.refuse("b") && !lists.refuse("b"));
        assert!(lists.are_settled() && lists.cover("a") && !lists.cover("b"));
        assert!(lists.complete(Some("b".to_owned())));
        assert!(lists.cover("b") && !lists.are_refused("b"));
    }

    #[test]
    fn what_was_read_before_the_rights_were_withdrawn_is_not_relied_on() {
        let mut lists = lists();
        lists.complete(Some("a".to_owned()));
        lists.refuse("a");
        assert!(!lists.cover("a") && lists.are_refused("a"));
        assert!(lists.have_covered("a") && lists.have_covered_any() && !lists.have_covered("b"));
    }

    #[test]
    fn one_list_of_the_whole_cluster_covers_every_namespace() {
        let mut lists = Lists::of(&[]);
        assert!(!lists.are_settled() && !lists.cover("a"));
        lists.complete(None);
        assert!(lists.are_settled() && lists.cover("a"));
    }
}
