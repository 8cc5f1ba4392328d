//! Pure: what changed between two published states, in text for the log.

use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};

/// One change, which is one line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Type and port of the adapter that changed. `None` when the change is about the server.
    pub adapter: Option<(String, i64)>,
    /// Whether it is logged as a warning.
    pub is_warning: bool,
    /// What changed.
    pub text: String,
}

impl Change {
    fn of(adapter: &Adapter, text: impl Into<String>) -> Self {
        Self {
            adapter: Some((adapter.r#type.clone(), adapter.port)),
            is_warning: false,
            text: text.into(),
        }
    }

    fn warning(self) -> Self {
        Self {
            is_warning: true,
            ..self
        }
    }
}

/// The changes from one state to the next.
pub fn changes(before: Option<&PublishedState>, after: &PublishedState) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(of_server(before.map(|state| &state.server), &after.server));
    let old = before
        .and_then(|state| state.adapters.as_deref())
        .unwrap_or(&[]);
    let new = after.adapters.as_deref().unwrap_or(&[]);
    let unknown_before = before.is_none_or(|state| state.adapters.is_none());
    if unknown_before && after.adapters.as_ref().is_some_and(Vec::is_empty) {
        changes.push(Change {
            adapter: None,
            is_warning: false,
            text: "DittoFS has no adapters".to_owned(),
        });
    }
    for adapter in new {
        match old.iter().find(|other| other.r#type == adapter.r#type) {
            Some(other) => changes.extend(of_adapter(other, adapter)),
            None => changes.push(Change::of(adapter, describe(adapter))),
        }
    }
    for adapter in old {
        if !new.iter().any(|other| other.r#type == adapter.r#type) {
            changes.push(Change::of(adapter, "adapter is no longer published"));
        }
    }
    changes
}

fn of_server(before: Option<&ServerState>, after: &ServerState) -> Option<Change> {
    let same = before
        .is_some_and(|before| before.status == after.status && before.message == after.message);
    if same {
        return None;
    }
    let message = after.message.as_deref().unwrap_or("no details");
    let text = match after.status {
        ServerStatus::Reachable => "DittoFS is reachable".to_owned(),
        ServerStatus::Starting => "waiting for DittoFS to start".to_owned(),
        ServerStatus::Stopping => "stopping; the published adapters stay unchanged".to_owned(),
        ServerStatus::Unreachable => format!("DittoFS is unreachable: {message}"),
        ServerStatus::Refused => format!("DittoFS refuses access to the sidecar: {message}"),
        ServerStatus::Invalid => format!("DittoFS returned an invalid answer: {message}"),
    };
    let is_warning = matches!(
        after.status,
        ServerStatus::Unreachable | ServerStatus::Refused | ServerStatus::Invalid
    );
    Some(Change {
        adapter: None,
        is_warning,
        text,
    })
}

const fn describe(adapter: &Adapter) -> &'static str {
    match (adapter.enabled, adapter.running, adapter.leaving_since) {
        (true, true, _) => "adapter found: enabled and running",
        (true, false, _) => "adapter found: enabled, but not running",
        (false, _, Some(_)) => {
            "adapter found: disabled; it stays exposed until removalHold has elapsed"
        }
        (false, _, None) => "adapter found: disabled",
    }
}

fn of_adapter(before: &Adapter, after: &Adapter) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.port != after.port {
        let text = format!(
            "adapter moved from port {} to port {}",
            before.port, after.port
        );
        changes.push(Change::of(after, text));
    }
    match (before.enabled, after.enabled) {
        (true, false) => {
            let text = match after.leaving_since {
                Some(_) => {
                    "adapter disabled or removed; it stays exposed until removalHold has elapsed"
                }
                None => "adapter disabled",
            };
            changes.push(Change::of(after, text));
        }
        (false, true) => {
            let text = match before.leaving_since {
                Some(_) => "adapter enabled again within removalHold",
                None => "adapter enabled",
            };
            changes.push(Change::of(after, text));
        }
        (false, false) if before.leaving_since.is_some() && after.leaving_since.is_none() => {
            let text = "removalHold of the disabled adapter has elapsed";
            changes.push(Change::of(after, text));
        }
        _ => {}
    }
    if after.enabled && before.running != after.running {
        changes.push(if after.running {
            Change::of(after, "adapter is running")
        } else {
            Change::of(after, "adapter is enabled, but not running").warning()
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{adapter, published_state};
    use jiff::Timestamp;

    fn smb(port: i64, enabled: bool, running: bool, leaving: bool) -> Adapter {
        let leaving_since = leaving.then_some(Timestamp::UNIX_EPOCH);
        adapter("smb", port, (enabled, running), leaving_since)
    }

    fn texts(before: &PublishedState, after: &PublishedState) -> Vec<String> {
        changes(Some(before), after)
            .into_iter()
            .map(|change| change.text)
            .collect()
    }

    #[test]
    fn every_change_is_one_line() {
        let on = smb(1445, true, true, false);
        let cases: [(Adapter, Option<Adapter>, &[&str]); 7] = [
            (on.clone(), Some(on.clone()), &[]),
            (
                on.clone(),
                Some(smb(1446, true, true, false)),
                &["adapter moved from port 1445 to port 1446"],
            ),
            (
                on.clone(),
                Some(smb(1445, true, false, false)),
                &["adapter is enabled, but not running"],
            ),
            (
                on.clone(),
                Some(smb(1445, false, false, true)),
                &["adapter disabled or removed; it stays exposed until removalHold has elapsed"],
            ),
            (
                smb(1445, false, false, true),
                Some(smb(1445, false, false, false)),
                &["removalHold of the disabled adapter has elapsed"],
            ),
            (
                smb(1445, false, false, true),
                Some(on.clone()),
                &[
                    "adapter enabled again within removalHold",
                    "adapter is running",
                ],
            ),
            (on, None, &["adapter is no longer published"]),
        ];
        for (before, after, expected) in cases {
            let before = published_state(ServerStatus::Reachable, Some(vec![before]));
            let after = after.into_iter().collect();
            let after = published_state(ServerStatus::Reachable, Some(after));
            assert_eq!(texts(&before, &after), expected);
        }
    }

    #[test]
    fn the_first_state_is_logged_with_the_server_and_its_adapters() {
        let running = vec![smb(1445, true, true, false)];
        let after = published_state(ServerStatus::Reachable, Some(running));
        let found = changes(None, &after);
        assert_eq!(found[0].text, "DittoFS is reachable");
        assert_eq!(found[1].adapter, Some(("smb".into(), 1445)));
        let empty = published_state(ServerStatus::Reachable, Some(vec![]));
        assert_eq!(changes(None, &empty)[1].text, "DittoFS has no adapters");
    }

    #[test]
    fn failures_of_the_server_are_warnings() {
        let reachable = published_state(ServerStatus::Reachable, None);
        for (status, is_warning) in [
            (ServerStatus::Starting, false),
            (ServerStatus::Unreachable, true),
            (ServerStatus::Refused, true),
            (ServerStatus::Invalid, true),
            (ServerStatus::Stopping, false),
        ] {
            assert_eq!(
                changes(Some(&reachable), &published_state(status, None))[0].is_warning,
                is_warning,
                "{status}"
            );
        }
    }
}
