//! The figures of the bench, each with its goal.

use Goal::{AtLeast, AtMost, FloorShare, FloorTimes};

/// Names a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The table below says what they are.
pub enum Key {
    PureReconcile,
    NewRequests,
    NewWrites,
    NewReconciles,
    NewEvents,
    NewStatefulSet,
    ConfigMapBytes,
    ChangeRequests,
    RestWrites,
    RestRequests,
    RestProcessor,
    GreenfieldShare,
    GreenfieldLast,
    GreenfieldP50,
    GreenfieldP99,
    GreenfieldPeer,
    Ceiling,
    MemoryBase,
    MemoryEach,
    MemoryPods,
    ReconcileGrowth,
    ColdStart,
    ColdStartWrites,
    RelistPeak,
    ChangeP50,
    ChangeP99,
    ChangeProcessor,
    ChangeGrowth,
    BusyP50,
    BusyP99,
    Coalescing,
    Sustained,
    Graceful,
    KilledP50,
    KilledMax,
    EndToEndP50,
    EndToEndP99,
    Ready,
    SidecarStart,
    SidecarMemory,
    PollGrowth,
    SidecarProcessor,
    ServerProcessor,
    ServerLog,
    ImageOperator,
    ImageSidecar,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
    /// Not more than so many times the floor.
    FloorTimes(f64),
    /// Not less than this percentage of the floor's speed.
    FloorShare(f64),
    /// None is set.
    None,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Which.
    pub key: Key,
    /// What is measured, for readers.
    pub words: &'static str,
    /// Unit, behind the number.
    pub unit: &'static str,
    /// To be reached.
    pub gate: Goal,
    /// To be tried for.
    pub stretch: Goal,
    /// A count: `--quick` fails above it, on any machine.
    pub limit: Option<f64>,
}

impl Figure {
    const fn new(key: Key, words: &'static str, unit: &'static str) -> Self {
        Self {
            key,
            words,
            unit,
            gate: Goal::None,
            stretch: Goal::None,
            limit: None,
        }
    }

    const fn goals(mut self, gate: Goal, stretch: Goal) -> Self {
        self.gate = gate;
        self.stretch = stretch;
        self
    }

    const fn limit(mut self, most: f64) -> Self {
        self.limit = Some(most);
        self
    }
}

/// Number of instances that the goals are set for.
pub const INSTANCES: usize = 1000;

