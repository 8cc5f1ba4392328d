//! Why something does not come about that the status of the objects does not explain.

use std::time::Duration;

use crate::context::Context;
use crate::observe;
use dittofs_operator_core::status::{self, View};
use dittofs_operator_core::warnings::Warning;

/// What Events say of the objects that are in trouble, and when to look at them again: an Event wakes nobody.
pub(super) async fn look(context: &Context, view: &View<'_>) -> (Vec<Warning>, Duration) {
    let Some(troubled) = status::troubled(view, jiff::Timestamp::now()) else {
        return (Vec::new(), Duration::MAX);
    };
    let namespace = &view.instance.namespace;
    let warnings = observe::warnings(&context.client, namespace, &troubled.subjects).await;
    let jitter = rand::random_range(0.9..1.1);
    (warnings, troubled.again.mul_f64(jitter))
}
