//! Values that the server takes for each other.

use serde_json::{Value, json};

/// Texts that are true and false to the server's language.
const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

/// What a value may stand for where a key cannot have it, the likeliest first.
pub(super) fn of(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(flag) => vec![json!(i32::from(*flag))],
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            // The fraction is cut off.
            #[allow(clippy::cast_possible_truncation)]
            let whole = number as i64;
            vec![json!(whole), json!(number != 0.0)]
        }
        Value::String(text) => {
            let number = text.parse::<i64>().ok().map(|number| json!(number));
            let fraction = text.parse::<f64>().ok().map(|number| json!(number));
            let flag = if TRUE.contains(&text.as_str()) {
                Some(json!(true))
            } else {
                FALSE.contains(&text.as_str()).then_some(Value::Bool(false))
            };
            [number, fraction, flag].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}
