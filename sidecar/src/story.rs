//! Pure: the difference of two published states, in words.

use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};

/// One thing that changed: one line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The adapter that it is about, and its port; or the server.
    pub adapter: Option<(String, i64)>,
    /// Whether somebody should look at it.
    pub alarming: bool,
    /// What changed, in plain words.
    pub text: String,
}

impl Change {
    fn of(adapter: &Adapter, text: impl Into<String>) -> Self {
        Self {
            adapter: Some((adapter.r#type.clone(), adapter.port)),
            alarming: false,
            text: text.into(),
        }
    }

    fn alarming(self) -> Self {
        Self {
            alarming: true,
            ..self
        }
    }
}

/// What changed from one state to the next.
pub fn changes(before: Option<&PublishedState>, after: &PublishedState) -> Vec<Change> {
    let mut story = Vec::new();
    story.extend(of_server(before.map(|state| &state.server), &after.server));
    let old = before
        .and_then(|state| state.adapters.as_deref())
        .unwrap_or(&[]);
    let new = after.adapters.as_deref().unwrap_or(&[]);
    let unknown_before = before.is_none_or(|state| state.adapters.is_none());
    if unknown_before && after.adapters.as_ref().is_some_and(Vec::is_empty) {
        story.push(Change {
            adapter: None,
            alarming: false,
            text: "the server has no adapters".to_owned(),
        });
    }
    for adapter in new {
        match old.iter().find(|other| other.r#type == adapter.r#type) {
            Some(other) => story.extend(of_adapter(other, adapter)),
            None => story.push(Change::of(adapter, first_words(adapter))),
        }
    }
    for adapter in old {
        if !new.iter().any(|other| other.r#type == adapter.r#type) {
            story.push(Change::of(adapter, "the adapter is gone"));
        }
    }
    story
}

fn of_server(before: Option<&ServerState>, after: &ServerState) -> Option<Change> {
    let same = before
        .is_some_and(|before| before.status == after.status && before.message == after.message);
    if same {
        return None;
    }
    let message = after.message.as_deref().unwrap_or("no more is known");
    let text = match after.status {
        ServerStatus::Reachable => "DittoFS answers".to_owned(),
        ServerStatus::Starting => "waiting for DittoFS to start".to_owned(),
        ServerStatus::Stopping => "stopping; the adapters stay published as they are".to_owned(),
        ServerStatus::Unreachable => format!("DittoFS does not answer: {message}"),
        ServerStatus::Refused => format!("DittoFS refuses the sidecar: {message}"),
        ServerStatus::Invalid => format!("DittoFS gives no answer that can be used: {message}"),
    };
    let alarming = matches!(
        after.status,
        ServerStatus::Unreachable | ServerStatus::Refused | ServerStatus::Invalid
    );
    Some(Change {
        adapter: None,
        alarming,
        text,
    })
}

const fn first_words(adapter: &Adapter) -> &'static str {
    match (adapter.enabled, adapter.running, adapter.leaving_since) {
        (true, true, _) => "there is an adapter; it is on and running",
        (true, false, _) => "there is an adapter; it is on, but does not run",
        (false, _, Some(_)) => "there is an adapter; it is off, and kept until its hold is over",
        (false, _, None) => "there is an adapter; it is off",
    }
}

fn of_adapter(before: &Adapter, after: &Adapter) -> Vec<Change> {
    let mut story = Vec::new();
    if before.port != after.port {
        let text = format!(
            "the adapter moved from port {} to port {}",
            before.port, after.port
        );
        story.push(Change::of(after, text));
    }
    match (before.enabled, after.enabled) {
        (true, false) => {
            let text = match after.leaving_since {
                Some(_) => {
                    "the adapter was switched off or removed; it is kept until its hold is over"
                }
                None => "the adapter was switched off",
            };
            story.push(Change::of(after, text));
        }
        (false, true) => {
            let text = match before.leaving_since {
                Some(_) => "the adapter came back within its hold",
                None => "the adapter was switched on",
            };
            story.push(Change::of(after, text));
        }
        (false, false) if before.leaving_since.is_some() && after.leaving_since.is_none() => {
            story.push(Change::of(after, "the adapter's hold is over; it is off"));
        }
        _ => {}
    }
    if after.enabled && before.running != after.running {
        story.push(if after.running {
            Change::of(after, "the adapter runs")
        } else {
            Change::of(after, "the adapter is on, but does not run").alarming()
        });
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::reports::Reports;
    use jiff::Timestamp;

    fn state(status: ServerStatus, adapters: Option<Vec<Adapter>>) -> PublishedState {
        PublishedState {
            server: ServerState {
                status,
                since: Timestamp::UNIX_EPOCH,
                message: None,
            },
            adapters,
            reports: Reports::default(),
        }
    }

    fn adapter(port: i64, enabled: bool, running: bool, leaving: bool) -> Adapter {
        Adapter {
            r#type: "smb".into(),
            port,
            enabled,
            running,
            leaving_since: leaving.then_some(Timestamp::UNIX_EPOCH),
        }
    }

    fn told(before: &PublishedState, after: &PublishedState) -> Vec<String> {
        changes(Some(before), after)
            .into_iter()
            .map(|change| change.text)
            .collect()
    }

    #[test]
    fn every_change_is_one_line() {
        let on = adapter(1445, true, true, false);
        let cases: [(Adapter, Option<Adapter>, &[&str]); 7] = [
            (on.clone(), Some(on.clone()), &[]),
            (
                on.clone(),
                Some(adapter(1446, true, true, false)),
                &["the adapter moved from port 1445 to port 1446"],
            ),
            (
                on.clone(),
                Some(adapter(1445, true, false, false)),
                &["the adapter is on, but does not run"],
            ),
            (
                on.clone(),
                Some(adapter(1445, false, false, true)),
                &["the adapter was switched off or removed; it is kept until its hold is over"],
            ),
            (
                adapter(1445, false, false, true),
                Some(adapter(1445, false, false, false)),
                &["the adapter's hold is over; it is off"],
            ),
            (
                adapter(1445, false, false, true),
                Some(on.clone()),
                &["the adapter came back within its hold", "the adapter runs"],
            ),
            (on, None, &["the adapter is gone"]),
        ];
        for (before, after, expected) in cases {
            let before = state(ServerStatus::Reachable, Some(vec![before]));
            let after = state(ServerStatus::Reachable, Some(after.into_iter().collect()));
            assert_eq!(told(&before, &after), expected);
        }
    }

    #[test]
    fn the_first_words_tell_the_server_and_its_adapters() {
        let after = state(
            ServerStatus::Reachable,
            Some(vec![adapter(1445, true, true, false)]),
        );
        let story = changes(None, &after);
        assert_eq!(story[0].text, "DittoFS answers");
        assert_eq!(story[1].adapter, Some(("smb".into(), 1445)));
        let empty = state(ServerStatus::Reachable, Some(vec![]));
        assert_eq!(changes(None, &empty)[1].text, "the server has no adapters");
    }

    #[test]
    fn trouble_is_alarming() {
        let well = state(ServerStatus::Reachable, None);
        for (status, alarming) in [
            (ServerStatus::Starting, false),
            (ServerStatus::Unreachable, true),
            (ServerStatus::Refused, true),
            (ServerStatus::Invalid, true),
            (ServerStatus::Stopping, false),
        ] {
            assert_eq!(
                changes(Some(&well), &state(status, None))[0].alarming,
                alarming,
                "{status}"
            );
        }
    }
}
