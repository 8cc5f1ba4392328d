//! Shares, with what hangs on them: grants, NFS options, quotas, the bin, snapshot policies.

mod permissions;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Answered, Call};
use crate::{
    control::Shared,
    engines, ids,
    refusal::Refusal,
    state::{
        State,
        go::{self, Struct},
        health::Report,
        policies::NewPolicy,
        quotas::{NewQuota, Target},
        shares::{
            self, Share, ShareView,
            making::{NewShare, SharePatch},
            nfs::NfsPatch,
        },
    },
};

const POLICY: Struct = Struct {
    package: "dto",
    name: "UpsertSnapshotPolicyRequest",
    fields: &[
        ("interval", "string"),
        ("keep_last", "int"),
        ("ttl", "string"),
        ("enabled", "bool"),
        ("name_prefix", "string"),
    ],
};
const EMPTYING: Struct = Struct {
    package: "handlers",
    name: "emptyTrashRequest",
    fields: &[("force", "bool")],
};
const RESTORING: Struct = Struct {
    package: "handlers",
    name: "restoreTrashRequest",
    fields: &[("bin_path", "string"), ("to", "string")],
};

pub(super) fn answer(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    let [name, rest @ ..] = segments else {
        return all(control, call);
    };
    let name = shares::normalized(name);
    match rest {
        [] | ["status" | "disable" | "enable"] => one(control, call, &name, rest),
        ["permissions", rest @ ..] => permissions::answer(control, call, &name, rest),
        ["adapters", "nfs", "config"] => nfs_options(control, call, &name),
        ["quotas", rest @ ..] => quotas(control, call, &name, rest),
        ["trash", rest @ ..] => trash(control, call, &name, rest),
        ["snapshot-policy"] => policy(control, call, &name),
        ["snapshot-policy", "run"] => run_policy(control, call, &name),
        ["snapshots" | "blockstore" | "audit", ..] => {
            Err(Refusal::NotSimulated(segments.join("/")).into())
        }
        _ => Err(Answer::no_such_path()),
    }
}

/// The policies of all shares.
pub(super) fn policies(control: &Shared) -> Answer {
    control.read(|state| Answer::json(200, &state.policies.all()))
}

fn all(control: &Shared, call: &Call) -> Answered {
    match call.method.as_str() {
        "GET" => {
            let all: Vec<Share> = control.read(|state| state.shares.iter().cloned().collect());
            let views: Vec<_> = all.iter().map(|share| shown(control, share)).collect();
            Ok(Answer::json(200, &views))
        }
        "POST" => {
            let new: NewShare = call.json()?;
            let made = control.change(|state| state.create_share(new, Timestamp::now()))?;
            control.note(|state| engines::load(state, &made));
            Ok(Answer::json(201, &shown(control, &made)))
        }
        _ => Err(Answer::no_such_method()),
    }
}

/// Most handlers take the root for a share without a name.
fn not_root(name: &str) -> Result<(), Refusal> {
    match name {
        "/" => Err(Refusal::unfit("Share name is required")),
        _ => Ok(()),
    }
}

fn one(control: &Shared, call: &Call, name: &str, rest: &[&str]) -> Answered {
    let method = call.method.as_str();
    if !matches!(
        (method, rest),
        ("GET" | "PUT" | "DELETE", []) | ("GET", ["status"]) | ("POST", ["disable" | "enable"])
    ) {
        return Err(Answer::no_such_method());
    }
    not_root(name)?;
    let now = Timestamp::now();
    let found = || control.read(|state| state.shares.get(name).cloned());
    match (method, rest) {
        ("PUT", _) => {
            let patch: SharePatch = call.json()?;
            let changed = control.change(|state| state.update_share(name, patch, now))?;
            let mut view = shown(control, &changed.share);
            let moves_live = |state: &State| {
                state.shares.is_loaded(&changed.share.name)
                    && engines::is_ready(state, &changed.share)
            };
            if changed.has_moved && !control.read(moves_live) {
                view = view.not_rebound();
            }
            Ok(Answer::json(200, &view))
        }
        ("DELETE", _) => Ok(delete(control, name)?),
        ("POST", [verb]) => {
            let enabled = *verb == "enable";
            let share = control.change(|state| state.shares.enable(name, enabled, now))?;
            Ok(Answer::json(200, &shown(control, &share)))
        }
        // By what the path says, so an id does not find it.
        (_, ["status"]) => found()
            .map(|_| Answer::json(200, &status(control, name)))
            .map_err(Answer::from),
        _ => Ok(Answer::json(200, &shown(control, &found()?))),
    }
}

