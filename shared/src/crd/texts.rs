//! Which description `kubectl explain` shows.

use schemars::Schema;

/// Removes the description of a type. Otherwise the schema of an optional field would have the description of its
/// type, and not that of the field, which says more.
pub(super) fn left_to_the_field(schema: &mut Schema) {
    schema.remove("description");
}
