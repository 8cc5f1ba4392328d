//! Values that the schema of a field calls for.

use serde_json::{Value, json};

/// Values that are just inside.
pub fn at_the_bounds(schema: &Value) -> Vec<Value> {
    let mut values: Vec<_> = ["minimum", "maximum"]
        .into_iter()
        .filter_map(|key| schema[key].as_f64())
        .map(whole)
        .collect();
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    let free = schema["pattern"].is_null() && schema["x-kubernetes-validations"].is_null();
    if schema["type"] == "string" && free && schema["enum"].is_null() {
        let lengths = [&schema["minLength"], &schema["maxLength"]].into_iter();
        let lengths = lengths
            .filter_map(Value::as_u64)
            .filter(|length| *length > 0);
        values.extend(lengths.map(|length| json!("a".repeat(usize::try_from(length).unwrap()))));
    }
    if schema["type"] == "boolean" {
        values.extend([json!(true), json!(false)]);
    }
    values
}

/// Values that must be refused.
pub fn mistakes(schema: &Value) -> Vec<Value> {
    let mut values = vec![match schema["type"].as_str() {
        Some("string") => json!(7),
        Some("integer" | "boolean") => json!("neither"),
        _ => json!(true),
    }];
    if let Some(least) = schema["minimum"].as_f64() {
        values.push(whole(least - 1.0));
    }
    if let Some(most) = schema["maximum"].as_f64() {
        values.push(whole(most + 1.0));
    }
    if schema["enum"].is_array() {
        values.push(json!("Nonsense"));
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        let most = usize::try_from(most).unwrap();
        values.push(json!("a".repeat(most + 1)));
    }
    if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
        values.push(json!(""));
    }
    let judged = schema["pattern"].is_string() || !schema["x-kubernetes-validations"].is_null();
    if schema["type"] == "string" && judged {
        values.push(json!("not what it should be"));
    }
    values
}

#[allow(clippy::cast_possible_truncation)] // Bounds in a schema are far from what an i64 cannot hold.
fn whole(number: f64) -> Value {
    json!(number as i64)
}
