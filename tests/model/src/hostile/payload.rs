//! Makes them: valid ones with values that are not meant to be, and then spoilt ones.

use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::{Access, PasswordReset, Reports, ResetOutcome};
use jiff::Timestamp;
use std::collections::BTreeMap;

use crate::random::Random;

const TYPES: [&str; 14] = [
    "nfs",
    "smb",
    "NFS",
    "webdav",
    "",
    "*",
    "all",
    "../nfs",
    "nfs\n",
    "nfs,smb",
    "api",
    "headless",
    "baseline",
    "a-type-that-is-far-longer-than-any-name-that-a-service-may-have-in-a-cluster",
];
const PORTS: [i64; 16] = [
    12049,
    1445,
    2049,
    445,
    111,
    0,
    -1,
    1,
    65535,
    65536,
    8080,
    8081,
    18082,
    i64::MAX,
    i64::MIN,
    4_294_975_376,
];
const KEYS: [&str; 8] = [
    "schema",
    "server",
    "adapters",
    "access",
    "passwordReset",
    "serverVersion",
    "publishTo",
    "adapters ",
];
const SNIPPETS: [&str; 16] = [
    "null",
    "[]",
    "{}",
    "true",
    "1e400",
    "\"",
    "\\u0000",
    "\u{202e}",
    "[[[[[[[[",
    "}",
    ",",
    ":",
    "\"port\":8080,",
    "\"type\":\"nfs\",",
    "\"enabled\":true,",
    "9999999999999999999999",
];

fn one<T: Copy>(random: &mut Random, all: &[T], default: T) -> T {
    all.get(random.below(all.len())).copied().unwrap_or(default)
}

fn adapter(random: &mut Random) -> Adapter {
    let any_port = i64::try_from(random.below(70_000)).unwrap_or_default();
    let port = if random.below(3) == 0 {
        any_port
    } else {
        one(random, &PORTS, 0)
    };
    // The two that there are come more often.
    let types = if random.below(2) == 0 { 2 } else { TYPES.len() };
    let seconds = [i64::MIN, 0, 1_767_323_045, 253_402_207_200];
    let leaving = (random.below(3) == 0).then(|| one(random, &seconds, 0));
    Adapter {
        r#type: one(random, &TYPES[..types], "nfs").to_owned(),
        port,
        enabled: random.below(4) != 0,
        running: random.below(4) != 0,
        leaving_since: leaving.and_then(|seconds| Timestamp::from_second(seconds).ok()),
    }
}

fn reports(random: &mut Random) -> Reports {
    let outcomes = [ResetOutcome::Done, ResetOutcome::Refused];
    let text = |random: &mut Random| one(random, &SNIPPETS, "").repeat(random.below(40));
    Reports {
        access: (random.below(4) == 0).then(|| Access {
            signing_key_refused: random.below(2) == 0,
            message: text(random),
        }),
        password_reset: (random.below(4) == 0).then(|| PasswordReset {
            request: text(random),
            outcome: one(random, &outcomes, ResetOutcome::Done),
            message: (random.below(2) == 0).then(|| text(random)),
        }),
        server_version: (random.below(4) == 0).then(|| text(random)),
    }
}

fn valid(random: &mut Random) -> BTreeMap<String, String> {
    let statuses = [
        ServerStatus::Reachable,
        ServerStatus::Starting,
        ServerStatus::Unreachable,
        ServerStatus::Refused,
        ServerStatus::Invalid,
        ServerStatus::Stopping,
    ];
    let most = if random.below(8) == 0 { 40 } else { 4 };
    let number = random.below(most);
    let adapters = (0..number).map(|_| adapter(random)).collect();
    let state = PublishedState {
        server: ServerState {
            status: one(random, &statuses, ServerStatus::Reachable),
            since: Timestamp::UNIX_EPOCH,
            message: (random.below(2) == 0).then(|| "x".repeat(random.below(3000))),
        },
        adapters: (random.below(10) != 0).then_some(adapters),
        reports: reports(random),
    };
    state.encode()
}

fn spoil(random: &mut Random, text: &mut String) {
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    let mut place = || {
        places
            .get(random.below(places.len()))
            .copied()
            .unwrap_or_default()
    };
    let (from, to) = (place(), place());
    let (from, to) = (from.min(to), from.max(to));
    match random.below(5) {
        0 => text.truncate(from),
        1 => text.replace_range(from..to, ""),
        2 => {
            let part = text[from..to].to_owned();
            text.insert_str(to, &part);
        }
        3 => text.insert_str(from, one(random, &SNIPPETS, "")),
        _ => one(random, &SNIPPETS, "").clone_into(text),
    }
}

/// The data of one.
pub fn data(random: &mut Random) -> BTreeMap<String, String> {
    let mut data = valid(random);
    for _ in 0..random.below(4) {
        let key = one(random, &KEYS, "adapters");
        match random.below(6) {
            0 => {
                data.remove(key);
            }
            1 => {
                data.insert(key.to_owned(), one(random, &SNIPPETS, "").to_owned());
            }
            _ => {
                if let Some(text) = data.get_mut(key) {
                    spoil(random, text);
                }
            }
        }
    }
    data
}
