//! Which text `kubectl explain` shows.

use schemars::Schema;

/// Takes away the text of a type. For an optional field the schema would have the text of its type, and not that of the field, which
/// says more.
pub(super) fn left_to_the_field(schema: &mut Schema) {
    schema.remove("description");
}
