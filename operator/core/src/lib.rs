//! What the operator decides: data in, data out.
//!
//! The crate has no client, no runtime, no clock and no randomness among its dependencies. Whatever it needs to know
//! is an argument, so that a table can test every decision. The modules are listed in the order in which data flows
//! through them; each uses only those above it.
//!
//! * [`digest`]: digests, and how hashes of several parts are written.
//! * [`generation`]: whether a controller has observed the latest spec.
//! * [`ownership`]: whether an object belongs to an instance.
//! * [`optional`]: the kinds that a cluster may be without.
//! * [`pod_status`]: what a running pod says about its server, and whether it has to be restarted.
//! * [`warnings`]: what Warning Events say of objects of an instance.
//! * [`brake`]: how many servers may be out of service at a time.
//! * [`contest`]: how often an object is put back that others change again and again.
//! * [`secrets`]: which Secrets a spec names, and whether a server can be started with them.
//! * [`observed`]: everything observed of an instance, before any decision.
//! * [`adapters`]: what the sidecar has published, and a verdict on each adapter.
//! * [`exposure`]: the Services that lead to adapters.
//! * [`renewal`]: whether a running pod gets a new sidecar, and which sidecar the next pod gets.
//! * [`instance`]: all of that, parsed and evaluated. Whatever can be refused is refused here.
//! * [`roll`]: whether the server pod must be recreated, and why.
//! * [`desired`]: the objects an instance should have, one file a kind. Total: it returns no error.
//! * [`outcome`]: the result of writing an object.
//! * [`reconcile_request`]: whether an annotation requests a reconcile.
//! * [`status`]: the status, with conditions as an ordered list of checks.
//! * [`events`]: which changes are reported as Events.
//! * [`rest`]: whether a reconcile would only find again what the last one has found.
//! * [`mod@reference`]: the CRD and its reference, generated from the types.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::expect_used,
        clippy::panic,
        clippy::too_many_lines,
        clippy::unwrap_used
    )
)]

pub mod adapters;
pub mod brake;
pub mod contest;
pub mod desired;
pub mod digest;
pub mod events;
pub mod exposure;
pub mod generation;
pub mod instance;
pub mod observed;
pub mod optional;
pub mod outcome;
pub mod ownership;
pub mod pod_status;
pub mod reconcile_request;
pub mod reference;
pub mod renewal;
pub mod rest;
pub mod roll;
pub mod secrets;
pub mod status;
pub mod warnings;
