//! Passes a watch on, event by event, with the faults of the plan.

use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::VecDeque;

use super::plan::EventFault;

/// A watch that is being answered.
pub(super) struct Events {
    body: Body,
    /// What of the next event has arrived.
    part: Vec<u8>,
    /// Whole events that were not passed on yet.
    ready: VecDeque<Vec<u8>>,
    /// Nothing arrives any more.
    is_deaf: bool,
    /// Nothing follows what is ready.
    is_over: bool,
}

impl Events {
    pub(super) fn of(body: Body) -> Self {
        Self {
            body,
            part: Vec::new(),
            ready: VecDeque::new(),
            is_deaf: false,
            is_over: false,
        }
    }

    /// The next piece to pass on. `None`: the watch ends. `fault` is asked once for each event about an object.
    pub(super) async fn next(&mut self, fault: impl Fn() -> Option<EventFault>) -> Option<Bytes> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready.into());
            }
            if self.is_over {
                return None;
            }
            let event = self.whole().await?;
            if self.is_deaf {
                continue;
            }
            let met = if is_about_an_object(&event) {
                fault()
            } else {
                None
            };
            self.meet(event, met).await;
        }
    }

    async fn meet(&mut self, event: Vec<u8>, fault: Option<EventFault>) {
        match fault {
            None => self.ready.push_back(event),
            Some(EventFault::Deaf) => self.is_deaf = true,
            Some(EventFault::Twice) => self.ready.extend([event.clone(), event]),
            Some(EventFault::Swapped) => match self.whole().await {
                Some(next) if uid(&next) == uid(&event) => self.ready.extend([event, next]),
                Some(next) => self.ready.extend([next, event]),
                None => {
                    self.is_over = true;
                    self.ready.push_back(event);
                }
            },
            Some(EventFault::Half) => {
                self.is_over = true;
                self.ready.push_back(event[..event.len() / 2].to_vec());
            }
            Some(EventFault::Expired) => {
                self.is_over = true;
                self.ready.push_back(expired());
            }
        }
    }

    /// The next event, with its line end. `None`: there is none any more.
    async fn whole(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.part.iter().position(|byte| *byte == b'\n') {
                let rest = self.part.split_off(end + 1);
                return Some(std::mem::replace(&mut self.part, rest));
            }
            let piece = self.body.frame().await?.ok()?;
            if let Ok(data) = piece.into_data() {
                self.part.extend_from_slice(&data);
            }
        }
    }
}

fn is_about_an_object(event: &[u8]) -> bool {
    !event.starts_with(br#"{"type":"BOOKMARK""#)
}

fn uid(event: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(event).ok()?;
    Some(event["object"]["metadata"]["uid"].as_str()?.to_owned())
}

fn expired() -> Vec<u8> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": StatusCode::GONE.as_u16(),
    });
    format!("{}\n", json!({"type": "ERROR", "object": status})).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn event(uid: &str, version: u32) -> String {
        format!(
            "{}\n",
            json!({"type": "MODIFIED", "object": {"metadata": {"uid": uid, "resourceVersion": version.to_string()}}})
        )
    }

    /// What arrives of three events, if the first meets this.
    fn arrives(events: &[String; 3], fault: EventFault) -> String {
        let body = Body::from(events.concat().into_bytes());
        let fault = Cell::new(Some(fault));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut passed = Events::of(body);
            let mut text = String::new();
            while let Some(piece) = passed.next(|| fault.take()).await {
                text.push_str(&String::from_utf8_lossy(&piece));
            }
            text
        })
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let [a, b, c] = [event("a", 1), event("b", 2), event("c", 3)];
        let all = || [a.clone(), b.clone(), c.clone()];
        assert_eq!(arrives(&all(), EventFault::Deaf), "");
        let twice = [a.clone(), a.clone(), b.clone(), c.clone()].concat();
        assert_eq!(arrives(&all(), EventFault::Twice), twice);
        let swapped = [b.clone(), a.clone(), c.clone()].concat();
        assert_eq!(arrives(&all(), EventFault::Swapped), swapped);
        assert_eq!(arrives(&all(), EventFault::Half), a[..a.len() / 2]);
        assert!(arrives(&all(), EventFault::Expired).contains("\"code\":410"));
    }

    #[test]
    fn events_of_one_object_stay_in_their_order() {
        let events = [event("a", 1), event("a", 2), event("c", 3)];
        assert_eq!(arrives(&events, EventFault::Swapped), events.concat());
    }
}