/// Every figure, in the order of the page.
#[rustfmt::skip] // One row each.
pub const FIGURES: [Figure; 46] = [
    Figure::new(Key::PureReconcile, "a reconcile that changes nothing, without reading and writing", "µs").goals(AtMost(50.0), AtMost(10.0)),
    Figure::new(Key::NewRequests, "requests for a new instance with two adapters", "").goals(AtMost(32.0), AtMost(24.0)).limit(32.0),
    Figure::new(Key::NewWrites, "writes among them", "").goals(AtMost(24.0), AtMost(21.0)).limit(27.0),
    Figure::new(Key::NewReconciles, "reconciles for it", "").goals(AtMost(3.0), AtMost(2.0)).limit(4.0),
    Figure::new(Key::NewEvents, "Events among its writes", "").limit(5.0),
    Figure::new(Key::ConfigMapBytes, "bytes in its ConfigMaps", "").limit(800.0),
    Figure::new(Key::NewStatefulSet, "DittoServer to StatefulSet, one instance alone", "ms"),
    Figure::new(Key::ChangeRequests, "requests for an adapter change, both programs, Events apart", "").goals(AtMost(6.0), AtMost(4.0)).limit(7.0),
    Figure::new(Key::RestWrites, "writes at rest", "").goals(AtMost(0.0), AtMost(0.0)).limit(0.0),
    Figure::new(Key::RestRequests, "requests at rest, per instance and minute", "").goals(AtMost(0.05), AtMost(0.02)),
    Figure::new(Key::RestProcessor, "processor time at rest", "millicores").goals(AtMost(5.0), AtMost(1.0)),
    Figure::new(Key::GreenfieldShare, "many new instances at once: share of the floor's speed", "%").goals(FloorShare(60.0), FloorShare(85.0)),
    Figure::new(Key::GreenfieldLast, "many new instances at once: last StatefulSet after", "s"),
    Figure::new(Key::GreenfieldP50, "many new instances at once: DittoServer to StatefulSet, p50", "s"),
    Figure::new(Key::GreenfieldP99, "many new instances at once: DittoServer to StatefulSet, p99", "s"),
    Figure::new(Key::GreenfieldPeer, "many new instances at once: last StatefulSet, as a multiple of the Go operator's time", "×").goals(AtMost(1.0), AtMost(0.7)),
    Figure::new(Key::Ceiling, "writes that the API server takes, small ConfigMaps", "/s"),
    Figure::new(Key::MemoryBase, "operator: resident memory without instances", "MiB").goals(AtMost(12.0), AtMost(8.0)),
    Figure::new(Key::MemoryEach, "operator: more for each 1,000 instances without pods", "MiB"),
    Figure::new(Key::MemoryPods, "operator: more for each 1,000 instances with pods and claims", "MiB").goals(AtMost(20.0), AtMost(10.0)),
    Figure::new(Key::ReconcileGrowth, "operator: resident memory after many reconciles, as a multiple of before", "×").goals(AtMost(1.1), Goal::None),
    Figure::new(Key::ColdStart, "operator restarted, everything right: done after", "s").goals(AtMost(3.0), AtMost(1.5)),
    Figure::new(Key::ColdStartWrites, "writes of that restart", "").goals(AtMost(0.0), AtMost(0.0)).limit(0.0),
    Figure::new(Key::RelistPeak, "operator: most memory while all watches begin anew, as a multiple of before", "×").goals(AtMost(1.5), AtMost(1.25)),
    Figure::new(Key::ChangeP50, "ConfigMap to Service and NetworkPolicy, p50", "ms").goals(FloorTimes(2.0), FloorTimes(1.3)),
    Figure::new(Key::ChangeP99, "ConfigMap to Service and NetworkPolicy, p99", "ms").goals(FloorTimes(3.0), FloorTimes(1.8)),
    Figure::new(Key::ChangeProcessor, "processor time of the operator for an adapter change", "ms"),
    Figure::new(Key::ChangeGrowth, "that time among many instances, as a multiple", "×").goals(AtMost(1.5), AtMost(1.1)),
    Figure::new(Key::BusyP50, "ConfigMap to Service and NetworkPolicy, while others change, p50", "ms"),
    Figure::new(Key::BusyP99, "ConfigMap to Service and NetworkPolicy, while others change, p99", "ms"),
    Figure::new(Key::Coalescing, "writes of the Service after 1,000 changes of one ConfigMap in a row", "").goals(AtMost(5.0), AtMost(2.0)),
    Figure::new(Key::Sustained, "adapter changes a second with p99 within 250 ms", "/s").goals(AtLeast(100.0), Goal::None),
    Figure::new(Key::Graceful, "leader ended by SIGTERM: next write by the other after", "s").goals(AtMost(1.0), AtMost(0.3)),
    Figure::new(Key::KilledP50, "leader killed: next write by the other after, p50", "s").goals(AtMost(15.0), AtMost(10.0)),
    Figure::new(Key::KilledMax, "leader killed: next write by the other after, longest", "s").goals(AtMost(18.0), AtMost(10.0)),
    Figure::new(Key::EndToEndP50, "adapter change in DittoFS to Service, on a node, p50", "ms").goals(AtMost(120.0), AtMost(50.0)),
    Figure::new(Key::EndToEndP99, "adapter change in DittoFS to Service, on a node, p99", "ms").goals(AtMost(250.0), AtMost(100.0)),
    Figure::new(Key::Ready, "kubectl apply to Ready=True, on a node", "s"),
    Figure::new(Key::SidecarStart, "sidecar: from its start beside a running server to its first publication", "ms"),
    Figure::new(Key::SidecarMemory, "sidecar: resident memory", "MiB").goals(AtMost(6.0), AtMost(4.0)),
    Figure::new(Key::PollGrowth, "sidecar: resident memory after many polls, as a multiple of before", "×").goals(AtMost(1.1), Goal::None),
    Figure::new(Key::SidecarProcessor, "sidecar: processor time at rest", "millicores").goals(AtMost(1.0), AtMost(0.3)),
    Figure::new(Key::ServerProcessor, "server: processor time at rest for the polls of its sidecar", "millicores"),
    Figure::new(Key::ServerLog, "lines in the server's log at rest, a day", "").goals(AtMost(3000.0), AtMost(300.0)),
    Figure::new(Key::ImageOperator, "image of the operator, compressed", "MiB").goals(AtMost(6.0), AtMost(4.5)),
    Figure::new(Key::ImageSidecar, "image of the sidecar, compressed", "MiB").goals(AtMost(3.5), AtMost(2.5)),
];
