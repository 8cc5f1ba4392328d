//! One replay against one server: its tokens, its ports, its pace.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    ReplayError,
    client::{Reply, send},
    compare::{Seen, differences, map_ports},
    recording::Case,
    tokens::Wallet,
};

/// The recording keeps no tokens, so it does not tell whose refresh token was sent. It was always
/// that of this user.
const REFRESHING_USER: &str = "dittofs-sidecar";
const NO_TOKEN: &str = "not-a-token";

/// The recorded pace. The server repeats findings for seconds, so answers depend on the time
/// between requests.
///
/// Time is counted from the last health check: it is what the repetition is counted from.
struct Pace {
    /// When counting began, here and in the recording.
    anchor: Option<(Instant, Timestamp)>,
    /// When the next request is due, in the recording.
    due: Option<Timestamp>,
    /// The latest moment that the recording has told.
    told: Option<Timestamp>,
    last_check: Option<Timestamp>,
}

/// One replay against one server.
pub(super) struct Session {
    address: String,
    admin_password: String,
    to_server: BTreeMap<u16, u16>,
    from_server: BTreeMap<u16, u16>,
    tokens: Wallet,
    seen: Seen,
    pace: Pace,
}

impl Session {
    /// A session with the server at `address`; `ports` are its ports by the recorded ones.
    pub(super) fn new(address: String, admin_password: String, ports: BTreeMap<u16, u16>) -> Self {
        let from_server = ports
            .iter()
            .map(|(recorded, real)| (*real, *recorded))
            .collect();
        let pace = Pace {
            anchor: None,
            due: None,
            told: None,
            last_check: None,
        };
        Self {
            address,
            admin_password,
            to_server: ports,
            from_server,
            tokens: Wallet::default(),
            seen: Seen::default(),
            pace,
        }
    }

    /// Sends a recorded request at its time and compares the reply.
    pub(super) async fn play(&mut self, case: &Case) -> Result<Vec<String>, ReplayError> {
        self.pace.wait_for(case).await;
        let (method, path) = (&case.request.method, &case.request.path);
        let token = self.token(case);
        let mut reply = send(
            &self.address,
            method,
            path,
            token.as_deref(),
            self.body(case),
        )
        .await
        .map_err(|error| ReplayError::NoAnswer {
            line: case.line,
            case: case.name.clone(),
            reason: error.to_string(),
        })?;
        self.pace.replied(case);
        self.tokens.remember(&reply);
        self.recorded_ports(&mut reply);
        Ok(differences(&case.response, &reply, &mut self.seen))
    }

    fn token(&self, case: &Case) -> Option<String> {
        let caller = case.request.caller.as_ref()?;
        Some(self.tokens.access(caller))
    }

    /// The recorded body with this server's ports, passwords and tokens in it.
    fn body(&self, case: &Case) -> Vec<u8> {
        let mut body = match &case.request.body {
            None => return Vec::new(),
            Some(Value::String(raw)) => return raw.clone().into_bytes(),
            Some(body) => body.clone(),
        };
        map_ports(&mut body, &self.to_server);
        if body.get("refresh_token").is_some() {
            body["refresh_token"] = json!(self.refresh_token(&case.name));
        }
        // Only the right password is translated; a wrong one stays wrong.
        let logs_in = body["username"] == "admin" && case.response.status == 200;
        if logs_in {
            body["password"] = json!(self.admin_password);
        }
        body.to_string().into_bytes()
    }

    /// What was sent as a refresh token; only the name of the case tells.
    fn refresh_token(&self, case: &str) -> String {
        let tokens = self.tokens.of(REFRESHING_USER);
        match case {
            _ if case.contains("garbage") => NO_TOKEN.to_owned(),
            _ if case.contains("access token") => tokens.access,
            _ => tokens.refresh,
        }
    }

    fn recorded_ports(&self, reply: &mut Reply) {
        if let Ok(mut json) = serde_json::from_slice::<Value>(&reply.body) {
            map_ports(&mut json, &self.from_server);
            reply.body = json.to_string().into_bytes();
        }
    }
}

impl Pace {
    /// Waits until the request is due.
    async fn wait_for(&mut self, case: &Case) {
        // A pause counts from the last told moment: two cases that are both `3 s after` follow the
        // same one.
        let paused = self
            .told
            .zip(case.pause())
            .map(|(told, pause)| told + pause);
        self.told = self.told.max(case.time());
        self.due = self.due.max(self.told).max(paused);
        if let Some(((began, recorded), due)) = self.anchor.zip(self.due) {
            sleep_until(began + due.duration_since(recorded).unsigned_abs()).await;
        }
    }

    /// Counts anew from here if the reply tells of a new check.
    fn replied(&mut self, case: &Case) {
        let check = case.check_time();
        if self.anchor.is_none() || check > self.last_check {
            self.anchor = self.due.map(|due| (Instant::now(), due));
            self.last_check = self.last_check.max(check);
        }
    }
}
