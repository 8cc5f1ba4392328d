//! The text.

use serde_json::Value;
use std::fmt::Write as _;

use super::fields::{self, Field};
use super::reasons;
use super::rolls::{self, Rolls};

const BEGINNING: &str = "\
# Every field of a DittoServer

Made by `dittofs-operator reference` from the schema. `kubectl explain dittoserver.spec` says the same on a cluster.

In the paths, `[]` stands for each element of a list and `*` for each key of a map, which is an adapter type: `nfs` or `smb`. A size is a
quantity of Kubernetes such as `10Gi`, a duration is written as in Go: `500ms`, `1m30s`, `24h`. Types such as Affinity or ServiceSpec are
those of Kubernetes; its own documentation spells them out.

**Restarts the server** says what a change does to a running server. With `rollPolicy: Manual` a restart waits until somebody asks for it.
*With the next pod* means that the running pod stays, and that the change takes effect whenever a pod is next made.
*The server has stored its own* means that it takes these settings from its database since it first started with some: change them there as
well.
";

/// The whole document.
pub fn text() -> String {
    let mut text = BEGINNING.to_owned();
    text.push_str("\n## Spec\n");
    for field in fields::of("spec") {
        one(&mut text, "spec", &field);
    }
    text.push_str("\n## Status\n");
    for field in fields::of("status") {
        one(&mut text, "status", &field);
    }
    text
}

fn one(text: &mut String, part: &str, field: &Field) {
    if part == "spec" && !field.path.contains('.') {
        let _ = writeln!(text, "\n### {}", field.path);
    }
    let mut facts = vec![kind(field)];
    if field.required {
        facts.push("must be set".to_owned());
    }
    if field.is_leaf()
        && let Some(default) = field.schema.get("default")
    {
        facts.push(format!("default `{}`", plain(default)));
    }
    facts.extend(limits(&field.schema));
    let _ = writeln!(text, "\n`{part}.{}`: {}  ", field.path, facts.join("; "));
    let description = field.schema["description"].as_str().unwrap_or_default();
    let _ = writeln!(text, "{}", description.replace('\n', " "));
    for rule in rules(&field.schema) {
        let _ = writeln!(text, "- Refused unless it holds: {rule}");
    }
    if let Some(reason) = reasons::of(&field.path).filter(|_| part == "spec") {
        let _ = writeln!(text, "- Why this default: {reason}.");
    }
    if part == "spec" && field.is_leaf() {
        let _ = writeln!(text, "- Restarts the server: {}.", restarts(&field.path));
    }
}

fn restarts(path: &str) -> String {
    match rolls::of(path) {
        Some(Rolls::Yes(part)) => format!("yes (`{part}`)"),
        Some(Rolls::When(part, when)) => format!("{when} (`{part}`)"),
        Some(Rolls::NextPod) => "no; with the next pod".to_owned(),
        Some(Rolls::Stored) => {
            "no; the server has stored its own when it first started with them".to_owned()
        }
        Some(Rolls::No) => "no".to_owned(),
        None => "nobody has said".to_owned(),
    }
}

fn kind(field: &Field) -> String {
    if let Some(name) = field.of_kubernetes {
        return format!("{name} of Kubernetes");
    }
    let schema = &field.schema;
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", plural(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", plural(&schema["additionalProperties"]))
        }
        Some(name) => name.to_owned(),
        None => "anything".to_owned(),
    }
}

fn plural(schema: &Value) -> String {
    format!("{}s", schema["type"].as_str().unwrap_or("value"))
}

/// What the schema says about a value, and about the elements of a list.
fn limits(schema: &Value) -> Vec<String> {
    let mut limits = of_value(schema);
    let elements = of_value(&schema["items"]);
    limits.extend(elements.iter().map(|limit| format!("each {limit}")));
    limits
}

fn of_value(schema: &Value) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|v| format!("`{}`", plain(v))).collect();
        limits.push(format!("one of {}", values.join(", ")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        limits.push(format!("matches `{pattern}`"));
    }
    let units = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " elements"),
        ("minProperties", "maxProperties", " keys"),
    ];
    for (least, most, unit) in units {
        let number = |key: &str| {
            let number = schema.get(key)?;
            let whole = number.as_f64().filter(|n| n.fract() == 0.0)?;
            Some(format!("{whole:.0}"))
        };
        match (number(least), number(most)) {
            (Some(least), Some(most)) => limits.push(format!("from {least} to {most}{unit}")),
            (Some(least), None) => limits.push(format!("at least {least}{unit}")),
            (None, Some(most)) => limits.push(format!("at most {most}{unit}")),
            (None, None) => {}
        }
    }
    limits
}

fn rules(schema: &Value) -> Vec<&str> {
    let rules = schema["x-kubernetes-validations"].as_array();
    let messages = rules.into_iter().flatten().map(|rule| &rule["message"]);
    messages.filter_map(Value::as_str).collect()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