/// A share that is deleted by its id stays loaded: the server takes it from its clients by name.
fn delete(control: &Shared, name: &str) -> Result<Answer, Refusal> {
    control.note(|state| state.shares.unload(name));
    control.change(|state| {
        let gone = state.shares.remove(name)?;
        // There may be none.
        let _ = state.policies.remove(&gone.name);
        Ok(())
    })?;
    control.forget_health(&key(name));
    Ok(Answer::empty(204))
}

fn key(name: &str) -> String {
    format!("share {name}")
}

fn shown(control: &Shared, share: &Share) -> ShareView {
    share.view(status(control, &share.name))
}

fn status(control: &Shared, name: &str) -> Report {
    let is_loaded = control.read(|state| state.shares.is_loaded(name));
    control.repeated(&key(name), || {
        let found = if is_loaded {
            Ok(None)
        } else {
            let name = go::quoted(name);
            Err(format!("share not found: share not found: {name}"))
        };
        Report::of(found, Timestamp::now())
    })
}

fn nfs_options(control: &Shared, call: &Call, name: &str) -> Answered {
    let view = match call.method.as_str() {
        "GET" => control.read(|state| state.nfs_options(name))?,
        "PATCH" => {
            // Before the body is looked at.
            control.read(|state| state.shares.get(name).map(|_| ()))?;
            let patch: NfsPatch = call.json()?;
            control.change(|state| state.change_nfs_options(name, patch))?
        }
        _ => return Err(Answer::no_such_method()),
    };
    Ok(Answer::json(200, &view))
}

fn quotas(control: &Shared, call: &Call, name: &str, rest: &[&str]) -> Answered {
    let (scope, id) = match rest {
        [] if call.method == "GET" => {
            not_root(name)?;
            return control.read(|state| Ok(Answer::json(200, &state.quotas.of(name))));
        }
        // The server looks for the scope in a place that this path has not.
        ["default-user"] => ("", ""),
        [scope, id] => (*scope, *id),
        [] => return Err(Answer::no_such_method()),
        _ => return Err(Answer::no_such_path()),
    };
    let target = || Target::parse(name, scope, id);
    match call.method.as_str() {
        "GET" => {
            let target = target()?;
            let quota = control.read(|state| state.quotas.get(&target))?;
            Ok(Answer::json(200, &quota))
        }
        "PUT" => {
            let target = target()?;
            let asked: NewQuota = call.json()?;
            let quota = control.change(|state| state.quotas.set(target, &asked))?;
            Ok(Answer::json(200, &quota))
        }
        "DELETE" => {
            let target = target()?;
            control.change(|state| state.quotas.remove(&target))?;
            Ok(Answer::empty(204))
        }
        _ => Err(Answer::no_such_method()),
    }
}

/// The bin, in which nothing ever is.
fn trash(control: &Shared, call: &Call, name: &str, rest: &[&str]) -> Answered {
    let missing = Refusal::NotThere("share or recycled entry not found");
    let found = control.read(|state| state.shares.has_bin(name));
    let found = found.ok_or(missing.clone());
    match (call.method.as_str(), rest) {
        ("GET", []) => found.map(|_| Ok(Answer::json(200, &json!([]))))?,
        ("GET", ["status"]) => {
            let status = json!({"enabled": found?, "item_count": 0, "total_bytes": 0});
            Ok(Answer::json(200, &status))
        }
        ("POST", ["empty"]) => {
            call.optional_json::<Value>(&EMPTYING)?;
            found.map(|_| Ok(Answer::json(200, &json!({"removed": 0}))))?
        }
        ("POST", ["restore"]) => {
            let asked: Value = call.optional_json(&RESTORING)?;
            match asked["bin_path"].as_str() {
                None | Some("") => Err(Refusal::unfit("bin_path is required").into()),
                Some(_) => Err(missing.into()),
            }
        }
        (_, [] | ["status" | "empty" | "restore"]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

fn policy(control: &Shared, call: &Call, name: &str) -> Answered {
    match call.method.as_str() {
        "GET" => {
            let policy = control.read(|state| state.policies.get(name).cloned())?;
            Ok(Answer::json(200, &policy))
        }
        "PUT" => {
            let asked: NewPolicy = call.optional_json(&POLICY)?;
            let set = control.change(|state| state.set_policy(name, asked, Timestamp::now()))?;
            Ok(Answer::json(200, &set))
        }
        "DELETE" => {
            control.change(|state| state.policies.remove(name))?;
            Ok(Answer::empty(204))
        }
        _ => Err(Answer::no_such_method()),
    }
}

/// Without the snapshot: it has an identifier, and nothing is found under it.
fn run_policy(control: &Shared, call: &Call, name: &str) -> Answered {
    if call.method != "POST" {
        return Err(Answer::no_such_method());
    }
    control.change(|state| state.run_policy(name, Timestamp::now()))?;
    let begun = json!({"snapshot_id": ids::fresh(), "share": name});
    Ok(Answer::json(202, &begun))
}
