//! JSON with fields that may be unset.

use serde_json::Value;

/// The same object with one more field, if it is set.
pub fn with(mut object: Value, field: &str, value: Option<Value>) -> Value {
    if let (Value::Object(fields), Some(value)) = (&mut object, value) {
        fields.insert(field.to_owned(), value);
    }
    object
}
